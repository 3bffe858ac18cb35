#!/usr/bin/env bash
# A C program loads the module under Wine: tests/windows/programs.sh ARCH DLL FOLDER.
set -euo pipefail
here=$(dirname "$0") arch=$1 dll=$2 into=$3
"$arch-w64-mingw32-gcc" -O2 -Wall -Wextra -Wno-strict-prototypes -o "$into/client-$arch.exe" \
    "$here/client.c"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
windows() { winepath -w "$1" 2>/dev/null; }
wine "$into/client-$arch.exe" "$(windows "$dll")" unload 1000
WARDCARD_STORE=$(windows "$place/cards") WARDCARD_STORE_KEY=$(windows "$place/key/store.key") \
    WARDCARD_DEBUG=1 wine "$into/client-$arch.exe" "$(windows "$dll")" store
