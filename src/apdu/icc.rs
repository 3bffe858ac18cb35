//! A card as a reader sees it: there or not, powered or not, a command and its response.

use std::{fmt, time::Duration};

/// An answer to reset (ISO/IEC 7816-3 section 8): 2 to 33 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Atr {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl Atr {
    /// The longest that the standard allows.
    pub const LONGEST: usize = 33;

    /// An answer to reset of these bytes; `None` for fewer than 2, more than 33, or a first byte
    /// that is neither 3B nor 3F.
    pub const fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < 2 || bytes.len() > Self::LONGEST || (bytes[0] != 0x3B && bytes[0] != 0x3F)
        {
            return None;
        }
        let mut atr = Self { bytes: [0; Self::LONGEST], length: bytes.len() };
        let mut at = 0;
        while at < bytes.len() {
            atr.bytes[at] = bytes[at];
            at += 1;
        }
        Some(atr)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Debug for Atr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Atr({:02X?})", self.as_bytes())
    }
}

/// Whether a card is there, and how often one has come or gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// Whether a card is there.
    pub present: bool,
    /// Grows with each insertion and removal, so that a card that was exchanged in between is
    /// another.
    pub changes: u64,
}

/// What lies in a reader's slot. One reader drives one `Icc`, from any number of threads: one waits
/// for insertion and removal while another transmits.
///
/// The PIN state of the application behind it lives here: it ends with [`Icc::power_on`],
/// [`Icc::reset`] and [`Icc::power_off`], and when the card goes.
pub trait Icc: Send + Sync + fmt::Debug {
    /// Whether a card is there now.
    fn presence(&self) -> Presence;

    /// Waits until the presence is no longer `seen`, somebody calls [`Icc::wake`], or `most` is
    /// over; answers the presence then.
    fn wait(&self, seen: Presence, most: Duration) -> Presence;

    /// Has every [`Icc::wait`] return.
    fn wake(&self);

    /// Powers the card: its answer to reset, or `None` where no card is.
    fn power_on(&self) -> Option<Atr>;

    /// A warm reset; the same answer.
    fn reset(&self) -> Option<Atr>;

    /// Takes the power away.
    fn power_off(&self);

    /// The response to a command, each as ISO/IEC 7816-4 writes it; any bytes are answered, wrong
    /// ones by a status word. `None`: no powered card is there, or it went while it worked.
    fn transmit(&self, command: &[u8]) -> Option<Vec<u8>>;
}
