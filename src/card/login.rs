//! What a verification leaves behind, and the card's identity that it is bound to.

/// Random identity of a card; its 16 hexadecimal digits are the token's serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CardId(pub(super) [u8; 8]);

impl CardId {
    /// Reads what [`Self::to_hex`] wrote.
    pub fn parse(hex: &str) -> Option<Self> {
        let digits = hex.len() == 16 && hex.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
        let number = digits.then(|| u64::from_str_radix(hex, 16).ok()).flatten()?;
        Some(Self(number.to_be_bytes()))
    }

    /// 16 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        format!("{:016x}", u64::from_be_bytes(self.0))
    }
}

/// A verified passcode (or sign-in) on one connection, in one lock period of one card.
#[derive(Debug)]
pub struct Login {
    pub(super) card: CardId,
    /// The card's life period that it was made in.
    pub(super) generation: u64,
    pub(super) connection: u64,
}

impl Login {
    /// The same once more, for what one passcode counts as besides.
    pub(super) fn again(&self) -> Self {
        Self { card: self.card, generation: self.generation, connection: self.connection }
    }
}

/// A passcode verified for one signature (PKCS#11 CKU_CONTEXT_SPECIFIC, PIV "PIN always"), on the
/// same terms as a [`Login`].
#[derive(Debug)]
pub struct Fresh(pub(super) Login);
