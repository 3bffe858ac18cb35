//! What an application answers.

use super::Status;
use std::fmt;
use zeroize::Zeroizing;

/// A response as the application gives it: data of any length and a status. How it goes out in
/// pieces is the [`Channel`](super::Channel)'s. The data is erased when done with: it may be what a
/// key has decrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// Data field.
    pub data: Zeroizing<Vec<u8>>,
    /// Status word after the last byte of it.
    pub status: Status,
}

impl Response {
    /// Data, and success.
    pub fn of(data: impl Into<Vec<u8>>) -> Self {
        Self { data: Zeroizing::new(data.into()), status: Status::Success }
    }
}

impl From<Status> for Response {
    fn from(status: Status) -> Self {
        Self { data: Zeroizing::default(), status }
    }
}

impl fmt::Debug for Response {
    /// Not the data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({} bytes, {:?})", self.data.len(), self.status)
    }
}
