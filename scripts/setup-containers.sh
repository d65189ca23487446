#!/usr/bin/env bash
# Makes sure that there is a Podman for the tests of images, and a registry. Without them they are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

has_all() {
    for program in podman docker-registry htpasswd busybox; do
        command -v "$program" >/dev/null || return 1
    done
    [ "$(id -u)" != 0 ] || command -v runc >/dev/null
}

has_all && exit 0
packages=(podman runc docker-registry apache2-utils busybox-static)
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing ${packages[*]}"
    scripts/apt-install.sh "${packages[@]}"
fi
has_all || echo "note: the tests of images are skipped; they need: apt-get install ${packages[*]}"
