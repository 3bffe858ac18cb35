#!/usr/bin/env bash
# C programs load the module under Wine: tests/windows/programs.sh ARCH LOADER. LOADER, which may be
# several words, runs a program of that width.
set -euo pipefail
arch=$1
read -ra loader <<<"$2"
there='C:\users\Public\wardcard-'$$
trap '"${loader[@]}" cmd.exe /c rd /s /q "$there" >/dev/null 2>&1 || true' EXIT
program() { echo "$WARDCARD_C_PROGRAMS/$1-$arch.exe"; }
plain() {
    local name=$1
    shift
    "${loader[@]}" "$(program unelevated)" "$(program "$name")" "$WARDCARD_C_MODULE" "$@"
}
store() {
    export WARDCARD_STORE=$there'\'$1'\cards' WARDCARD_STORE_KEY=$there'\'$1'\key\store.key'
}
export WARDCARD_DEBUG=1

store one
echo "-- with an administrator's rights no variable is believed"
"${loader[@]}" "$(program client)" "$WARDCARD_C_MODULE" elevated
echo "-- a card of one's own"
plain client store
echo "-- 16 threads"
plain many 16 200 246810
store two
echo "-- wrong calls"
plain wrong_calls passcode-1234
echo "-- 1,000 loads"
plain client unload 1000
