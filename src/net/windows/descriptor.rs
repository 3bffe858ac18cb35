//! No process of this system begins as a copy of another, so nothing is ever inherited that way.

use super::Connection;

/// A connection that a child made by fork would inherit.
#[derive(Debug, Default)]
pub(crate) struct Inherited;

impl Inherited {
    /// Nobody inherits it.
    pub(crate) fn set(&self, _: &Connection) {}

    /// Nor this one.
    pub(crate) fn none(&self) {}

    /// There is nothing to let go of.
    pub(crate) fn abandon(&self) {}
}
