#!/usr/bin/env bash
# Builds p11test, the PKCS#11 suite of Debian's opensc source package, as FOLDER/p11test.
# The source comes through a private list of sources: the machine's own is not changed.
set -euo pipefail
folder=${1:?the folder to build in}
mkdir -p "$folder"
cd "$folder"
[ -x p11test ] && exit 0

private=$PWD/apt
rm -rf "$private" opensc-*/
mkdir -p "$private/lists/partial" "$private/cache/archives/partial"
# The archive that this machine installs from.
site=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' \
    'Created-By: Packages' 'Origin: Debian' 'Codename: bookworm' | head -n 1)
[ -n "$site" ] || { echo "this machine has no source of Debian bookworm's main" >&2; exit 1; }
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site main" \
    >"$private/sources.list"
options=(-q -o "Dir::Etc::SourceList=$private/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$private/lists" -o "Dir::Cache=$private/cache" -o APT::Sandbox::User=)
{ apt-get "${options[@]}" update && apt-get "${options[@]}" source opensc; } >apt.log 2>&1 ||
    { cat apt.log >&2; exit 1; }
source=$(echo opensc-*/)
# What it needs of the package's configuration.
mkdir -p config
echo '#define ENABLE_OPENSSL 1' >config/config.h
cc -O1 -g -w -DHAVE_CONFIG_H -Iconfig -I"$source/src" -o p11test \
    "$source"/src/tests/p11test/*.c -lcmocka -lcrypto -ldl
