#!/bin/busybox sh
# What runs in the guest of guest.sh instead of a system: the readers are brought up, programs use the
# cards in them, and each line that begins with GUEST is read outside.
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mkdir -p /run/pcscd /var
ln -s /run /var/run
for word in $(cat /proc/cmdline); do
    case $word in
    wardcard_passcode=*) passcode=${word#*=} ;;
    wardcard_port=*) port=${word#*=} ;;
    esac
done
for module in usb-common usbcore xhci-hcd xhci-pci usbip-core vhci-hcd virtio_ring virtio virtio_pci_legacy_dev \
    virtio_pci_modern_dev virtio_pci failover net_failover virtio_net; do
    [ -e /mods/$module.ko ] && insmod /mods/$module.ko
done
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
for try in 1 2 3 4 5; do
    usbip --tcp-port "$port" attach -r 10.0.2.2 -b 1-1 && echo "GUEST usbip: attached" && break
    sleep 1
done
sleep 1
pcscd --foreground --info >/tmp/pcscd.log 2>&1 &
sleep 2
for try in $(seq 20); do
    opensc-tool -l >/tmp/readers 2>&1
    [ "$(grep -c ' Yes ' /tmp/readers)" -ge 2 ] && break
    sleep 1
done
cat /tmp/readers
use() {
    name=$1 number=$2
    echo "GUEST $name: reader $number, $(opensc-tool -r "$number" -a 2>&1 | tail -1)"
    opensc-tool -r "$number" -n 2>&1 | grep -q 'Personal Identity Verification' && echo "GUEST $name: PIV card"
    pkcs11-tool --module /usr/lib/x86_64-linux-gnu/opensc-pkcs11.so --slot-index "$number" \
        --login --pin "$passcode" --test >/tmp/test 2>&1
    cat /tmp/test
    grep -q 'No errors' /tmp/test && echo "GUEST $name: no errors"
}
while read -r number present name; do
    case "$number $present $name" in
    [0-9]*Yes*Wardcard*) use usbip "$number" ;;
    [0-9]*Yes*) use vscard "$number" ;;
    esac
done </tmp/readers
echo "GUEST up after $(cut -d' ' -f1 /proc/uptime) s"
cat /tmp/pcscd.log | tail -20
poweroff -f
