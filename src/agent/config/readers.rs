//! `[[reader]]`: readers that a card is put into, each for one person's seat.

use super::{
    Mode,
    document::{At, Section},
    provider::duration,
};
use crate::{
    agent::{Seat, host::read_private},
    net::{Address, ServerTrust, TcpAddress},
    piv::{self, ManagementKey},
    reader::{Admits, ccid::descriptor::Identity, vscard},
    secret::{Secret, User},
};
use std::{path::Path, time::Duration};

/// A reader that is served, and whose card lies in it.
///
/// Whoever can reach a reader can use the card in it, as far as passcode and policy let them: it is
/// for a seat of one person, or for one session. The application behind it is known as
/// [`PC_SC`](ReaderSettings::PC_SC) and no more.
#[derive(Clone, Debug)]
pub struct ReaderSettings {
    /// The way in.
    pub way: ReaderWay,
    /// Whose cards; `None` is this process's own user.
    pub seat: Option<Seat>,
    /// Instead of the person's card: the enrolled card of this serial number or label.
    pub enrolled: Option<String>,
    /// How the card application behaves.
    pub piv: piv::Settings,
}

/// How programs reach a reader.
#[derive(Clone, Debug)]
pub enum ReaderWay {
    /// The IFD handler in our library, inside pcscd, comes to this endpoint.
    #[cfg(unix)]
    Ifd {
        /// A Unix socket.
        address: Address,
        /// Users besides root and this process's own that may come.
        users: Vec<User>,
    },
    /// The driver of vsmartcard-vpcd is there.
    Vpcd {
        /// Where it listens.
        address: TcpAddress,
        /// Users besides root and this process's own that may listen there.
        users: Vec<User>,
    },
    /// A CCID device is served over USB/IP.
    UsbIp {
        /// Where it is served.
        address: TcpAddress,
        /// Maker and product.
        identity: Identity,
        /// Users besides root and this process's own that may attach it.
        users: Vec<User>,
        /// Whether others than those of this machine may: then anybody who reaches the port.
        beyond_loopback: bool,
    },
    /// QEMU or SPICE is there.
    Vscard(vscard::Place),
}

impl ReaderSettings {
    /// What applications are called that come through a reader: pcscd hides who they are. Where the
    /// passcode stands aside, the list of applications may name it.
    pub const PC_SC: &'static str = "PC/SC";

    /// The card of this process's own user, by a way in, with everything else as where nothing is
    /// written.
    pub fn new(way: ReaderWay) -> Self {
        Self { way, seat: None, enrolled: None, piv: piv::Settings::default() }
    }
}

impl ReaderWay {
    /// Its name in configurations.
    pub const fn name(&self) -> &'static str {
        match self {
            #[cfg(unix)]
            Self::Ifd { .. } => "ifd",
            Self::Vpcd { .. } => "vpcd",
            Self::UsbIp { .. } => "usbip",
            Self::Vscard(_) => "vscard",
        }
    }

    /// Where it is.
    pub fn address(&self) -> String {
        match self {
            #[cfg(unix)]
            Self::Ifd { address, .. } => address.to_string(),
            Self::Vpcd { address, .. } | Self::UsbIp { address, .. } => address.to_string(),
            Self::Vscard(vscard::Place::Unix(address, _)) => address.to_string(),
            Self::Vscard(vscard::Place::Tcp(address, _)) => address.to_string(),
        }
    }

    /// A way in by its name, at an address or the usual one.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(name: &str, address: Option<&str>) -> Result<Self, &'static str> {
        let tcp = |usual: u16| match address {
            None => Ok(TcpAddress::loopback(usual)),
            Some(text) => TcpAddress::parse(text).ok_or("write a port, or \"127.0.0.1:PORT\""),
        };
        let local = |text: &str| Address::parse(text).filter(Address::is_local);
        match name {
            #[cfg(unix)]
            "ifd" => match local(address.unwrap_or("/run/wardcard/reader")) {
                Some(address) => Ok(Self::Ifd { address, users: Vec::new() }),
                None => Err("write \"unix:path=/folder/name\""),
            },
            "vpcd" => match tcp(VPCD)? {
                address if address.is_loopback() => Ok(Self::Vpcd { address, users: Vec::new() }),
                _ => Err("the driver authenticates nobody; it has to be on this machine"),
            },
            "usbip" => {
                let (identity, users) = (Identity::default(), Vec::new());
                Ok(Self::UsbIp { address: tcp(USBIP)?, identity, users, beyond_loopback: false })
            }
            "vscard" => match (address.and_then(local), tcp(VSCARD)) {
                (Some(address), _) => {
                    Ok(Self::Vscard(vscard::Place::Unix(address, ServerTrust::default())))
                }
                (None, Ok(address)) if address.is_loopback() => {
                    Ok(Self::Vscard(vscard::Place::Tcp(address, Admits::default())))
                }
                _ => {
                    Err("write where QEMU listens: \"unix:path=/folder/name\", or a port of this \
                          machine")
                }
            },
            _ => Err("write \"ifd\", \"vpcd\", \"usbip\" or \"vscard\""),
        }
    }
}

