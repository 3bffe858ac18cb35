//! `include/wardcard.h` is what the sources say, compiles everywhere it should, and the module
//! exports exactly what it should.
//!
//! After a change of the interface: `WARDCARD_BLESS=1 cargo test --test header`.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

mod common;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_committed_header_is_the_generated_one() {
    let path = root().join("include/wardcard.h");
    let generated = common::c_header::generated(root());
    if std::env::var_os("WARDCARD_BLESS").is_some() {
        fs::create_dir_all(root().join("include")).unwrap();
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "run `WARDCARD_BLESS=1 cargo test --test header`");
}

#[test]
fn the_header_compiles_as_c99_c11_and_cxx17_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    for (compiler, standard, ending) in
        [("cc", "c99", "c"), ("cc", "c11", "c"), ("c++", "c++17", "cpp")]
    {
        let source = folder.path().join(format!("header.{ending}"));
        fs::write(
            &source,
            "#include \"wardcard.h\"\n#include \"wardcard.h\"\n\
             wardcard_result f(wardcard_card_info *i) { i->size = sizeof *i; return WARDCARD_OK; }\n",
        )
        .unwrap();
        if compiler == "c++" && Command::new(compiler).arg("--version").output().is_err() {
            continue;
        }
        let output = Command::new(compiler)
            .args(["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fsyntax-only"])
            .arg(format!("-std={standard}"))
            .arg("-I")
            .arg(root().join("include"))
            .arg(&source)
            .output()
            .unwrap();
        assert!(output.status.success(), "{standard}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Names that the header declares as functions.
fn declared() -> Vec<String> {
    let header = fs::read_to_string(root().join("include/wardcard.h")).unwrap();
    let mut names: Vec<String> = header
        .split(|char: char| !char.is_ascii_alphanumeric() && char != '_' && char != '(')
        .filter_map(|word| {
            let (name, _) = word.split_once('(')?;
            let name = name.trim_start_matches('*');
            name.starts_with("wardcard_").then(|| name.to_owned())
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The functions of an IFD handler (`ifdhandler.h`).
fn handler() -> impl Iterator<Item = String> {
    [
        "CloseChannel",
        "Control",
        "CreateChannel",
        "CreateChannelByName",
        "GetCapabilities",
        "ICCPresence",
        "PowerICC",
        "SetCapabilities",
        "SetProtocolParameters",
        "TransmitToICC",
    ]
    .into_iter()
    .map(|name| format!("IFDH{name}"))
}

#[test]
fn the_module_exports_exactly_its_interface() {
    let module: PathBuf = common::module();
    let bytes = fs::read(&module).unwrap();
    let mut exported = common::elf::exported(&bytes);
    exported.sort();
    let mut wanted: Vec<String> =
        ["C_GetFunctionList", "C_GetInterface", "C_GetInterfaceList"].map(str::to_owned).to_vec();
    wanted.extend(handler());
    wanted.extend(declared());
    wanted.sort();
    assert_eq!(exported, wanted);
}
