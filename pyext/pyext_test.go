package pyext

import (
	"encoding/binary"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/guv-project/guv/hub"
	"github.com/guv-project/guv/trampoline"
)

// rings are buffers as Python would own them, and the hub on them.
type rings struct {
	t        *testing.T
	submit   []int64
	complete []int64
	id       int64
}

func addressOf[T any](s []T) int64 { return int64(uintptr(unsafe.Pointer(unsafe.SliceData(s)))) }

func open(t *testing.T) *rings {
	t.Helper()
	t.Setenv("GUV_VERIFY", "1")
	r := &rings{t: t, submit: make([]int64, 64), complete: make([]int64, 64)}
	r.id = Open(addressOf(r.submit), 64, addressOf(r.complete), 64)
	if r.id < 1 {
		t.Fatal("Open:", r.id)
	}
	t.Cleanup(func() { Close(r.id) })
	return r
}

// await polls until there is a result and returns the results.
func (r *rings) await() []int64 {
	r.t.Helper()
	for {
		n := Poll(r.id, 0, -1)
		if n < 0 && n != -int64(syscall.EINTR) {
			r.t.Fatal("Poll:", n)
		}
		if n > 0 {
			return r.complete[:n]
		}
	}
}

func TestOpen_BadRings_AreRefused(t *testing.T) {
	words := addressOf(make([]int64, 4))
	for _, args := range [][4]int64{{0, 4, words, 4}, {words, 4, 0, 4}, {words, 0, words, 4}, {words, 4, words, -1}, {words, 1, words, 4}} {
		if code := Open(args[0], args[1], args[2], args[3]); code != CodeArgument {
			t.Errorf("Open%v = %d", args, code)
		}
	}
}

func TestOpen_MoreHubsThanProcessors_EachHasOneAndOneIsIdle(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	for hubs := 1; hubs <= 5; hubs++ {
		open(t)
		if got := runtime.GOMAXPROCS(0); got <= hubs {
			t.Fatalf("%d processors for %d hubs", got, hubs)
		}
	}
}

func TestThreads_MoreJobsThanProcessors_EachHasOneAndOneIsIdle(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	pool := threads{limit: 5}
	finish := make(chan struct{})
	var jobs sync.WaitGroup
	for n := 1; n <= pool.limit; n++ {
		jobs.Add(1)
		pool.start(func() { <-finish; jobs.Done() })
		if got := runtime.GOMAXPROCS(0); got <= n {
			t.Fatalf("%d processors for %d jobs", got, n)
		}
	}
	close(finish)
	jobs.Wait()
}

func TestPoll_DescriptorAndTimer_ComeThroughTheRings(t *testing.T) {
	r := open(t)
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = syscall.Close(fds[0]), syscall.Close(fds[1]) }()
	r.submit[0], r.submit[1] = trampoline.OpWatch|int64(fds[0])<<8, trampoline.Writable
	r.submit[2], r.submit[3] = trampoline.OpTimer|5<<8, 1
	if n := Poll(r.id, 4, -1); n != 2|1<<32 || r.complete[0] != trampoline.Writable|int64(fds[0])<<16 || r.complete[1] != trampoline.KindTimer|5<<16 {
		t.Fatalf("%d results, %#x", n, r.complete[:2])
	}
	for which, want := range map[int64]int64{StatPolls: 1, StatControls: 1, StatEvents: 1, StatFired: 1, StatSubmitted: 2, StatPending: 0} {
		if got := Stat(r.id, which); got != want {
			t.Errorf("Stat(%d) = %d, want %d", which, got, want)
		}
	}
	if Stat(r.id, -1) != CodeArgument || Stat(r.id, 99) != CodeArgument {
		t.Error("an unknown counter has a value")
	}
}

func TestDeadline_PendingOrNot_IsItsTimeOr0(t *testing.T) {
	r := open(t)
	r.submit[0], r.submit[1] = trampoline.OpTimer|5<<8, 1<<60
	Submit(r.id, 2)
	for token, want := range map[int64]int64{5: 1 << 60, 6: 0, -1: 0, 1 << 40: 0} {
		if got := Deadline(r.id, token); got != want {
			t.Errorf("Deadline(%d) = %d, want %d", token, got, want)
		}
	}
}

func TestSubmit_Nonsense_IsACode(t *testing.T) {
	r := open(t)
	r.submit[0] = 77
	if code := Submit(r.id, 2); code != CodeArgument {
		t.Fatal(code)
	}
	if code := Submit(r.id, 65); code != CodeArgument {
		t.Fatal(code)
	}
}

