#!/usr/bin/env bash
# Opens JupyterLab on the notebooks, with a state directory of its own. Usage: lab.sh BIN [options]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1
shift

options=(--ServerApp.ip=127.0.0.1 --notebook-dir=notebooks)
if [ "$(id -u)" = 0 ]; then options+=(--allow-root); fi
if [ "$(uname)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then options+=(--no-browser); fi
exec "$bin/python" scripts/sandbox.py "$bin/jupyter-lab" "${options[@]}" "$@"
