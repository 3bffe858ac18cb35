#!/usr/bin/env bash
# Builds the published tests of the `cryptoki` crate, in the version that we use, in FOLDER and
# links them as FOLDER/basic and FOLDER/wycheproof.
set -euo pipefail
folder=${1:?the folder to build in}
manifest=$(cargo metadata --locked --format-version 1 --all-features | python3 -c 'import json, sys
packages = json.load(sys.stdin)["packages"]
print(next(one["manifest_path"] for one in packages if one["name"] == "cryptoki"))')
published=$(dirname "$manifest")
name=$(basename "$published")
mkdir -p "$folder"
cd "$folder"
[ -x "$name/done" ] && exit 0

rm -rf "$name"
cp -r "$published" "$name"
chmod -R u+w "$name"
# A package of its own, not a part of whatever lies above.
printf '\n[workspace]\n' >>"$name/Cargo.toml"
cargo test --manifest-path "$name/Cargo.toml" --locked --target-dir target --no-run \
    --test basic --test wycheproof --message-format=json | python3 -c 'import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable"):
        link = message["target"]["name"]
        if os.path.lexists(link):
            os.remove(link)
        os.symlink(message["executable"], link)'
install -m 755 /dev/null "$name/done"
