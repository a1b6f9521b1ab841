#!/bin/sh
# Print how much of CPython's own test suite passes under guv.monkey_patch(), for each usable Python on this machine:
# compat.sh RUNNER CHOSEN [options of the runner]. RUNNER is compat's run.py; CHOSEN is the Python that .venv has.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
runner=$1
chosen=$(realpath "$2")
shift 2
out=${COMPAT_OUT:-$root/build/compat}
mkdir -p "$out"
for python in ${COMPAT_PYTHONS:-$("$root/tools/find_python.sh")}; do
    version=$("$python" -c 'import platform; print(platform.python_version())')
    venv=.venv-${version%.*}
    [ "$(realpath "$python")" = "$chosen" ] && venv=.venv
    make -s -C "$root" PYTHON="$python" VENV="$venv" ext >/dev/null
    echo "== Python $version"
    PYTHONPATH="$root/python" "$root/$venv/bin/python" "$runner" --lib guv --python "$root/$venv/bin/python" \
        --out "$out" --json "$out/guv-$version.json" "$@" || true
    "$root/$venv/bin/python" "$root/tools/check_compat.py" "$version" "$out/guv-$version.json" "$out/none-$version.json"
done
