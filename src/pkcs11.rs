//! Cryptoki's meaning without a pointer (OASIS PKCS#11 2.40).
//!
//! The trait [`Cryptoki`] has one method per `C_` function, in safe types. [`Module`] implements it
//! over the cards of a tray in this process, and so does the wire's client over a connection; the
//! wire's server and the C face call it.
//!
//! | part | holds |
//! |---|---|
//! | `ck` | the standard's numbers |
//! | `types` | the standard's structures as values; the rule of output room (section 5.2) |
//! | `cryptoki` | the trait |
//! | `text` | what a slot and a token call themselves |
//! | `module` | [`Module`]: sessions, login, slot events; one file per chapter of the standard below it |
//! | `objects`, `card_objects`, `session_objects` | objects and their attributes |
//! | `templates` | from a template to an object; the one table of attributes |
//! | `mechanisms` | the one table of mechanisms |
//! | `operations` | operations in progress, and when they end |
//! | `budget` | what the applications of one user may make a module keep |
//! | `errors` | the card's errors as return values |
//! | `filing` | records that another face writes, as objects that this one shows |

mod budget;
mod card_objects;
pub mod ck;
mod cryptoki;
mod errors;
mod filing;
mod mechanisms;
mod module;
mod objects;
mod operations;
mod session_objects;
mod templates;
mod text;
mod token;
mod types;

pub use budget::Budget;
pub use cryptoki::{Cryptoki, NOT_SUPPORTED};
pub use filing::{
    PairUses, certificate_record, data_of, data_record, key_allows, pair_records, public_key_of,
};
pub use module::Module;
pub use text::{MANUFACTURER, TokenText, clipped, empty_slot, library_info};
pub use token::content::{certificate_of, is_local};
pub use types::*;
