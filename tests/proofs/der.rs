//! Certificates and lists of any content, also such as no authority of this program would issue.

use wardcard::{
    crypto::{self, Hash, PrivateKey, PublicKey, Scheme},
    pki::Certificate,
};

/// A tag, a length and what is inside.
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        length @ 0..128 => out.push(length as u8),
        length @ 128..256 => out.extend([0x81, length as u8]),
        length => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend(content);
    out
}

pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut bytes = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let groups = (0..10).rev().map(|place| (arc >> (7 * place) & 0x7f) as u8);
        let groups: Vec<u8> = groups.skip_while(|group| *group == 0).collect();
        match groups.split_last() {
            Some((last, more)) => {
                bytes.extend(more.iter().map(|group| group | 0x80));
                bytes.push(*last);
            }
            None => bytes.push(0),
        }
    }
    tlv(0x06, &[&bytes])
}

/// A name of RDNs, each of one or more attributes: identifier, tag of the value, value.
pub fn name(rdns: &[&[(&str, u8, &str)]]) -> Vec<u8> {
    let attribute = |(kind, tag, value): &(&str, u8, &str)| {
        tlv(0x30, &[&oid(kind), &tlv(*tag, &[value.as_bytes()])])
    };
    let rdn = |attributes: &&[(&str, u8, &str)]| {
        let mut all: Vec<Vec<u8>> = attributes.iter().map(attribute).collect();
        all.sort();
        tlv(0x31, &[&all.concat()])
    };
    tlv(0x30, &[&rdns.iter().map(rdn).collect::<Vec<_>>().concat()])
}

/// PrintableString and UTF8String.
pub const PRINTABLE: u8 = 0x13;
pub const UTF8: u8 = 0x0c;

/// `O=nhs, OU=people, CN=<id>`.
pub fn person(id: &str) -> Vec<u8> {
    name(&[
        &[("2.5.4.10", PRINTABLE, "nhs")],
        &[("2.5.4.11", PRINTABLE, "people")],
        &[("2.5.4.3", PRINTABLE, id)],
    ])
}

/// `CN=<text>`.
pub fn plain(text: &str) -> Vec<u8> {
    name(&[&[("2.5.4.3", UTF8, text)]])
}

pub fn extension(dotted: &str, critical: bool, content: &[u8]) -> Vec<u8> {
    let critical = if critical { tlv(0x01, &[&[0xff]]) } else { Vec::new() };
    tlv(0x30, &[&oid(dotted), &critical, &tlv(0x04, &[content])])
}

/// keyUsage of one byte, named bits from the left.
pub fn usage(bits: u8) -> Vec<u8> {
    extension("2.5.29.15", true, &tlv(0x03, &[&[bits.trailing_zeros() as u8, bits]]))
}

pub const DIGITAL_SIGNATURE: u8 = 0x80;
pub const NON_REPUDIATION: u8 = 0x40;
pub const KEY_ENCIPHERMENT: u8 = 0x20;
const CERT_AND_CRL_SIGN: u8 = 0x06;

pub fn policy(dotted: &str) -> Vec<u8> {
    extension("2.5.29.32", false, &tlv(0x30, &[&tlv(0x30, &[&oid(dotted)])]))
}

pub fn purpose(dotted: &str) -> Vec<u8> {
    extension("2.5.29.37", false, &tlv(0x30, &[&oid(dotted)]))
}

pub fn basic_constraints(authority: bool) -> Vec<u8> {
    let ca = if authority { tlv(0x01, &[&[0xff]]) } else { Vec::new() };
    extension("2.5.29.19", true, &tlv(0x30, &[&ca]))
}

/// What makes an authority.
pub fn authority() -> Vec<Vec<u8>> {
    vec![basic_constraints(true), usage(CERT_AND_CRL_SIGN)]
}

/// What a certificate says.
#[derive(Clone)]
pub struct Contents {
    pub serial: u8,
    pub issuer: Vec<u8>,
    pub subject: Vec<u8>,
    pub dates: (&'static str, &'static str),
    pub spki: Vec<u8>,
    pub extensions: Vec<Vec<u8>>,
}

/// 2026-11-01 to 2027-11-01: around the tests' own day.
pub const DATES: (&str, &str) = ("261101000000Z", "271101000000Z");

impl Contents {
    /// An authority below another, or by itself.
    pub fn authority(serial: u8, issuer: &[u8], subject: &[u8], key: &PublicKey) -> Self {
        Self {
            serial,
            issuer: issuer.to_vec(),
            subject: subject.to_vec(),
            dates: DATES,
            spki: key.spki().to_vec(),
            extensions: authority(),
        }
    }

    pub fn signed(&self, by: &PrivateKey) -> Certificate {
        let utc = |text: &str| tlv(0x17, &[text.as_bytes()]);
        let body = tlv(
            0x30,
            &[
                &tlv(0xa0, &[&tlv(0x02, &[&[2]])]),
                &tlv(0x02, &[&[self.serial]]),
                &algorithm(by),
                &self.issuer,
                &tlv(0x30, &[&utc(self.dates.0), &utc(self.dates.1)]),
                &self.subject,
                &self.spki,
                &tlv(0xa3, &[&tlv(0x30, &[&self.extensions.concat()])]),
            ],
        );
        Certificate::from_der(&envelope(&body, by)).unwrap()
    }
}

/// A CRL of `issuer` with these serials, from and until.
pub fn crl(issuer: &[u8], by: &PrivateKey, serials: &[u8], dates: (&str, &str)) -> Vec<u8> {
    let utc = |text: &str| tlv(0x17, &[text.as_bytes()]);
    let entry = |serial: &u8| tlv(0x30, &[&tlv(0x02, &[&[*serial]]), &utc(dates.0)]);
    let entries: Vec<u8> = serials.iter().flat_map(entry).collect();
    let revoked = if entries.is_empty() { Vec::new() } else { tlv(0x30, &[&entries]) };
    let number = extension("2.5.29.20", false, &tlv(0x02, &[&[1]]));
    let body = tlv(
        0x30,
        &[
            &tlv(0x02, &[&[1]]),
            &algorithm(by),
            issuer,
            &utc(dates.0),
            &utc(dates.1),
            &revoked,
            &tlv(0xa0, &[&tlv(0x30, &[&number])]),
        ],
    );
    envelope(&body, by)
}

fn algorithm(key: &PrivateKey) -> Vec<u8> {
    if key.kind().is_rsa() {
        tlv(0x30, &[&oid("1.2.840.113549.1.1.11"), &[0x05, 0x00]])
    } else {
        tlv(0x30, &[&oid("1.2.840.10045.4.3.2")])
    }
}

fn envelope(body: &[u8], by: &PrivateKey) -> Vec<u8> {
    let signature = sign_sha256(by, body);
    tlv(0x30, &[body, &algorithm(by), &tlv(0x03, &[&[0], &signature])])
}

/// By PKCS#1 v1.5 or ECDSA, the latter in DER.
pub fn sign_sha256(key: &PrivateKey, message: &[u8]) -> Vec<u8> {
    let digest = crypto::digest(Hash::Sha256, message);
    if key.kind().is_rsa() {
        return key.sign(Scheme::Pkcs1(Hash::Sha256), &digest).unwrap();
    }
    crypto::ecdsa_to_der(&key.sign(Scheme::Ecdsa, &digest).unwrap()).unwrap()
}