func TestClose_IsIdempotentAndTheIdIsNotReused(t *testing.T) {
	r := open(t)
	epfd, eventfd := Fd(r.id, 0), Fd(r.id, 1)
	if epfd < 0 || eventfd < 0 || Fd(r.id, 2) != CodeArgument {
		t.Fatal(epfd, eventfd)
	}
	for range 2 {
		if code := Close(r.id); code != 0 {
			t.Fatal("Close:", code)
		}
	}
	if other := open(t); other.id == r.id {
		t.Fatal("the id was reused")
	}
	for name, code := range map[string]int64{
		"Poll": Poll(r.id, 0, 0), "Submit": Submit(r.id, 0), "Fd": Fd(r.id, 0), "Stat": Stat(r.id, 0), "Deadline": Deadline(r.id, 0),
		"Lookup": Lookup(r.id, 0, 1, 1, 1, 12), "LookupCancel": LookupCancel(r.id, 0), "Watchdog": Watchdog(r.id, 1, 1), "Poll 0": Poll(0, 0, 0),
	} {
		if code != CodeClosed {
			t.Errorf("%s of a closed hub: %d", name, code)
		}
	}
}

func TestFd_EventFdWrittenTo_EndsTheWait(t *testing.T) {
	r := open(t)
	fd := int(Fd(r.id, 1))
	for range 3 {
		if _, err := syscall.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
			t.Fatal(err)
		}
		before := Stat(r.id, StatWakes)
		for Stat(r.id, StatWakes) == before {
			if n := Poll(r.id, 0, -1); n != 0 && n != -int64(syscall.EINTR) {
				t.Fatal(n)
			}
		}
	}
}

func TestRescue_Panic_BecomesACodeWithItsText(t *testing.T) {
	fail := func() (code int64) {
		defer rescue(&code)
		panic("the text of it")
	}
	if code := fail(); code != CodePanic {
		t.Fatal(code)
	}
	text := make([]byte, 4096)
	n := LastError(addressOf(text), int64(len(text)))
	if got := string(text[:min(n, 4096)]); !strings.HasPrefix(got, "the text of it") || !strings.Contains(got, "TestRescue") {
		t.Fatalf("%q", got)
	}
	if LastError(0, 0) != n {
		t.Fatal("the length depends on the buffer")
	}
}

func request(kind, family, socktype, protocol, flags int32, rest string) []byte {
	var b []byte
	for _, n := range []int32{kind, family, socktype, protocol, flags} {
		b = binary.NativeEndian.AppendUint32(b, uint32(n))
	}
	return append(b, rest...)
}

// look submits a lookup into a result buffer of the given size and returns the buffer.
func (r *rings) look(token int64, req []byte, size int) []byte {
	r.t.Helper()
	result := make([]byte, size)
	if code := Lookup(r.id, token, addressOf(req), int64(len(req)), addressOf(result), int64(size)); code != 0 {
		r.t.Fatal("Lookup:", code)
	}
	clear(req) // it has been copied
	return result
}

func ints(b []byte, n int) (out []int32) {
	for i := range n {
		out = append(out, int32(binary.NativeEndian.Uint32(b[4*i:])))
	}
	return out
}

const numeric = 4 // AI_NUMERICHOST: no test asks a name server

func TestLookup_Address_IsDeliveredByPoll(t *testing.T) {
	r := open(t)
	result := r.look(3, request(0, syscall.AF_INET, syscall.SOCK_STREAM, 0, numeric, "127.0.0.1\x0080\x00"), 256)
	if got := r.await(); len(got) != 1 || got[0] != trampoline.KindPosted|3<<16 {
		t.Fatalf("%#x", got)
	}
	head := ints(result, 8)
	want := []int32{0, 0, 1, syscall.AF_INET, syscall.SOCK_STREAM, syscall.IPPROTO_TCP, -1, 16}
	for i := range want {
		if head[i] != want[i] {
			t.Fatalf("result begins %v, want %v", head, want)
		}
	}
	if address := result[32:40]; string(address[2:]) != "\x00P\x7f\x00\x00\x01" {
		t.Fatalf("address %q", address)
	}
}

func TestLookup_Name_IsDeliveredByPoll(t *testing.T) {
	r := open(t)
	address := binary.NativeEndian.AppendUint16(nil, syscall.AF_INET)
	address = append(address, "\x00P\x7f\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"...)
	result := r.look(0, request(1, 0, 0, 0, 3, string(address)), 64) // NI_NUMERICHOST | NI_NUMERICSERV
	r.await()
	if got := ints(result, 5); got[0] != 0 || got[3] != 9 || got[4] != 2 || string(result[20:31]) != "127.0.0.180" {
		t.Fatalf("%v %q", got, result[20:31])
	}
}

