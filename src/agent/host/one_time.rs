//! A host asks for a one-time passcode.

use super::{
    client::{Client, Error},
    message::{Ask, Reply},
};
use crate::secret::Secret;

impl Client {
    /// A passcode for one login on this card by the program at `application`, a whole path.
    ///
    /// # Errors
    /// Why not.
    pub fn one_time_passcode(&self, card: &str, application: &str) -> Result<Secret, Error> {
        let (card, application) = (card.to_owned(), application.to_owned());
        match self.ask(&Ask::OneTimePasscode { card, application })? {
            Reply::Passcode(passcode) => Ok(passcode.0),
            _ => Err(Error::Answer),
        }
    }
}
