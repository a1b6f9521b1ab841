#!/bin/sh
# Print how much of CPython's own test suite passes under guv.monkey_patch(), for each usable Python on this machine:
# compat.sh RUNNER CHOSEN [options of the runner]. RUNNER is compat's run.py; CHOSEN is the Python that .venv has.
# Set COMPAT_PYTHONS to the interpreters to use, COMPAT_OUT to a folder for results and baselines (build/compat).
# Status 1 if a test fails that tests_py/stdlib/expected_failures.txt does not have.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
runner=$1
chosen=$(realpath "$2")
shift 2
out=${COMPAT_OUT:-$root/build/compat}
mkdir -p "$out"
status=0
for python in ${COMPAT_PYTHONS:-$("$root/tools/find_python.sh")}; do
    version=$("$python" -c 'import platform; print(platform.python_version())')
    venv=.venv-${version%.*}
    [ "$(realpath "$python")" = "$chosen" ] && venv=.venv
    make -s -C "$root" PYTHON="$python" VENV="$venv" ext >/dev/null
    interpreter=$root/$venv/bin/python
    echo "== Python $version"
    PYTHONPATH="$root/python" "$interpreter" "$runner" --lib guv --python "$interpreter" \
        --out "$out" --json "$out/guv-$version.json" "$@"
    PYTHONPATH="$root/python" "$interpreter" "$runner" probe --lib guv --python "$interpreter"
    "$interpreter" "$root/tools/check_compat.py" "$version" "$out/guv-$version.json" "$out/none-$version.json" || status=1
done
exit $status
