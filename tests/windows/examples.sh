#!/usr/bin/env bash
# The C example against the module: `tests/windows/examples.sh i686|x86_64 WARDCARD_DLL FOLDER`. It is
# compiled and linked for either width; for x86_64 it also runs under Wine, as far as an agent without a
# configuration goes.
set -euo pipefail
cd "$(dirname "$0")/../.."
arch=$1 dll=$2 into=$3
mkdir -p "$into"
cp "$dll" "$into/wardcard.dll"
"$arch-w64-mingw32-gcc-win32" -std=c11 -Wall -Wextra -Werror -O2 -I include examples/c/sso_agent.c \
    "$into/wardcard.dll" -o "$into/sso_agent.exe"
[ "$arch" = x86_64 ] || exit 0
printf 'mode = 1\n' >"$into/bad.toml"
if told=$(WINEDEBUG=-all timeout 120 wine "$into/sso_agent.exe" "$into/bad.toml" 2>&1); then
    echo "examples.sh: a configuration that does not hold is taken" >&2
    exit 1
fi
grep -q 'mode' <<<"$told" || {
    echo "examples.sh: $told" >&2
    exit 1
}
echo "the C example: good"
