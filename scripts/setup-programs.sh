#!/usr/bin/env bash
# Makes sure that there are the programs that the service's tests use: Podman and a registry for images,
# bindfs for a file system without shared memory. Without them those tests are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

has_all() {
    for program in podman docker-registry htpasswd busybox bindfs; do
        command -v "$program" >/dev/null || return 1
    done
    [ "$(id -u)" != 0 ] || command -v runc >/dev/null
}

has_all && exit 0
packages=(podman runc docker-registry apache2-utils busybox-static bindfs)
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing ${packages[*]}"
    scripts/apt-install.sh "${packages[@]}"
fi
has_all || echo "note: some tests are skipped; they need: apt-get install ${packages[*]}"
