//! What is around the demo: the module's file, the file of shell assignments, waiting.

use super::{Args, Outcome, reader};
use crate::{
    agent::doctor::MODULE,
    cli::signals::signals,
    secret::files,
    testkit::{Kit, SignedIn},
};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// The module that was named, or the one beside this program.
pub(super) fn module(named: Option<PathBuf>) -> Outcome<PathBuf> {
    let path = match named {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name(MODULE),
    };
    let path = path.canonicalize().map_err(|_| {
        format!(
            "the PKCS#11 module {} is not there; build it with `cargo build --release`, or name \
             it with --module FILE",
            path.display()
        )
    })?;
    Ok(path)
}

/// Prints what to try, writes the assignments, and waits for SIGINT or SIGTERM.
pub(super) fn keep(
    args: &Args,
    kit: &Kit,
    card: &SignedIn,
    module: &Path,
    out: &mut dyn Write,
) -> Outcome {
    let told = signals()?;
    let chain = kit.folder().join("chain.pem");
    fs::write(&chain, kit.chain_pem()?)?;
    let label = kit.token_label()?;
    let assignments = [
        ("PKCS11_MODULE", module.display().to_string()),
        ("WARDCARD_AGENT", kit.address()),
        ("PASSCODE", card.passcode.clone()),
        ("TOKEN_LABEL", label),
        ("CA_FILE", chain.display().to_string()),
    ]
    .map(|(name, value)| format!("{name}={}\n", quoted(&value)));
    if let Some(path) = &args.env {
        write_whole(path, &assignments.concat())?;
    }
    commands(&assignments.concat(), out)?;
    reader::commands(&kit.config().readers, module, out)?;
    out.flush()?;
    told.wait()?;
    Ok(())
}

/// The commands to try by hand.
fn commands(assignments: &str, out: &mut dyn Write) -> Outcome {
    let exports: String = assignments.lines().map(|line| format!("  export {line}\n")).collect();
    writeln!(
        out,
        "\nThe card stays until you press Ctrl-C. In another shell:\n\n{exports}
  pkcs11-tool --module $PKCS11_MODULE -L -O
  pkcs11-tool --module $PKCS11_MODULE --login --pin $PASSCODE --test --allow-sw
  echo hello > message
  pkcs11-tool --module $PKCS11_MODULE --login --pin $PASSCODE --sign -m SHA256-RSA-PKCS -i message -o signature
  p11tool --provider $PKCS11_MODULE --list-all --login --set-pin $PASSCODE pkcs11:
  ssh-keygen -D $PKCS11_MODULE"
    )?;
    Ok(())
}

/// A value as a shell reads it.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

/// Writes a file in one go, readable by its owner alone: who sees it sees all of it.
fn write_whole(path: &Path, text: &str) -> Outcome {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    // One that was left over is not written through.
    let _ = fs::remove_file(&draft);
    let written = files::create_new(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&draft, path));
    written.map_err(|error| format!("{} cannot be written: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_shell() {
        assert_eq!(quoted("unix:path=/run/x"), "'unix:path=/run/x'");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
    }

    #[test]
    fn assignments_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("env");
        write_whole(&path, "A='b'\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "A='b'\n");
        assert!(crate::secret::Access::at(&path).unwrap().is_private());
        assert!(write_whole(Path::new("/nowhere/env"), "").is_err());
    }
}
