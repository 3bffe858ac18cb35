//! `wardcard reader`.

use crate::common::{build_folder, run_with};
use std::fs;

#[test]
fn an_entry_is_written_printed_and_taken_away_and_others_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let program = build_folder().join("wardcard").display().to_string();
    let library = folder.path().join("libwardcard.so");
    fs::write(&library, "").unwrap();
    let conf = folder.path().join("reader.conf.d");
    let run = |arguments: &[&str]| {
        let mut all = vec![program.as_str(), "reader"];
        all.extend_from_slice(arguments);
        run_with(folder.path(), &[], &all, b"")
    };
    let at = conf.to_str().unwrap();
    let named = ["install", "--library", library.to_str().unwrap(), "--conf-dir", at];
    let loaded = run(&named);
    assert!(loaded.err.contains("as root, but others than root can change"), "{}", loaded.err);
    assert!(loaded.err.contains("sudo install -m 755"), "{}", loaded.err);
    let install = [&named[..], &["--any-library"]].concat();
    assert!(run(&install).err.contains("is no folder; install pcscd"));
    fs::create_dir(&conf).unwrap();
    assert!(run(&["remove", "--conf-dir", at]).err.contains("nothing to remove"));
    let printed = run(&[&install[..], &["--print", "--uid", "1000", "--name", "Ward 7"]].concat());
    let printed = printed.ok().out;
    assert!(printed.contains("FRIENDLYNAME \"Ward 7\"\n"), "{printed}");
    assert!(printed.contains("DEVICENAME   unix:path=/run/wardcard/reader;uid=1000\n"));
    assert!(fs::read_dir(&conf).unwrap().next().is_none());
    for _ in 0..2 {
        assert!(run(&install).ok().out.contains("restart pcscd"));
    }
    let entry = fs::read_to_string(conf.join("wardcard")).unwrap();
    assert!(entry.contains(&format!("LIBPATH      {}\n", library.display())), "{entry}");
    run(&["remove", "--conf-dir", at]).ok();
    fs::write(conf.join("wardcard"), "FRIENDLYNAME \"x\"\n").unwrap();
    for arguments in [&install[..], &["remove", "--conf-dir", at]] {
        assert!(run(arguments).err.contains("written by somebody else"));
    }
    let wrong = run(&["install", "--address", "tcp:1", "--conf-dir", at]);
    assert!(wrong.err.contains("unix:path=/... is one"), "{}", wrong.err);
}
