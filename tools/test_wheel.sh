#!/bin/sh
# Test an installed wheel: test_wheel.sh PYTHON WHEEL [pytest argument ...]
#
# The wheel goes into an environment of its own and the tests run from an empty directory, so nothing of the source
# tree can be imported by accident. With "smoke" as the only further argument run tools/smoke.py instead of the tests.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
python=$1
wheel=$(realpath "$2")
shift 2

venv=$root/build/wheel-$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"))')
"$python" -m venv --clear "$venv"
mode=tests
extras=dev
if pkg-config --exists libmariadb 2>/dev/null; then
    extras=$extras,test-compiled
fi
if pkg-config --exists ldap libsasl2 2>/dev/null; then
    extras=$extras,test-ldap
fi
wanted="guv[$extras]"
if [ "${1:-}" = smoke ]; then
    mode=smoke
    wanted=guv
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wanted @ file://$wheel"

elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
cd "$elsewhere"
unset PYTHONPATH
"$venv/bin/python" "$root/tools/smoke.py" "$venv"
if [ $mode = tests ]; then
    "$venv/bin/python" -m pytest -c "$root/pyproject.toml" --rootdir "$root" -o cache_dir="$elsewhere/cache" "$@" "$root/tests_py"
fi
