#!/usr/bin/env bash
# Installs the program `piv-smartcard` of PyPI, a reader of PIV cards, into a virtual environment in FOLDER.
set -euo pipefail
folder=${1:?the folder to install in}
[ -e "$folder/done" ] && exit 0
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check piv-smartcard==0.1.0
touch "$folder/done"