/// Where vsmartcard-vpcd listens.
const VPCD: u16 = 35_963;
/// Where USB/IP is served (IANA).
const USBIP: u16 = 3240;
/// Where QEMU's documentation has it listen for cards.
const VSCARD: u16 = 2001;
/// The longest that a verified passcode may lie unused in a reader.
const MOST_IDLE: Duration = Duration::from_secs(3600);

/// The readers; what is wrong has been noted.
pub(super) fn readers(
    root: &Section<'_, '_>,
    mode: Option<Mode>,
    shows_enrolled: bool,
    folder: &Path,
) -> Vec<ReaderSettings> {
    let sections = root.sections("reader");
    let read = sections.into_iter();
    read.filter_map(|section| reader(section, mode, shows_enrolled, folder)).collect()
}

fn reader(
    section: Section<'_, '_>,
    mode: Option<Mode>,
    shows_enrolled: bool,
    folder: &Path,
) -> Option<ReaderSettings> {
    let way = way(&section);
    let user = section.user("user");
    let logon = section.text("logon").map(|at| at.value);
    let seat = match (mode, user) {
        (Some(Mode::Ward), None) => {
            let text = "on a machine of many people a reader shows one person's card to all of \
                        them; write whose: user = 1000, and think of it twice";
            section.problem(section.line, "user", text);
            None
        }
        (Some(Mode::Personal), Some(at)) => {
            section.problem(at.line, "user", "a personal agent has one user's cards; leave it out");
            None
        }
        (_, user) => user.map(|at| Seat { uid: at.value, logon: logon.clone() }),
    };
    if seat.is_none() && logon.is_some() && mode == Some(Mode::Personal) {
        section.problem(section.line, "logon", "a personal agent has one seat; leave it out");
    }
    let enrolled = section.text("enrolled");
    if let Some(at) = &enrolled
        && (mode == Some(Mode::Ward) || !shows_enrolled)
    {
        let text = "only a personal agent with [enrolled] shows enrolled cards";
        section.problem(at.line, "enrolled", text);
    }
    let mut piv = piv::Settings::default();
    if let Some(at) = section.text("idle")
        && let Some(idle) = duration(&section, "idle", &at)
    {
        if idle.is_zero() || idle > MOST_IDLE {
            section.problem(at.line, "idle", "from \"1s\" to \"1h\"");
        }
        piv.idle = idle;
    }
    piv.key_management = section.flag("key_management").is_some_and(|at| at.value);
    piv.management = management(&section, folder);
    if piv.management.is_some() && enrolled.is_none() {
        let text = "a derived card takes no orders from a card manager; this goes with enrolled";
        section.problem(section.line, "management_key_file", text);
    }
    section.finish();
    Some(ReaderSettings { way: way?, seat, enrolled: enrolled.map(|at| at.value), piv })
}

