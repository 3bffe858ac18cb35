//! The security object (SP 800-73-4 part 1 section 3.1.7): hashes of the containers that have no
//! signature of their own.
//!
//! In the standard the issuer signs it. Here nobody does: a derived card's issuer certifies keys and
//! no more, so the CMS has no signer (RFC 5652 section 5.1 allows none), and who wants to know whose
//! card this is looks at the certificates.

use crate::{
    crypto::{self, Hash},
    tlv,
};

/// DER of the object identifiers.
mod oid {
    /// id-signedData, 1.2.840.113549.1.7.2.
    pub(super) const SIGNED_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
    /// id-icao-ldsSecurityObject, 1.3.27.1.1.1.
    pub(super) const LDS: &[u8] = &[0x2B, 0x1B, 0x01, 0x01, 0x01];
    /// id-sha256, 2.16.840.1.101.3.4.2.1.
    pub(super) const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
}

const INTEGER: u32 = 0x02;
const OCTETS: u32 = 0x04;
const OID: u32 = 0x06;
const SEQUENCE: u32 = 0x30;
const SET: u32 = 0x31;
const EXPLICIT: u32 = 0xA0;

/// What the container holds, for containers by number and content.
pub(super) fn object(covered: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let (mut map, mut hashes) = (Vec::new(), Vec::new());
    for (group, (id, content)) in (1u8..).zip(covered) {
        map.push(group);
        map.extend_from_slice(&id.to_be_bytes());
        let digest = crypto::digest(Hash::Sha256, content);
        hashes.extend(tlv::nested(SEQUENCE, &[(INTEGER, &[group]), (OCTETS, &digest)]));
    }
    let algorithm = tlv::nested(SEQUENCE, &[(OID, oid::SHA256)]);
    let lds = sequence(&[&tlv::of(INTEGER, &[0]), &algorithm, &tlv::of(SEQUENCE, &hashes)]);
    let content = sequence(&[&tlv::of(OID, oid::LDS), &tlv::of(EXPLICIT, &tlv::of(OCTETS, &lds))]);
    let signed = sequence(&[
        &tlv::of(INTEGER, &[3]),
        &tlv::of(SET, &algorithm),
        &content,
        &tlv::of(SET, &[]),
    ]);
    let cms = sequence(&[&tlv::of(OID, oid::SIGNED_DATA), &tlv::of(EXPLICIT, &signed)]);
    let mut out = tlv::of(0xBA, &map);
    tlv::put(&mut out, 0xBB, &cms);
    tlv::put(&mut out, 0xFE, &[]);
    out
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv::of(SEQUENCE, &parts.concat())
}
