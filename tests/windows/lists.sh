#!/usr/bin/env bash
# What a Windows module exports and which libraries it imports, against the committed lists:
# tests/windows/lists.sh ARCH DLL [write]. Exports are the standard's names and ours, undecorated in
# both widths; imports are the system's own libraries. With `write` the lists are made anew.
set -euo pipefail
here=$(dirname "$0") arch=$1 dll=$2
dump=$arch-w64-mingw32-objdump
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$dump" -p "$dll" | awk '/^\[Ordinal\/Name Pointer\] Table/ {on = 1; next}
    on && /^\t\[ *[0-9]+\]/ {print $NF; next} on && !/^\t/ {on = 0}' |
    LC_ALL=C sort >"$folder/exports.txt"
"$dump" -p "$dll" | awk '/DLL Name:/ {print tolower($3)}' | LC_ALL=C sort -u \
    >"$folder/imports-$arch.txt"
for list in exports.txt "imports-$arch.txt"; do
    [ "${3:-}" = write ] && cp "$folder/$list" "$here/$list"
    diff -u "$here/$list" "$folder/$list" || { echo "$list is not what the module has" >&2; exit 1; }
    echo "$list: $(wc -l <"$here/$list")"
done
