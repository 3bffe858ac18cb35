#!/usr/bin/env bash
# The agent as a service, under Wine: `tests/windows/service.sh WARDCARD_EXE`, with WINEPREFIX naming a
# folder of Wine's own. Installed, started, looked at, stopped, removed; each wrong call says what to do.
#
# Wine runs every service as the same user and knows few of a service's settings: that Windows starts
# it under an account of its own is not shown here.
set -euo pipefail
export WINEDEBUG=-all
exe=$1
drive=$WINEPREFIX/drive_c
home='C:\ProgramData\Wardcard'
config=$home'\agent.toml'
# Wine 8 names another folder of program data to services than to programs.
rm -rf "$drive/ProgramData/Wardcard" "$drive/ProgramData/wardcard-ca" "$drive/users/Public/Wardcard"
mkdir -p "$drive/Program Files/Wardcard" "$drive/ProgramData/Wardcard"
cp "$exe" "$drive/Program Files/Wardcard/wardcard.exe"

# Wine ends its services with the last program, also those that a new program has found on their way
# out: first the end of what was there before, then a program that stays until this script ends.
timeout 120 "$(command -v wineserver || echo /usr/lib/wine/wineserver64)" -w || true
tail --pid=$$ -f /dev/null 2>/dev/null | wine cmd /c pause >/dev/null 2>&1 &
stays=$!
# What starts Wine's own programs hands its output on to them: it is to be nobody's who waits for an end.
timeout 120 wine cmd /c ver >/dev/null 2>&1
trap 'kill "$stays" 2>/dev/null || true' EXIT

fail() {
    echo "service.sh: $*" >&2
    exit 1
}
said=
wardcard() {
    local code=0
    said=$(timeout 120 wine 'C:\Program Files\Wardcard\wardcard.exe' "$@" 2>&1 | tr -d '\r') || code=$?
    return "$code"
}
good() { wardcard "$@" || fail "$*: $said"; }
bad() {
    local wanted=$1
    shift
    if wardcard "$@"; then fail "$* is taken: $said"; fi
    grep -qF "$wanted" <<<"$said" || fail "$*: no \"$wanted\" in: $said"
}
says() { grep -qF "$1" <<<"$said" || fail "no \"$1\" in: $said"; }
# A state of the service, within half a minute.
becomes() {
    local try
    for try in $(seq 30); do
        good service status
        if grep -q "^$1" <<<"$said"; then return 0; fi
        sleep 1
    done
    fail "the service does not become $1: $said"
}

wardcard service remove || true
bad "is not installed" service status
bad "is not installed" service remove
bad "does not hold" service install --config "$config"
bad "only the service control manager" service run --config "$config"

good ca init 'C:\ProgramData\wardcard-ca'
cat >"$drive/ProgramData/Wardcard/agent.toml" <<'TOML'
mode = "personal"
[issuer]
local = 'C:\ProgramData\wardcard-ca'
inside_agent = true
[[provider]]
issuer = "https://127.0.0.1:9/provider"
client_id = "wardcard"
TOML
bad "personal agent" service install --config "$config"
sed -i 's/"personal"/"ward"/' "$drive/ProgramData/Wardcard/agent.toml"
chmod 666 "$drive/ProgramData/Wardcard/agent.toml"
bad "others than administrators can change" service install --config "$config"
chmod 644 "$drive/ProgramData/Wardcard/agent.toml"

good service install --config "$config"
says 'NT SERVICE\wardcard'
bad "installed already" service install --config "$config"
wine reg query 'HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\wardcard' /v EventMessageFile \
    2>/dev/null | grep -q 'wardcard.exe' || fail "the event log does not know the source"
becomes stopped
for _ in 1 2; do
    wine sc start wardcard >/dev/null
    becomes running
    key=$(find "$drive/ProgramData/Wardcard" "$drive/users/Public/Wardcard" -name store.key 2>/dev/null || true)
    [ -f "$key" ] || fail "the service has made no key, or several: $key"
    [ "$(wc -c <"$key")" -gt 100 ] || fail "$key is not sealed"
    wine sc stop wardcard >/dev/null
    becomes stopped
done

# A key that does not open: the service ends, and the log has why.
truncate -s -1 "$key"
wine sc start wardcard >/dev/null
sleep 3
becomes stopped
good service remove
bad "is not installed" service status
if wine reg query 'HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\wardcard' >/dev/null 2>&1; then
    fail "the event log still knows the source"
fi
echo "the agent as a service: good"
