//! How each role of an argument or result in the table of calls is written ([`put`]) and read ([`take`]).
//!
//! | code | here |
//! |---|---|
//! | `u` | number, object |
//! | `y` | flag |
//! | `ay` | data, passcode; `Filled` in an answer |
//! | `fy` | room |
//! | `fu` | places |
//! | `au` | numbers, objects |
//! | `aA`, `fA`, `M` | see [`super::attribute`] and [`super::mechanism`] |
//! | `s`, `z`, `v` | texts and versions of the information structures |

pub(crate) mod put;
pub(crate) mod take;

use super::{
    attribute::{self, Template},
    bytes::{Input, Malformed, Output},
    cx::{ARGUMENTS_BAD, Cx, Fault, GENERAL_ERROR},
    mechanism,
};
use crate::pkcs11::{
    Answer, Answers, Attribute, Filled, Info, Mechanism, MechanismInfo, Query, Result, Room,
    SessionInfo, SlotInfo, TokenInfo,
};
use zeroize::Zeroize;

/// What a received argument is lent as to the implementation.
pub(crate) trait Lend {
    type As<'a>
    where
        Self: 'a;
    fn lend(&self) -> Self::As<'_>;
}

macro_rules! lend_copies {
    ($($kind:ty),*) => { $(impl Lend for $kind {
        type As<'a> = Self where Self: 'a;
        fn lend(&self) -> Self { *self }
    })* };
}
lend_copies!(u64, usize, bool, Room, &[u8], Option<&[u8]>);

impl Lend for Template {
    type As<'a> = &'a [Attribute];
    fn lend(&self) -> &[Attribute] {
        &self.0
    }
}
impl Lend for Vec<Query> {
    type As<'a> = &'a [Query];
    fn lend(&self) -> &[Query] {
        self
    }
}
impl Lend for Mechanism {
    type As<'a> = &'a Self;
    fn lend(&self) -> &Self {
        self
    }
}
impl Lend for [u8; 32] {
    type As<'a> = &'a Self;
    fn lend(&self) -> &Self {
        self
    }
}

/// Erases a result that was sent.
pub(crate) trait Wipe {
    fn wipe(&mut self) {}
}
impl Wipe for () {}
impl Wipe for u64 {}
impl Wipe for (u64, u64) {}
impl Wipe for Vec<u64> {}
impl Wipe for SessionInfo {}
impl Wipe for Filled {
    fn wipe(&mut self) {
        if let Self::Bytes(bytes) = self {
            bytes.zeroize();
        }
    }
}
impl Wipe for Answers {
    fn wipe(&mut self) {
        for answer in &mut self.answers {
            if let Answer::Value(value) = answer {
                value.zeroize();
            }
        }
    }
}

/// The largest number of objects or mechanisms that a client asks for at once.
pub(crate) const PLACES: usize = 512;

#[cfg(test)]
mod tests;
