#!/usr/bin/env bash
# Installs the software authenticator `soft_fido2` of PyPI into a virtual environment in FOLDER.
set -euo pipefail
folder=${1:?the folder to install in}
[ -e "$folder/done" ] && exit 0
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check soft_fido2==0.4.56
touch "$folder/done"
