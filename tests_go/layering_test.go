// Package tests_go tests what needs several packages: the layering, and whole loops under load.
package tests_go

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/guv-project/guv/"

// allowed says which packages of ours, and which that are not the standard library's, a package may import.
var allowed = map[string][]string{
	"hub/wheel":           {"hub/internal/memory"},
	"hub/internal/memory": {"golang.org/x/sys/unix"},
	"hub/internal/sys":    {"golang.org/x/sys/unix"},
	"hub/poller":          {"hub/internal/sys"},
	"hub":                 {"hub/wheel", "hub/poller"},
	"trampoline":          {"hub", "hub/poller", "hub/wheel"},
	"trampoline/watchdog": {},
	"pyext":               {"trampoline", "trampoline/watchdog", "hub"},
}

// imports returns what the package in a folder imports outside of its tests.
func imports(t *testing.T, folder string) (paths []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	return paths
}

func TestImports_PointDownOnly(t *testing.T) {
	found := map[string]bool{}
	for _, top := range []string{"hub", "trampoline", "pyext"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(folder string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.IsDir() || entry.Name() == "testdata" {
				return err
			}
			name := filepath.ToSlash(strings.TrimPrefix(folder, ".."+string(filepath.Separator)))
			paths := imports(t, folder)
			if len(paths) > 0 {
				found[name] = true
			}
			for _, path := range paths {
				ours, isOurs := strings.CutPrefix(path, module)
				switch {
				case path == "C" && name != "pyext":
					t.Errorf("%s imports C; only pyext may", name)
				case !isOurs && !strings.Contains(path, "."):
					// the standard library, or C in pyext
				case !slices.Contains(allowed[name], ours):
					t.Errorf("%s may not import %s", name, path)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range allowed {
		if _, err := os.Stat(filepath.Join("..", name)); err != nil {
			t.Errorf("the table names %s: %v", name, err)
		}
	}
	if !found["hub"] || !found["pyext"] {
		t.Fatalf("looked at %v only", found)
	}
}

func TestWheel_ImportsNothingThatReadsClocksOrDoesIO(t *testing.T) {
	for _, path := range imports(t, "../hub/wheel") {
		if path != "math/bits" && path != "fmt" && !strings.HasSuffix(path, "/hub/internal/memory") {
			t.Errorf("hub/wheel imports %s", path)
		}
	}
}

func TestPackages_SayWhatTheyPromise(t *testing.T) {
	for name := range allowed {
		text, err := os.ReadFile(filepath.Join("..", name, "doc.go"))
		if err != nil {
			t.Errorf("%s has no package documentation: %v", name, err)
			continue
		}
		if head := "// Package " + filepath.Base(name) + " "; !strings.HasPrefix(string(text), head) {
			t.Errorf("%s/doc.go does not begin with %q", name, head)
		}
	}
}
