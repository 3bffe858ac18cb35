#!/usr/bin/env bash
# The card in a virtual machine's readers: a USB CCID device over USB/IP by the kernel's own vhci-hcd,
# and QEMU's ccid-card-passthru over VSCARD; Debian's kernel, pcscd, libccid and OpenSC in the guest.
#
#   tests/interop/guest.sh FOLDER PROGRAM
#
# FOLDER keeps what is made once: the kernel, unpacked and not installed, and the guest's files.
# PROGRAM is `wardcard`, with its module beside it. Nothing needs hardware virtualisation.
set -euo pipefail
folder=${1:?the folder to work in}
program=$(realpath "${2:?the program wardcard}")
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
cd "$folder"

# Debian's kernel, unpacked.
if [ ! -e kernel/done ]; then
    rm -rf kernel && mkdir kernel && cd kernel
    package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: //p' | head -1)
    apt-get download -q "$package" >/dev/null
    dpkg-deb -x ./*.deb . && rm ./*.deb
    touch done && cd ..
fi
kernel=$(echo kernel/boot/vmlinuz-*)
modules=$(echo kernel/lib/modules/*)

# Copies files with the libraries they need.
put() {
    local file library
    for file in "$@"; do
        mkdir -p "root/$(dirname "$file")"
        cp -L "$file" "root/$file"
        while read -r library; do
            [ -e "root/$library" ] && continue
            mkdir -p "root/$(dirname "$library")"
            cp -L "$library" "root/$library"
        done < <(ldd "$file" 2>/dev/null | grep -o '/[^ ]*' || true)
    done
}

libraries=/usr/lib/x86_64-linux-gnu
driver=/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents
rm -rf root && mkdir -p root/{proc,sys,dev,tmp,run/pcscd,etc,mods,bin,usr/share/hwdata}
cp "$(command -v busybox)" root/bin/busybox
put /usr/sbin/pcscd /usr/bin/opensc-tool /usr/bin/pkcs11-tool /usr/bin/openssl /usr/sbin/usbip \
    $libraries/opensc-pkcs11.so $libraries/libpcsclite.so.1 $driver/Linux/libccid.so \
    "$(ls -d $libraries/libgcc_s.so.1 /lib/x86_64-linux-gnu/libgcc_s.so.1 2>/dev/null | head -1)"
[ -e /usr/share/hwdata/usb.ids ] && cp /usr/share/hwdata/usb.ids root/usr/share/hwdata/
# libccid takes a device that its list names.
awk '/<key>if/ { list = $0 }
    { print }
    /<array>/ && list ~ /ifdVendorID/ { print "<string>0x1209</string>" }
    /<array>/ && list ~ /ifdProductID/ { print "<string>0x0001</string>" }
    /<array>/ && list ~ /ifdFriendlyName/ { print "<string>Wardcard virtual reader</string>" }' \
    $driver/Info.plist >root/$driver/Info.plist
for name in usb-common usbcore xhci-hcd xhci-pci usbip-core vhci-hcd virtio_ring virtio virtio_pci_legacy_dev \
    virtio_pci_modern_dev virtio_pci failover net_failover virtio_net; do
    found=$(find "$modules" -name "$name.ko*" | head -1)
    [ -n "$found" ] && cp "$found" root/mods/
done
cp "$here/guest-init.sh" root/init
chmod +x root/init
(cd root && find . | cpio --quiet -o -H newc) | gzip -1 >initramfs.gz

# The agent, its card, and both readers.
private=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$program" demo --keep --env "$private/env" --reader "usbip=$port" \
    --reader "vscard=unix:path=$private/card" >"$private/demo.log" 2>&1 &
demo=$!
finish() {
    kill -INT "$demo" 2>/dev/null || true
    wait "$demo" 2>/dev/null || true
    rm -rf "$private"
}
trap finish EXIT
for _ in $(seq 200); do
    [ -e "$private/env" ] && break
    kill -0 "$demo" 2>/dev/null || { cat "$private/demo.log"; exit 1; }
    sleep 0.1
done
# shellcheck disable=SC1091
. "$private/env"

timeout 300 qemu-system-x86_64 -M q35 -m 512 -nographic -no-reboot -nodefaults -serial file:guest.log \
    -kernel "$kernel" -initrd initramfs.gz \
    -append "console=ttyS0 quiet panic=-1 wardcard_passcode=$PASSCODE wardcard_port=$port" \
    -netdev user,id=net -device virtio-net-pci,netdev=net \
    -device qemu-xhci -device usb-ccid \
    -chardev "socket,id=card,path=$private/card,server=on,wait=off" \
    -device ccid-card-passthru,chardev=card </dev/null

# No passcode is left where others may read.
sed -i "s/$PASSCODE/********/g" guest.log
grep -a '^GUEST' guest.log || { tail -40 guest.log; exit 1; }
for what in "usbip: PIV" "usbip: no errors" "vscard: PIV" "vscard: no errors"; do
    grep -aq "^GUEST $what" guest.log || { echo "missing: $what"; tail -80 guest.log; exit 1; }
done
