#!/usr/bin/env bash
# What a Windows module exports and which libraries it imports, against the committed lists:
# tests/windows/lists.sh ARCH DLL. Exports are the standard's names and ours, undecorated in both
# widths; imports are the system's own libraries.
set -euo pipefail
here=$(dirname "$0") arch=$1 dll=$2
dump=$arch-w64-mingw32-objdump
found=$(mktemp)
trap 'rm -f "$found"' EXIT
"$dump" -p "$dll" | awk '/^\[Ordinal\/Name Pointer\] Table/ {on = 1; next}
    on && /^\t\[ *[0-9]+\]/ {print $NF; next} on && !/^\t/ {on = 0}' | LC_ALL=C sort >"$found"
diff -u "$here/exports.txt" "$found" || { echo "exports are not those of the list" >&2; exit 1; }
"$dump" -p "$dll" | awk '/DLL Name:/ {print tolower($3)}' | LC_ALL=C sort -u >"$found"
diff -u "$here/imports.txt" "$found" || { echo "imports are not those of the list" >&2; exit 1; }
echo "exports: $(wc -l <"$here/exports.txt"), imported libraries: $(wc -l <"$here/imports.txt")"
