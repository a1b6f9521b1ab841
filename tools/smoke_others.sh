#!/bin/sh
# Build, install and smoke-test guv for every usable Python on this machine but the given one: smoke_others.sh PYTHON
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
chosen=$1
folder=$root/build/smoke
rm -rf "$folder"
"$root/tools/find_python.sh" | while read -r python; do
    [ "$python" = "$(realpath "$chosen")" ] && continue
    "$python" -m venv --clear "$folder/venv"
    "$folder/venv/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps -w "$folder/dist" "$root"
    "$root/tools/test_wheel.sh" "$python" "$folder"/dist/*.whl smoke
    rm -rf "$folder"
done
