#!/bin/sh
# Make or refresh a development environment: setup_venv.sh PYTHON FOLDER [EXTRA], by default with what "dev" names
#
# guv is installed in editable form without build isolation, so its extension is built (or taken from the cache) with
# the tools of this environment and lands in python/guv/_ext.
set -eu
python=$1
folder=$2
extra=${3:-dev}

if [ -z "$python" ]; then
    echo "error: no usable Python 3.10 to 3.13 found: install one with venv and headers" \
         "(Debian, Ubuntu: apt-get install python3-venv python3-dev), or say make PYTHON=/path/to/python" >&2
    exit 1
fi
version_of() { "$1" -c 'import sys; print(sys.version)' 2>/dev/null; }
if [ "$(version_of "$folder/bin/python")" != "$(version_of "$python")" ]; then
    "$python" -m venv --clear "$folder"
fi
requirements=$(PYTHONPATH=tools "$folder/bin/python" -m guv_build --requirements)
# The requirements are words without blanks, one a line.
# shellcheck disable=SC2086
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check $requirements
# Built by itself first: its errors are one sentence, pip would wrap them in thirty lines.
PATH="$(cd "$folder" && pwd)/bin:$PATH" PYTHONPATH=tools "$folder/bin/python" -m guv_build
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation -e ".[$extra]"
