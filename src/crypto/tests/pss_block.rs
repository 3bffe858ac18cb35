//! Blocks that are EMSA-PSS already: known by their structure, and nothing else is raised for them.

use super::{super::*, key};

/// A block that a signature of ours holds.
fn block(hash: Hash, mgf: Hash, salt: usize) -> Vec<u8> {
    let key = key(KeyKind::Rsa2048);
    let scheme = Scheme::Pss { hash, mgf, salt };
    let signature = key.sign(scheme, &digest(hash, b"message")).unwrap();
    key.public().recover(Scheme::Raw, &signature).unwrap()
}

#[test]
fn each_hash_is_told_and_signs_as_pss() {
    let key = key(KeyKind::Rsa2048);
    for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512, Hash::Sha3_256] {
        for salt in [0, 20, hash.len()] {
            let block = block(hash, hash, salt);
            assert_eq!(pss_block_hash(&block), Some(hash), "{hash:?} {salt}");
            let signature = key.sign(Scheme::PssBlock(hash), &block).unwrap();
            let scheme = Scheme::Pss { hash, mgf: hash, salt };
            let public = key.public();
            assert_eq!(public.verify(scheme, &digest(hash, b"message"), &signature), Ok(()));
            assert_eq!(public.verify(Scheme::PssBlock(hash), &block, &signature), Ok(()));
        }
    }
}

#[test]
fn what_is_no_such_block_is_not_raised() {
    let key = key(KeyKind::Rsa2048);
    let good = block(Hash::Sha256, Hash::Sha256, 32);
    let changed = |at: usize, to: u8| {
        let mut block = good.clone();
        block[at] = to;
        block
    };
    for bad in [
        changed(255, 0xBB),
        changed(0, 0x80),
        changed(100, good[100] ^ 2),
        changed(230, good[230] ^ 1),
        block(Hash::Sha256, Hash::Sha1, 32),
        // Too long a salt leaves nothing to know it by.
        block(Hash::Sha256, Hash::Sha256, 256 - 32 - 2 - 15),
        vec![0; 256],
        vec![0xBC; 256],
        Vec::new(),
        vec![0xBC],
    ] {
        assert_eq!(pss_block_hash(&bad), None, "{bad:02X?}");
        assert!(key.sign(Scheme::PssBlock(Hash::Sha256), &bad).is_err());
    }
    assert_eq!(key.sign(Scheme::PssBlock(Hash::Sha384), &good), Err(Error::Parameter));
    assert_eq!(key.sign(Scheme::PssBlock(Hash::Sha256), &good[1..]), Err(Error::DataLength));
    let ec = super::key(KeyKind::P256);
    assert_eq!(ec.sign(Scheme::PssBlock(Hash::Sha256), &good), Err(Error::SchemeKey));
}