fn way(section: &Section<'_, '_>) -> Option<ReaderWay> {
    let kind = section.text("kind");
    if section.value("kind").is_none() {
        let text = "missing; write \"ifd\", \"vpcd\", \"usbip\" or \"vscard\"";
        section.problem(section.line, "kind", text);
    }
    let address = section.text("address");
    let users = section.users("users");
    let ids = (section.number("vendor_id", 0..=0xFFFF), section.number("product_id", 0..=0xFFFF));
    let beyond = section.flag("beyond_loopback");
    let kind = kind?;
    let written = address.as_ref().map(|at| at.value.as_str());
    let mut way = match ReaderWay::parse(&kind.value, written) {
        Ok(way) => way,
        Err(text) => {
            let known = matches!(kind.value.as_str(), "ifd" | "vpcd" | "usbip" | "vscard");
            let key = if known { "address" } else { "kind" };
            let line = if known { address.map_or(section.line, |at| at.line) } else { kind.line };
            section.problem(line, key, text);
            return None;
        }
    };
    let out_of_place = |line: usize, key: &str| {
        section.problem(line, key, &format!("means nothing for \"{}\"; leave it out", kind.value));
    };
    let admitted = match &mut way {
        #[cfg(unix)]
        ReaderWay::Ifd { users, .. } => users,
        ReaderWay::Vpcd { users, .. }
        | ReaderWay::UsbIp { users, .. }
        | ReaderWay::Vscard(vscard::Place::Unix(_, ServerTrust { users }))
        | ReaderWay::Vscard(vscard::Place::Tcp(_, Admits { users })) => users,
    };
    *admitted = users.map(|at| at.value).unwrap_or_default();
    if let ReaderWay::UsbIp { address: at, identity, beyond_loopback, .. } = &mut way {
        let number = |at: Option<At<u64>>| at.and_then(|at| u16::try_from(at.value).ok());
        identity.vendor = number(ids.0).unwrap_or(identity.vendor);
        identity.product = number(ids.1).unwrap_or(identity.product);
        *beyond_loopback = beyond.is_some_and(|at| at.value);
        if !at.is_loopback() && !*beyond_loopback {
            let text = "USB/IP authenticates nobody: whoever reaches this port could use the card; \
                        use 127.0.0.1, or write beyond_loopback = true";
            section.problem(address.map_or(section.line, |at| at.line), "address", text);
        }
    } else {
        for (line, key) in [
            (ids.0.map(|at| at.line), "vendor_id"),
            (ids.1.map(|at| at.line), "product_id"),
            (beyond.map(|at| at.line), "beyond_loopback"),
        ] {
            line.into_iter().for_each(|line| out_of_place(line, key));
        }
    }
    Some(way)
}

/// The card management key, from a file of its own.
fn management(section: &Section<'_, '_>, folder: &Path) -> Option<ManagementKey> {
    let tdea = section.flag("management_tdea").is_some_and(|at| at.value);
    let At { line, value } = section.text("management_key_file")?;
    let path = folder.join(value);
    let advice = || {
        let (wanted, bytes) = if tdea { ("48", 24) } else { ("32, 48 or 64", 32) };
        format!(
            "{0} must hold {wanted} hexadecimal digits, and not a key that everybody knows: openssl \
             rand -hex {bytes} > {0}",
            path.display()
        )
    };
    // From the shortest key to the longest and the end of its line.
    let read = read_private(&path, 32..=66, advice).and_then(|text| {
        let make = if tdea { ManagementKey::tdea } else { ManagementKey::aes };
        unhex(&text).and_then(|bytes| make(&bytes).ok()).ok_or_else(advice)
    });
    read.map_err(|why| section.problem(line, "management_key_file", &why)).ok()
}

/// The bytes that hexadecimal digits, with white space at the end, stand for.
fn unhex(text: &Secret) -> Option<Secret> {
    let digits = text.expose().trim_ascii_end();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let filled = Secret::filled(pairs.len(), |bytes| {
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return Err(()) };
            *byte = high << 4 | low;
        }
        Ok(())
    });
    filled.ok()
}
