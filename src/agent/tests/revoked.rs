//! Cards whose certificates are revoked.

use super::*;

#[test]
fn a_revoked_card_is_gone_at_once_and_its_certificates_are_revoked() {
    let bench = Bench::new(|_| ());
    let card = bench.sign_in();
    let certificates = bench.agent().certificates(card.id, KeySlot::Authentication).unwrap();
    bench.agent().revoke(card.id, crate::pki::Reason::KeyCompromise).unwrap();
    assert!(bench.agent().cards().is_empty());
    let begun = std::time::Instant::now();
    while bench.agent().revocations_waiting() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it stays in the queue");
        std::thread::sleep(Duration::from_millis(5));
    }
    let revoked = bench.issuer.revoked();
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0].serial_der, certificates[0].serial_der());
    assert!(bench.events().contains(&"certificates-revoked".to_owned()));
    assert!(matches!(
        bench.agent().revoke(card.id, crate::pki::Reason::KeyCompromise),
        Err(Error::UnknownCard)
    ));
}
