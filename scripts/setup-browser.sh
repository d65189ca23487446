#!/usr/bin/env bash
# Makes sure that there is a Chromium for the browser tests, and a font for its screenshots.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "error: $*" >&2; exit 1; }

if [ -n "${CHROMIUM:-}" ]; then
    command -v "$CHROMIUM" >/dev/null || die "CHROMIUM names $CHROMIUM, which is not a program."
    exit 0
fi
has_font() { ls /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf >/dev/null 2>&1; }
command -v chromium >/dev/null && has_font && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing chromium and fonts-dejavu-core"
    scripts/apt-install.sh chromium fonts-dejavu-core
fi
command -v chromium >/dev/null ||
    die "the browser tests need Chromium: apt-get install chromium fonts-dejavu-core, or set CHROMIUM to a Chromium's path."
