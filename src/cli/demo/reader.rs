//! `wardcard demo --keep --reader`: the demo's card in a reader, and what to try there.

use super::Outcome;
use crate::{
    agent::config::{ReaderSettings, ReaderWay},
    secret::User,
};
use std::{io::Write, path::Path};

/// `KIND` or `KIND=ADDRESS`.
pub(super) fn parse(text: &str) -> Outcome<ReaderSettings> {
    let (kind, address) = match text.split_once('=') {
        Some((kind, address)) => (kind, Some(address)),
        None => (text, None),
    };
    // Where the well-known folder is root's, one's own takes its place.
    let own = match (kind, address, std::env::var("XDG_RUNTIME_DIR")) {
        ("ifd", None, Ok(folder)) if !User::own().is_root() => {
            Some(format!("unix:path={folder}/wardcard/reader"))
        }
        _ => None,
    };
    let way = ReaderWay::parse(kind, own.as_deref().or(address))
        .map_err(|hint| format!("--reader {text}: {hint}"))?;
    if let ReaderWay::UsbIp { address, .. } = &way
        && !address.is_loopback()
    {
        return Err(format!("--reader {text}: the demo serves this machine alone").into());
    }
    Ok(ReaderSettings::new(way))
}

/// What to do so that programs find the readers, and what to try then.
#[cfg_attr(windows, expect(unused_variables, reason = "pcscd's driver alone is the module"))]
pub(super) fn commands(readers: &[ReaderSettings], module: &Path, out: &mut dyn Write) -> Outcome {
    if readers.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nThe card is in a reader too:\n")?;
    for reader in readers {
        let address = reader.way.address();
        match &reader.way {
            #[cfg(unix)]
            ReaderWay::Ifd { .. } => {
                let own = User::own();
                let own = match own.is_root() {
                    true => String::new(),
                    false => format!(" --uid {own}"),
                };
                let program = std::env::current_exe()?;
                writeln!(
                    out,
                    "  sudo install -m 755 {} /usr/local/lib/\n  {} reader install --print --address \
                     {address}{own} \\\n    | sudo tee /etc/reader.conf.d/wardcard; sudo systemctl \
                     restart pcscd",
                    module.display(),
                    program.display()
                )?;
            }
            ReaderWay::Vpcd { .. } => writeln!(
                out,
                "  {address}: as soon as pcscd runs with the driver of vsmartcard-vpcd"
            )?,
            ReaderWay::UsbIp { address, .. } => writeln!(
                out,
                "  sudo modprobe vhci-hcd; sudo usbip --tcp-port {} attach -r 127.0.0.1 -b 1-1",
                address.port()
            )?,
            ReaderWay::Vscard(_) => writeln!(
                out,
                "  {address}: as soon as a virtual machine with ccid-card-passthru listens there"
            )?,
        }
    }
    writeln!(
        out,
        "
  opensc-tool -a -n
  pkcs11-tool --module opensc-pkcs11.so --login --pin $PASSCODE --test
  yubico-piv-tool -r '' -a status

For that test the demo's policy lets the authentication key sign blocks that are no digests
(raw_blocks), which a policy does not unless it says so."
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_addresses_are_read_or_refused_with_what_to_write() {
        let address = |text| parse(text).unwrap().way.address();
        assert_eq!(address("vpcd"), "tcp:127.0.0.1:35963");
        assert_eq!(address("usbip=4000"), "tcp:127.0.0.1:4000");
        assert_eq!(address("vscard"), "tcp:127.0.0.1:2001");
        #[cfg(unix)]
        {
            assert_eq!(address("vscard=unix:path=/run/x/vm"), "unix:path=/run/x/vm");
            assert_eq!(address("ifd=/run/x/reader"), "unix:path=/run/x/reader");
        }
        for (text, hint) in [
            ("usb", "\"vpcd\""),
            #[cfg(unix)]
            ("ifd=3240", "unix:path"),
            ("vpcd=192.0.2.1:35963", "on this machine"),
            ("usbip=192.0.2.1:3240", "this machine alone"),
        ] {
            let refused = parse(text).unwrap_err().to_string();
            assert!(refused.contains(hint), "{refused}");
        }
    }
}
