#!/usr/bin/env bash
# Runs a loader of Wine in the tree that .ci/windows unpacks: tests/windows/tree.sh TREE LOADER PROGRAM
# ARGUMENT...; LOADER is `wine` for 32-bit programs and `wine64` for the others. What the folders of
# $WARDCARD_TREE_SHOWS hold is there at the same paths. Mounts end with the program.
set -euo pipefail
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo --preserve-env "$@"; fi; }
export HOME=/root WINEPREFIX=/wine WINESERVER=/usr/lib/wine/wineserver64 WINEARCH=win64 WINEDEBUG=${WINEDEBUG:--all}
as_root unshare --mount bash -euc '
    tree=$0 here=$PWD
    mount -t proc proc "$tree/proc"
    for device in null zero urandom random; do
        [ -e "$tree/dev/$device" ] || : >"$tree/dev/$device"
        mount --bind "/dev/$device" "$tree/dev/$device"
    done
    for folder in ${WARDCARD_TREE_SHOWS:-}; do
        mkdir -p "$tree/$folder"
        mount --bind "$folder" "$tree/$folder"
    done
    loader=$1
    shift
    exec chroot "$tree" "/usr/lib/wine/$loader" "$@"' "$@"
