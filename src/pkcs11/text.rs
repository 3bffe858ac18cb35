//! What a slot and a token call themselves: stable texts that clients report and match on.

use super::{Info, SlotId, SlotInfo, ck::CKF_REMOVABLE_DEVICE};
use crate::{card::Card, pki::UserId};

/// Maker of slots and tokens, as `CK_INFO`, `CK_SLOT_INFO` and `CK_TOKEN_INFO` carry it.
pub const MANUFACTURER: &str = "Wardcard";
/// `CK_INFO.libraryDescription`.
const LIBRARY: &str = "Wardcard virtual smartcard";

/// What a token says of itself. Real cards' labels are not public, so all of it is a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenText {
    /// Label, at most 32 bytes once `{id}` in it has become the person's number; the rest is cut.
    pub label: String,
    /// Manufacturer, at most 32 bytes.
    pub manufacturer: String,
    /// Model, at most 16 bytes.
    pub model: String,
}

impl Default for TokenText {
    fn default() -> Self {
        Self {
            label: "NHS Smartcard {id}".into(),
            manufacturer: MANUFACTURER.into(),
            model: MANUFACTURER.into(),
        }
    }
}

impl TokenText {
    /// The label of this person's card.
    pub(super) fn label_of(&self, person: &UserId) -> String {
        clipped(&self.label.replace("{id}", person.as_str()), 32)
    }
    /// Manufacturer and model in the lengths that `CK_TOKEN_INFO` has.
    pub(super) fn maker(&self) -> (String, String) {
        (clipped(&self.manufacturer, 32), clipped(&self.model, 16))
    }
}

/// The token's serial number: the card's id.
pub(super) fn serial(card: &Card) -> String {
    card.id().to_hex()
}

/// What the library says of itself, with or without cards.
pub fn library_info() -> Info {
    Info {
        cryptoki_version: (2, 40),
        manufacturer: MANUFACTURER.into(),
        flags: 0,
        description: LIBRARY.into(),
        library_version: VERSION,
    }
}

/// A slot without a card: a reader, named as PC/SC names readers.
pub fn empty_slot(slot: SlotId) -> SlotInfo {
    SlotInfo {
        description: format!("Wardcard virtual reader {slot:02} 00"),
        manufacturer: MANUFACTURER.into(),
        flags: CKF_REMOVABLE_DEVICE,
        hardware_version: VERSION,
        firmware_version: VERSION,
    }
}

/// Of the library, and of its virtual hardware: major and minor of the crate's version.
pub(super) const VERSION: (u8, u8) =
    (number(env!("CARGO_PKG_VERSION_MAJOR")), number(env!("CARGO_PKG_VERSION_MINOR")));

/// A small decimal number, at compile time.
const fn number(text: &str) -> u8 {
    let (bytes, mut at, mut sum) = (text.as_bytes(), 0, 0_u8);
    while at < bytes.len() {
        sum = sum * 10 + (bytes[at] - b'0');
        at += 1;
    }
    sum
}

/// The longest beginning of `text` of at most `most` bytes that does not cut a character.
pub fn clipped(text: &str, most: usize) -> String {
    text.char_indices()
        .take_while(|(at, char)| at + char.len_utf8() <= most)
        .map(|(_, char)| char)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_cut_between_characters() {
        assert_eq!(clipped("abc", 2), "ab");
        assert_eq!(clipped("aé", 2), "a");
        assert_eq!(clipped("aé", 3), "aé");
        assert_eq!(clipped("", 0), "");
    }

    #[test]
    fn the_label_carries_the_persons_number() {
        let person = UserId::parse("555000000001").unwrap();
        assert_eq!(TokenText::default().label_of(&person), "NHS Smartcard 555000000001");
        let long = TokenText { label: "x".repeat(25) + "{id}", ..TokenText::default() };
        assert_eq!(long.label_of(&person).len(), 32);
    }
}
