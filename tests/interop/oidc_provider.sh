#!/usr/bin/env bash
# Installs the OpenID provider that sign-in is shown against, npm's oidc-provider, under
# FOLDER/node_modules. 8.8.1 is the last that runs on the Node.js of Debian bookworm.
set -euo pipefail
folder=${1:?the folder to install in}
version=8.8.1
mkdir -p "$folder"
cd "$folder"
[ "$(cat installed 2>/dev/null)" = "$version" ] && exit 0
rm -f installed
echo '{"private": true, "type": "module"}' >package.json
npm install --no-audit --no-fund --ignore-scripts --save-exact "oidc-provider@$version" \
    >npm.log 2>&1 || { cat npm.log >&2; exit 1; }
echo "$version" >installed
