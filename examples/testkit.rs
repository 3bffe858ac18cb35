//! Testing an application of your own against a card: a provider, an issuer, an agent and a
//! clinician's card in one call, none of them a mock.
//!
//! The application here signs letters with the card of whoever is there. `cargo test --example
//! testkit` runs its test suite, which stands below it; `cargo run --example testkit` signs one.
//! A program in a process of its own is tested in the same way: start it with `WARDCARD_AGENT` set
//! to `kit.address()`, and have it load the PKCS#11 module.

use wardcard::{
    net::{Address, ServerTrust},
    pkcs11::{
        Attribute, Cryptoki, Filled, Mechanism, Room, Rv,
        ck::{
            CKA_CLASS, CKF_SERIAL_SESSION, CKM_SHA256_RSA_PKCS, CKO_PRIVATE_KEY,
            CKR_TOKEN_NOT_PRESENT, CKU_USER,
        },
    },
    testkit::Kit,
    wire::{Client, Endpoint},
};

/// The application: signs letters with the card at an agent's endpoint.
struct LetterDesk {
    cards: Client,
    session: u64,
}

impl LetterDesk {
    fn open(address: &str, passcode: &str) -> Result<Self, Rv> {
        let addresses = Address::parse(address).into_iter().collect();
        let cards = Client::new(Endpoint { addresses, trust: ServerTrust::default() });
        cards.initialize()?;
        let slot = *cards.slot_list(true)?.first().ok_or(CKR_TOKEN_NOT_PRESENT)?;
        let session = cards.open_session(slot, CKF_SERIAL_SESSION)?;
        cards.login(session, CKU_USER, Some(passcode.as_bytes()))?;
        Ok(Self { cards, session })
    }

    fn sign(&self, letter: &[u8]) -> Result<Vec<u8>, Rv> {
        let class = Attribute { kind: CKA_CLASS, value: CKO_PRIVATE_KEY.to_le_bytes().to_vec() };
        self.cards.find_objects_init(self.session, &[class])?;
        let keys = self.cards.find_objects(self.session, 1)?;
        self.cards.find_objects_final(self.session)?;
        let key = *keys.first().ok_or(CKR_TOKEN_NOT_PRESENT)?;
        self.cards.sign_init(self.session, &Mechanism::plain(CKM_SHA256_RSA_PKCS), key)?;
        match self.cards.sign(self.session, letter, Room::Bytes(512))? {
            Filled::Bytes(signature) => Ok(signature),
            Filled::Length(_) | Filled::TooSmall(_) => Ok(Vec::new()),
        }
    }
}

#[expect(clippy::print_stdout, reason = "what the example shows")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kit = Kit::start()?;
    let clinician = kit.sign_in("555000000001")?;
    let desk = LetterDesk::open(&kit.address(), &clinician.passcode)
        .map_err(|rv| format!("the card cannot be opened: {rv:?}"))?;
    let signature = desk.sign(b"Dear colleague").map_err(|rv| format!("not signed: {rv:?}"))?;
    println!("{} bytes signed by {}", signature.len(), clinician.card.person.as_str());
    Ok(())
}

/// The test suite of the application.
#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Arc, time::Duration};
    use wardcard::{
        agent::Removal,
        card::KeySlot,
        clock::{Clock, ManualClock, Time},
        crypto::{Hash, Scheme, digest},
        pkcs11::ck::{CKR_DEVICE_REMOVED, CKR_PIN_INCORRECT, CKR_PIN_LOCKED},
        testkit::Builder,
    };

    const CLINICIAN: &str = "555000000001";

    #[test]
    fn a_letter_is_signed_by_the_clinician_who_is_there() {
        let kit = Kit::start().unwrap();
        let clinician = kit.sign_in(CLINICIAN).unwrap();
        let desk = LetterDesk::open(&kit.address(), &clinician.passcode).unwrap();
        let signature = desk.sign(b"Dear colleague").unwrap();

        let chain = kit.agent().certificates(clinician.card.id, KeySlot::Authentication).unwrap();
        let key = chain[0].public_key();
        let letter = digest(Hash::Sha256, b"Dear colleague");
        key.verify(Scheme::Pkcs1(Hash::Sha256), &letter, &signature).unwrap();
        let other = digest(Hash::Sha256, b"Dear nobody");
        key.verify(Scheme::Pkcs1(Hash::Sha256), &other, &signature).unwrap_err();
        assert_eq!(chain[0].user_id().unwrap().as_str(), CLINICIAN);
    }

    #[test]
    fn nobody_there_nothing_signed() {
        let kit = Kit::start().unwrap();
        let opened = LetterDesk::open(&kit.address(), "123456").map(drop);
        assert_eq!(opened, Err(CKR_TOKEN_NOT_PRESENT));
    }

    #[test]
    fn who_taps_out_signs_no_more() {
        let kit = Kit::start().unwrap();
        let clinician = kit.sign_in(CLINICIAN).unwrap();
        let desk = LetterDesk::open(&kit.address(), &clinician.passcode).unwrap();
        kit.agent().remove(clinician.card.id, Removal::TapOut).unwrap();
        assert_eq!(desk.sign(b"Dear colleague"), Err(CKR_DEVICE_REMOVED));
    }

    #[test]
    fn the_third_wrong_passcode_blocks_the_card() {
        let kit = Kit::start().unwrap();
        let clinician = kit.sign_in(CLINICIAN).unwrap();
        let wrong = if clinician.passcode == "000000" { "111111" } else { "000000" };
        let open = |passcode: &str| LetterDesk::open(&kit.address(), passcode).map(drop);
        assert_eq!(open(wrong), Err(CKR_PIN_INCORRECT));
        assert_eq!(open(wrong), Err(CKR_PIN_INCORRECT));
        assert_eq!(open(wrong), Err(CKR_PIN_LOCKED));
        assert_eq!(open(&clinician.passcode), Err(CKR_PIN_LOCKED));
    }

    #[test]
    fn a_card_ends_with_the_shift() {
        let clock = Arc::new(ManualClock::new(Time::from_unix_seconds(1_780_000_000)));
        let mut builder = Builder { clock: clock.clone(), ..Builder::default() };
        builder.policy.cis1_end = clock.now().plus(Duration::from_secs(8 * 3600));
        let kit = builder.start().unwrap();
        let clinician = kit.sign_in(CLINICIAN).unwrap();
        let desk = LetterDesk::open(&kit.address(), &clinician.passcode).unwrap();
        desk.sign(b"Dear colleague").unwrap();
        clock.advance(Duration::from_secs(8 * 3600));
        assert_eq!(desk.sign(b"Dear colleague"), Err(CKR_DEVICE_REMOVED));
    }
}
