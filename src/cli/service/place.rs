//! Where a service may be started from, and the folder that it keeps its state in.

use super::{super::Outcome, ACCOUNT};
use crate::{
    net::{ServerTrust, places},
    secret::{Access, windows::Descriptor},
};
use std::{
    io::{self, Write},
    path::Path,
};

/// Fails where others than administrators may change this file, or put another in its place or in that
/// of a folder on the way to it: they would be the service then.
pub(super) fn administrators_alone(file: &Path, what: &str) -> Outcome {
    // By its name and, where a folder of that is a link, as what it leads to.
    let failed = |error: io::Error| format!("{}: {error}", file.display());
    let named = std::path::absolute(file).map_err(failed)?;
    let real = std::fs::canonicalize(file).map_err(failed)?;
    for (above, place) in named.ancestors().enumerate().chain(real.ancestors().enumerate()) {
        let found = Access::at(place).map_err(|error| format!("{}: {error}", place.display()))?;
        // Beside the folder that the file is in, others may have folders of their own.
        let changed = if above < 2 { found.writable } else { found.replaceable };
        if changed || !(found.owner.is_root() || found.owner.owns_as_own()) {
            return Err(format!(
                "others than administrators can change {}, where {what} of the service is; put it \
                 where they cannot, such as below C:\\Program Files, or close it: icacls \"{0}\" \
                 /inheritance:r /grant:r *S-1-5-32-544:F *S-1-5-18:F *S-1-5-32-545:RX",
                place.display()
            )
            .into());
        }
    }
    Ok(())
}

/// Makes the machine's own folder of this program, where the configuration or the state folder is in
/// it, and closes it: as the system makes folders there, everybody may add files.
pub(super) fn close_folder(config: &Path, state: Option<&Path>) -> Outcome {
    let usual = places::ward_state();
    let Some(folder) = usual.parent() else { return Ok(()) };
    if config.parent() != Some(folder) && state.and_then(Path::parent) != Some(folder) {
        return Ok(());
    }
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    Descriptor::parse(&list()).and_then(|list| list.put_on(folder)).map_err(failed)?;
    Ok(())
}

/// Says what else the service needs to make its state folder, where that is not in the machine's own.
pub(super) fn tell_of(state: Option<&Path>, out: &mut dyn Write) -> Outcome {
    let Some(state) = state.filter(|state| !state.exists()) else { return Ok(()) };
    let parent = state.parent().unwrap_or(state);
    if Some(parent) != places::ward_state().parent() {
        writeln!(
            out,
            "the service makes {} at its first start; let it: icacls \"{}\" /grant \"{ACCOUNT}:(AD,RX)\"",
            state.display(),
            parent.display()
        )?;
    }
    Ok(())
}

/// Administrators and the system: everything. Everybody: to read, since clients read `client.toml`.
/// The service: to read, and to make a folder in it.
fn list() -> String {
    let service = ServerTrust::ward_account();
    format!(
        "O:BAD:P(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;OICI;0x1200a9;;;BU)(A;OI;0x1200a9;;;{service})\
         (A;;0x100004;;;{service})"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = "(A;;0x1200a9;;;WD)";

    #[test]
    fn the_folder_is_the_administrators_and_the_service_makes_folders_in_it() {
        assert!(Descriptor::parse(&list()).is_ok());
        assert!(list().ends_with("-609340832)"), "{}", list());
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("Wardcard");
        std::fs::create_dir(&place).unwrap();
        let own = crate::secret::User::own();
        let mine = Descriptor::parse(&format!("D:P(A;OICI;FA;;;{own})")).unwrap();
        mine.put_on(&place).unwrap();
        assert!(!Access::at(&place).unwrap().open);
        let everybodys = Descriptor::parse("D:P(A;OICI;FA;;;WD)").unwrap();
        everybodys.put_on(&place).unwrap();
        assert!(Access::at(&place).unwrap().writable);
        let refused = administrators_alone(&place.join("none"), "the program").unwrap_err();
        assert!(!refused.to_string().is_empty());
    }

    #[test]
    fn a_program_that_others_can_change_is_no_service() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("Wardcard");
        std::fs::create_dir(&inner).unwrap();
        let file = inner.join("wardcard.exe");
        std::fs::write(&file, b"program").unwrap();
        let own = crate::secret::User::own();
        for (above, of_folder, of_file, good) in [
            (READ, READ, READ, true),
            (READ, READ, "(A;;FA;;;WD)", false),
            (READ, "(A;;FA;;;WD)", READ, false),
            ("(A;;FA;;;WD)", READ, READ, false),
        ] {
            let lists = [(folder.path(), above), (&inner, of_folder), (&file, of_file)];
            for (place, list) in lists {
                let list = Descriptor::parse(&format!("D:P(A;;FA;;;{own}){list}")).unwrap();
                list.put_on(place).unwrap();
            }
            let found = administrators_alone(&file, "the program");
            assert_eq!(found.is_ok(), good, "{above} {of_folder} {of_file}: {found:?}");
        }
    }
}
