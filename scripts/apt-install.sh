#!/usr/bin/env bash
# Installs Debian packages, fetching the lists of packages only when they are too old to do.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
install=(apt-get install -y -qq --no-install-recommends "$@")
"${install[@]}" >/dev/null 2>&1 || { apt-get update -qq && "${install[@]}" >/dev/null; }