func TestLookup_NotAnAddress_GivesTheStatus(t *testing.T) {
	r := open(t)
	result := r.look(0, request(0, 0, 0, 0, numeric, "no address\x00\x00"), 64)
	r.await()
	const text = "Name or service not known"
	if got := ints(result, 3); got[0] != -2 || got[2] != int32(len(text)) || string(result[12:12+len(text)]) != text {
		t.Fatalf("EAI_NONAME came as %v %q", got, result[12:])
	}
}

func TestLookup_ResultDoesNotFit_TellsTheSize(t *testing.T) {
	r := open(t)
	ask := func(size int) []int32 {
		result := r.look(0, request(0, 0, syscall.SOCK_STREAM, 0, numeric, "127.0.0.1\x0080\x00"), size)
		r.await()
		return ints(result, 3)
	}
	small := ask(12)
	if small[0] != lookupTooBig {
		t.Fatal(small)
	}
	if exact := ask(int(small[2])); exact[0] != 0 || exact[2] != 1 {
		t.Fatal(exact)
	}
}

func TestLookup_MalformedRequest_IsRefused(t *testing.T) {
	r := open(t)
	for name, req := range map[string][]byte{
		"empty": {}, "half a header": make([]byte, 10), "one name": request(0, 0, 0, 0, 0, "x\x00"), "no NUL at the end": request(0, 0, 0, 0, 0, "x\x00\x00y"),
		"three names": request(0, 0, 0, 0, 0, "x\x00y\x00z\x00"), "unknown kind": request(7, 0, 0, 0, 0, "x\x00y\x00"), "no address": request(1, 0, 0, 0, 0, ""),
	} {
		result := make([]byte, 64)
		if code := Lookup(r.id, 0, addressOf(append(req, 0)), int64(len(req)), addressOf(result), 64); code != CodeArgument {
			t.Errorf("%s: %d", name, code)
		}
	}
}

func TestLookupCancel_HalfOfMany_DeliversTheOthersOnce(t *testing.T) {
	r := open(t)
	const many = 3 * lookupsAtOnce
	results := make([][]byte, many)
	for token := range int64(many) {
		results[token] = r.look(token, request(0, 0, 0, 0, numeric, "127.0.0.1\x00\x00"), 512)
	}
	for token := int64(0); token < many; token += 2 {
		LookupCancel(r.id, token)
		LookupCancel(r.id, token)
	}
	seen := map[int64]int{}
	for len(seen) < many/2 {
		for _, word := range r.await() {
			seen[word>>16]++
		}
	}
	for token := range int64(many) {
		if want := int(token % 2); seen[token] != want {
			t.Errorf("token %d delivered %d times", token, seen[token])
		}
		if untouched := ints(results[token], 3)[2] == 0; untouched != (token%2 == 0) {
			t.Errorf("token %d: untouched is %v", token, untouched)
		}
	}
}

func TestClose_LookupsInFlight_TouchesNoBuffer(t *testing.T) {
	for range 20 {
		r := open(t)
		result := r.look(1, request(0, 0, 0, 0, numeric, "127.0.0.1\x00\x00"), 512)
		Close(r.id)
		if ints(result, 3)[2] != 0 {
			t.Fatal("written after Close")
		}
	}
}

func TestThreads_MoreJobsThanThreads_RunAllInOrderOfArrival(t *testing.T) {
	pool := threads{limit: 1}
	var order []int
	gate, done := make(chan struct{}), make(chan struct{})
	pool.start(func() { <-gate })
	for i := range 10 {
		pool.start(func() { order = append(order, i) })
	}
	pool.start(func() { close(done) })
	close(gate)
	<-done
	for i, got := range order {
		if i != got {
			t.Fatal("order", order)
		}
	}
	if len(order) != 10 {
		t.Fatal("ran", len(order))
	}
}

func TestWatchdog_BlockedLoop_WritesAReport(t *testing.T) {
	r := open(t)
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = syscall.Close(pipe[0]), syscall.Close(pipe[1]) }()
	if code := Watchdog(r.id, 2_000_000, int64(pipe[1])); code != 0 {
		t.Fatal(code)
	}
	report, before := make([]byte, 17), hub.Monotonic()
	// The loop stands still because this thread reads the pipe, which blocks until there is a report.
	if n, err := syscall.Read(pipe[0], report); n != 16 || err != nil {
		t.Fatal(n, err)
	}
	id, began := int64(binary.NativeEndian.Uint64(report)), int64(binary.NativeEndian.Uint64(report[8:]))
	if now := hub.Monotonic(); id != r.id || began < before-1_000_000 || began > now-2_000_000 {
		t.Fatal(id, before, began, now)
	}
	if Watchdog(r.id, 0, 0) != 0 || Watchdog(r.id, 1, -1) != CodeArgument || Watchdog(r.id, -1, 0) != CodeArgument {
		t.Fatal("codes")
	}
}
