#!/usr/bin/env bash
# Makes a virtual environment with what requirements-dev.txt names. Usage: setup-venv.sh PYTHON DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 venv=$2

die() { echo "error: $*" >&2; exit 1; }

command -v "$python" >/dev/null ||
    die "$python is not on the PATH. Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "$python is $("$python" --version 2>&1), and 3.11 or newer is needed. Name another: make PYTHON=/path/to/python3"

has_venv() { "$python" -c 'import venv, ensurepip' 2>/dev/null; }
if ! has_venv; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing python3-venv"
        scripts/apt-install.sh python3-venv
    fi
    has_venv || die "$python has no venv module. On Debian and Ubuntu, install it with: apt-get install python3-venv"
fi

rm -rf "$venv"
"$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check --quiet)

# uv takes seconds where pip takes a minute, but knows nothing of pip's configuration (a mirror, a
# proxy's certificate): where it doesn't reach an index, pip does the same work.
uv_pin=$(mktemp)
trap 'rm -f "$uv_pin"' EXIT
awk '/^[^ ]/ { wanted = /^uv==/ } wanted' requirements-dev.txt >"$uv_pin"
"${pip[@]}" install --require-hashes -r "$uv_pin"
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1} UV_NO_PROGRESS=1 UV_NO_CONFIG=1 UV_LINK_MODE=${UV_LINK_MODE:-copy}
if ! "$venv/bin/uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" --require-hashes -r requirements-dev.txt; then
    echo "uv could not install the dependencies; trying pip, which takes about a minute"
    "${pip[@]}" install --require-hashes -r requirements-dev.txt
fi
touch "$venv/dependencies"
