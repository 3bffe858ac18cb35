//! ISO/IEC 7816-4 between a reader and a card application: who answers ([`Icc`]).

mod icc;

pub use icc::{Atr, Icc, Presence};
