//! `roster = "required"` or `"optional"`; `roster_accounts = "bound"` or `"noted"`.

use super::{
    AccountUse, RosterUse,
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

/// Whether the accounts of the roster bind; `None` only where a problem has been noted.
pub(super) fn accounts(root: &Section<'_, '_>) -> Option<AccountUse> {
    root.value("roster_accounts").map_or(Some(AccountUse::default()), |_| {
        let At { line, value } = root.text("roster_accounts")?;
        match value.as_str() {
            "bound" => Some(AccountUse::Bound),
            "noted" => Some(AccountUse::Noted),
            _ => {
                let text = "write \"bound\" (a person has cards in the account that the roster \
                            names alone) or \"noted\"";
                root.problem(line, "roster_accounts", text);
                None
            }
        }
    })
}
