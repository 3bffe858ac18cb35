//! `roster = "required"` or `"optional"`.

use super::{
    RosterUse,
    document::{At, Section},
};

/// Whether everyone has to be on the roster; `None` only where a problem has been noted.
pub(super) fn roster(root: &Section<'_, '_>) -> Option<RosterUse> {
    root.value("roster").map_or(Some(RosterUse::default()), |_| {
        let At { line, value } = root.text("roster")?;
        match value.as_str() {
            "required" => Some(RosterUse::Required),
            "optional" => Some(RosterUse::Optional),
            _ => {
                let text = "write \"required\" (who is not on it gets no card) or \"optional\"";
                root.problem(line, "roster", text);
                None
            }
        }
    })
}
