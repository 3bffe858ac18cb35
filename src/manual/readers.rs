//! The card in a reader: for programs that speak PC/SC, minidrivers, and remote desktops that
//! redirect readers.
//!
//! # What to know first
//!
//! pcscd shows a reader to every local user, runs as root, and hides which program asks. So:
//!
//! - A reader is for a seat of one person, or there is one reader per session. On hosts of many
//!   people readers are off unless they are named.
//! - The application is known as "PC/SC" and no more, in policy and audit.
//! - With SCARD_LEAVE_CARD the next program finds the passcode verified, and no reader can see that
//!   another program asks. The promise is this and nothing more: the state ends at reset, at power-off,
//!   by VERIFY with P1=FF, when the card is locked or removed, after the idle time, and when the
//!   connection of the reader ends.
//! - vpcd, USB/IP and VSCARD over TCP have no authentication of their own. They are off by default and
//!   meant for the loopback address. There the system's table of connections tells which user is at
//!   the other end, and only root, the agent's own user and the `users` of the configuration are
//!   spoken to: their programs see the passcode and use the card.
//!
//! # In the agent's configuration
//!
//! Each `[[reader]]` is one way to one card; `examples/agent.toml` shows every key.
//!
//! ```toml
//! [[reader]]
//! kind = "ifd"                                     # or "vpcd", "usbip", "vscard"
//! address = "unix:path=/run/wardcard/reader"
//! user = 1000                                      # ward mode: whose card lies in it
//! ```
//!
//! Where the passcode stands aside, `"PC/SC"` in `applications.allowed` admits whatever comes through
//! readers, all of it. `enrolled = "LABEL"` puts an enrolled card into the reader of a personal agent,
//! and `management_key_file` names the key of who may fill it; a derived card takes no such orders.
//! `wardcard demo --keep --reader vpcd` (or `ifd`, `usbip`, `vscard`, each with `=ADDRESS`) puts the
//! demo's card into a reader, and prints what to try.
//!
//! # The IFD handler (Linux, macOS)
//!
//! Our library is a driver of pcscd's too. It forwards to the agent's reader endpoint and holds
//! nothing.
//!
//! ```sh
//! sudo install -m 755 libwardcard.so /usr/local/lib/
//! wardcard reader install --print          # look at it first
//! sudo wardcard reader install
//! sudo systemctl restart pcscd
//! pcsc_scan -r
//! ```
//!
//! The entry goes to `/etc/reader.conf.d/wardcard`; pcscd reads every file of that folder, so no copy
//! is left there. `--address unix:path=...` names another endpoint, `--name` the reader, `--conf-dir`
//! the folder, `--library` the library, which nobody but root may be able to change: pcscd loads it as
//! root. The handler runs as root, and sends passcodes to nobody but an
//! agent of root, of the owner of `/run/wardcard`, of a user whom `/etc/wardcard/client.toml` names, or
//! of the one that `--uid N` names: a personal agent is used by
//!
//! ```sh
//! sudo wardcard reader install --uid 1000 --address unix:path=/run/user/1000/wardcard/reader
//! ```
//!
//! The agent in turn admits root to this endpoint, and to no other. Cards that come and go are seen at
//! once. Agent and pcscd are restarted in any order. One pcscd drives a card; the reader of a second
//! one stays empty. `sudo wardcard reader remove` takes the entry away.
//!
//! # vpcd (where our handler is not wanted)
//!
//! Debian's `vsmartcard-vpcd` is a driver that waits on TCP port 35963 for a card. It listens on all
//! interfaces and authenticates nobody: close the port to other machines. On this one, any program
//! may put a card in before ours does. Our card goes to root's driver, or to one of the agent's user or
//! of `users` (where pcscd has a user of its own, its number belongs there). A program of another
//! user that takes the port first is told nothing; it keeps our card out while it holds it. Cards that come and go are
//! seen when the driver looks next, after 400 ms at most: pcscd polls it.
//!
//! # USB/IP (a real USB reader, with the system's own drivers)
//!
//! A CCID device with one slot on TCP port 3240. On Linux:
//!
//! ```sh
//! sudo modprobe vhci-hcd
//! sudo usbip attach -r 127.0.0.1 -b 1-1
//! ```
//!
//! `usbip attach` is run as root, so root is admitted besides the agent's own user; who connects is
//! looked up in `/proc/net/tcp`. A user on another machine cannot be looked up and is refused unless
//! the configuration says otherwise.
//!
//! Windows drives the device with its inbox driver ([`windows`](super::windows) has the steps). `libccid` takes a device only if its Info.plist
//! (`/etc/libccid_Info.plist` on Debian) knows the pair of maker and product, which is 1209:0001, the one
//! that pid.codes keeps for tests, unless it is set. Add one line as the first of each of three lists:
//!
//! ```xml
//! <key>ifdVendorID</key>     <array> <string>0x1209</string> ...
//! <key>ifdProductID</key>    <array> <string>0x0001</string> ...
//! <key>ifdFriendlyName</key> <array> <string>Wardcard virtual reader</string> ...
//! ```
//!
//! One computer has the device at a time; another is told that it is busy.
//!
//! # VSCARD (QEMU, SPICE)
//!
//! ```sh
//! qemu-system-x86_64 ... -device usb-ccid \
//!     -chardev socket,id=card,path=/run/user/1000/vm/card,server=on,wait=off \
//!     -device ccid-card-passthru,chardev=card
//! ```
//!
//! A socket in a folder of its own is better than a port. Either is used only where root, the agent's
//! user or one of `users` listens. QEMU's reader speaks T=0, and answers the
//! guest's reset by itself: the state of the passcode does **not** end at a reset in the guest, only
//! by P1=FF, lock, removal, idle time and the end of the connection.
