#!/bin/sh
# Print the path of each CPython that guv can be built for on this machine, one a line, best first:
# the newest patch release of 3.12, 3.11, 3.13, 3.10, from PATH and from pyenv. One line per minor version.
# With an argument print only the first.
#
# An interpreter without its headers or without ensurepip (Debian splits both off) can't build guv and is passed over.

usable() {
    # A pyenv shim for a version that is not selected exists but does not run: hence trying, not looking.
    "$1" - "$2" 2>/dev/null <<'EOF'
import os, sys, sysconfig
import ensurepip, venv
right = "%d.%d" % sys.version_info[:2] == sys.argv[1]
headers = os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
if not (right and headers and sys.implementation.name == "cpython"):
    sys.exit(1)
print(os.path.realpath(sys.executable))
EOF
}

for version in 3.12 3.11 3.13 3.10; do
    for candidate in "python$version" \
        $(ls -rd "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python 2>/dev/null) python3; do
        if usable "$candidate" "$version"; then
            [ $# -gt 0 ] && exit 0
            break
        fi
    done
done
