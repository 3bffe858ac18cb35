//! `[enrolled]`: where the cards are that last, and how they are released.

use super::{
    EnrolledSettings, Mode,
    document::Section,
    provider::{duration, file},
};
use crate::pki::Certificate;
use std::{path::Path, time::Duration};

/// The enrolled cards, where the file names their store. A missing `store` is a problem.
pub(super) fn enrolled(
    root: &Section<'_, '_>,
    mode: Option<Mode>,
    releases: bool,
    folder: &Path,
) -> Option<EnrolledSettings> {
    let Some(section) = root.section("enrolled") else {
        if releases {
            let text = "release = true needs the table [enrolled] with a store";
            root.problem(1, "policy.release", text);
        }
        return None;
    };
    let ward = mode == Some(Mode::Ward);
    if ward && !releases {
        let text = "in ward mode enrolled cards are released only: write release = true in \
                    [policy]";
        root.problem(section.line, "enrolled", text);
    }
    let store = section.text("store").map(|at| folder.join(at.value));
    if store.is_none() && section.value("store").is_none() {
        section.problem(section.line, "store", "write the folder of the enrolled cards' store");
    }
    let path = |key| section.text(key).map(|at| folder.join(at.value));
    let (key_file, release_key_file) = (path("key_file"), path("release_key_file"));
    let flag = |key: &'static str| {
        let at = section.flag(key)?;
        if ward && at.value {
            let text = "in ward mode applications are shown no enrolled card; leave it out";
            section.problem(at.line, key, text);
        }
        Some(at.value)
    };
    let (new_cards, import_keys) = (flag("new_cards"), flag("import_keys"));
    let roots = roots(&section, folder);
    let notice = section.text("renewal_notice").and_then(|at| {
        let notice = duration(&section, "renewal_notice", &at)?;
        if notice > MOST_NOTICE {
            section.problem(at.line, "renewal_notice", "at most \"730d\"");
        }
        Some(notice)
    });
    section.finish();
    let usual = EnrolledSettings::new(store?);
    Some(EnrolledSettings {
        key_file,
        new_cards: new_cards.unwrap_or_default(),
        import_keys: import_keys.unwrap_or_default(),
        release_key_file,
        roots,
        renewal_notice: notice.unwrap_or(usual.renewal_notice),
        store: usual.store,
    })
}

/// The life of a certificate on a card: who is told earlier is told always.
const MOST_NOTICE: Duration = Duration::from_secs(730 * 86_400);

fn roots(section: &Section<'_, '_>, folder: &Path) -> Vec<Certificate> {
    let Some(at) = section.text("roots_file") else { return Vec::new() };
    let Some(pem) = file(section, "roots_file", &at, folder) else { return Vec::new() };
    Certificate::from_pem(&pem).unwrap_or_else(|error| {
        section.problem(at.line, "roots_file", &error.to_string());
        Vec::new()
    })
}
