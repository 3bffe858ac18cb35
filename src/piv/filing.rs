//! How objects of a card of a store are the containers and keys of PIV.
//!
//! What an object is, its attributes say, and those are PKCS#11's; so whoever puts the parts together
//! (the agent) brings this along, and both faces show the same objects.

use super::KeyReference;
use crate::{
    card::{NewRecord, Record, Verb},
    crypto::PrivateKey,
    pki::Certificate,
};
use std::fmt;

/// Reads and writes objects of a card of a store.
pub trait Filing: Send + Sync + fmt::Debug {
    /// The DER of the X.509 certificate that a record holds.
    fn certificate(&self, record: &Record) -> Option<Vec<u8>>;

    /// The SubjectPublicKeyInfo of the public key that a record holds.
    fn public_key(&self, record: &Record) -> Option<Vec<u8>>;

    /// Tag and value of the PIV container that a record holds.
    fn container(&self, record: &Record) -> Option<(u32, Vec<u8>)>;

    /// Whether the private key of a record may be used so.
    fn allows(&self, record: &Record, verb: Verb) -> bool;

    /// A record of a certificate, found by that id.
    fn new_certificate(&self, id: &[u8], certificate: &Certificate) -> Option<NewRecord>;

    /// A record of a container; a private one is seen after verification only.
    fn new_container(&self, tag: u32, value: &[u8], private: bool) -> Option<NewRecord>;

    /// Records of both halves of a key that was made for that reference.
    fn new_pair(&self, key: KeyReference, made: &PrivateKey) -> Option<[NewRecord; 2]>;
}
