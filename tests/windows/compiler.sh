#!/usr/bin/env bash
# A compiler for Windows beside the machine's own, which stays as it is:
# tests/windows/compiler.sh FOLDER ARCH... makes FOLDER/bin/rustc and rustdoc, with the standard
# libraries of those targets (x86_64, i686). What is there already is kept.
#
# It is the machine's compiler with a folder of libraries of its own, where Rust's own server has the
# library of its version, or its sources to build it from; else it is Debian's (rustc-web), of the same
# age as Debian's sources, unpacked there.
set -euo pipefail
mkdir -p "$1"
tools=$(realpath "$1")
shift
server=${RUSTUP_DIST_SERVER:-https://static.rust-lang.org}
mkdir -p "$tools/bin" "$tools/packages"

# What the machine's version has for a target by Rust's own list, held against its checksum there and
# unpacked: fetch PACKAGE TARGET PART FOLDER.
fetch() {
    local package=$1 target=$2 part=$3 into=$4 folder url sum failed=1
    folder=$(mktemp -d -p "$tools/packages")
    if [ ! -s "$list" ] &&
        curl -sSf --retry 3 -o "$folder/list" "$server/dist/channel-rust-$version.toml"; then
        mv "$folder/list" "$list"
    fi
    [ ! -s "$list" ] || read -r url sum < <(awk -v part="[pkg.$package.target.$target]" '
        /^\[/ { here = $0 == part }
        here && /^xz_url/ { url = $3 }
        here && /^xz_hash/ { gsub(/"/, "", url); gsub(/"/, "", $3); print url, $3 }' "$list")
    if [ -n "${url-}" ] && curl -sSf --retry 3 -o "$folder/it" "$server/dist/${url#*/dist/}" &&
        [ "$(sha256sum <"$folder/it" | cut -d' ' -f1)" = "$sum" ] &&
        tar -C "$folder" --strip-components=1 -xf "$folder/it" &&
        # What a run that was cut off has left would take it in.
        rm -rf "${into:?}/${part##*/}" && mv "$folder/$part" "$into/"; then
        failed=0
    fi
    rm -rf "$folder"
    return $failed
}

machines() {
    local rustc own host
    rustc=$(command -v rustup >/dev/null && rustup which rustc) || rustc=$(command -v rustc) || return 1
    version=$("$rustc" --version | cut -d' ' -f2)
    own=$("$rustc" --print sysroot)
    host=$("$rustc" -vV | sed -n 's/^host: //p')
    sysroot=$tools/sysroot-$version list=$tools/packages/rust-$version.toml
    into=$sysroot/lib/rustlib sources=$sysroot/lib/rustlib/src/rust/library
    mkdir -p "$into"
    ln -sfn "$own/lib/rustlib/$host" "$into/$host"
    local arch target needed=()
    for arch in "$@"; do
        target=$arch-pc-windows-gnu
        [ -e "$into/$target/complete" ] && continue
        if fetch rust-std "$target" "rust-std-$target/lib/rustlib/$target" "$into"; then
            touch "$into/$target/complete"
        else
            needed+=("$arch")
        fi
    done
    if [ ${#needed[@]} != 0 ] && [ ! -d "$sources" ]; then
        fetch rust-src '"*"' rust-src/lib/rustlib/src "$into" || return 1
    fi
    for program in rustc rustdoc; do
        printf '#!/bin/sh\nexec %s "$@" --sysroot %s\n' "${rustc%/*}/$program" "$sysroot" \
            >"$tools/bin/$program"
    done
}

debians() {
    local library llvm package
    usr=$tools/root/usr into=$tools/root/usr/lib/rustlib
    sources=$into/src/rust/library
    if [ ! -x "$usr/bin/rustc" ]; then
        library=$(apt-cache depends libstd-rust-web-dev |
            awk '/Depends: libstd-rust-web-/ {print $2; exit}')
        llvm=$(apt-cache depends "$library" | awk '/Depends: libllvm/ {print $2; exit}')
        (cd "$tools/packages" && apt-get -q -o APT::Sandbox::User=root download rustc-web \
            libstd-rust-web-dev "$library" "$llvm" rust-web-src >/dev/null)
        for package in "$tools"/packages/*.deb; do dpkg -x "$package" "$tools/root"; done
        rm -f "$tools"/packages/*.deb
    fi
    for program in rustc rustdoc; do
        printf '#!/bin/sh\nLD_LIBRARY_PATH=%s/lib/x86_64-linux-gnu exec %s/bin/%s "$@"\n' \
            "$usr" "$usr" "$program" >"$tools/bin/$program"
    done
}

# The standard library of a target, built from its sources.
build() {
    local target=$1-pc-windows-gnu object
    local folder=$into/$target/lib
    [ -e "$into/$target/complete" ] && return 0
    mkdir -p "$folder" "$tools/empty/src"
    if [ "$1" = i686 ]; then
        # The tables of unwinding begin and end with these.
        for object in rsbegin rsend; do
            RUSTC_BOOTSTRAP=1 "$RUSTC" --target "$target" --crate-type lib --emit=obj \
                -o "$folder/$object.o" "$sources/rtstartup/$object.rs"
        done
    fi
    printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' \
        >"$tools/empty/Cargo.toml"
    : >"$tools/empty/src/lib.rs"
    (cd "$tools/empty" && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$tools/library" cargo build -q \
        --release -Z build-std=std,panic_unwind,panic_abort,proc_macro,test --target "$target")
    cp "$tools/library/$target/release/deps/"*.rlib "$folder/"
    rm -rf "$folder"/libempty-* "$tools/library" "$tools/empty"
    touch "$into/$target/complete"
}

if machines "$@"; then from="Rust's own server"; else debians && from="Debian"; fi
chmod +x "$tools/bin/rustc" "$tools/bin/rustdoc"
export RUSTC=$tools/bin/rustc
for arch in "$@"; do build "$arch"; done
echo "$("$RUSTC" --version), libraries by way of $from: $*"
