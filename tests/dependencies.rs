//! What is linked in: licences, bans, second copies, advisories.
//!
//! `.deny.toml` holds the rules (in the form that cargo-deny reads as well),
//! `tests/data/advisories.toml` a dated extract of the RustSec advisory database for the packages
//! of `Cargo.lock`, since a test run reaches no database.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

use semver::{Version, VersionReq};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn rules() -> toml::Table {
    read(".deny.toml").parse().unwrap()
}

/// `cargo metadata` of what this platform builds with all features.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[derive(Debug)]
struct Package {
    name: String,
    version: Version,
    license: String,
    source: Option<String>,
}

/// The packages that are built; `normal` leaves out what only tests and build scripts use. What is
/// built is asked of `cargo tree`: the metadata also name what a weak feature would bring.
fn packages(normal: bool) -> Vec<Package> {
    let edges = if normal { "normal" } else { "normal,build,dev" };
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--prefix", "none", "--format", "{p}", "--locked"])
        .args(["--all-features", "--target", "x86_64-unknown-linux-gnu", "--edges", edges])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let built: BTreeSet<(String, String)> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
        })
        .collect();
    assert!(built.len() > 50, "cargo tree has told too little: {built:?}");
    metadata()["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
            Package {
                name: text("name"),
                version: text("version").parse().unwrap(),
                license: text("license"),
                source: package["source"].as_str().map(str::to_owned),
            }
        })
        .filter(|package| built.contains(&(package.name.clone(), package.version.to_string())))
        .collect()
}

fn strings(value: &toml::Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// Whether an SPDX expression can be met by the allowed licences.
fn allowed(expression: &str, allow: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let verdict = any(&words, &mut at, allow);
    verdict && at == words.len()
}

fn any(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let mut verdict = all(words, at, allow);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        verdict |= all(words, at, allow);
    }
    verdict
}

fn all(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let mut verdict = one(words, at, allow);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        verdict &= one(words, at, allow);
    }
    verdict
}

fn one(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let verdict = any(words, at, allow);
        *at += 1;
        return verdict;
    }
    let mut name = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        name = format!("{name} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allow.contains(&name)
}

#[test]
fn every_licence_is_allowed() {
    let rules = rules();
    let allow = strings(&rules["licenses"]["allow"]);
    let exceptions: BTreeMap<String, Vec<String>> = rules["licenses"]["exceptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["name"].as_str().unwrap().to_owned(), strings(&entry["allow"])))
        .collect();
    let wrong: Vec<String> = packages(false)
        .iter()
        .filter(|package| {
            let mut list = allow.clone();
            list.extend(exceptions.get(&package.name).into_iter().flatten().cloned());
            !allowed(&package.license, &list)
        })
        .map(|package| format!("{} {}: {}", package.name, package.version, package.license))
        .collect();
    assert!(wrong.is_empty(), "licences that .deny.toml does not allow: {wrong:#?}");
}

#[test]
fn spdx_expressions_are_read() {
    let allow = ["MIT".to_owned(), "ISC".to_owned(), "A WITH e".to_owned()];
    for (expression, verdict) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("ISC AND (GPL-3.0 OR MIT)", true),
        ("ISC AND (GPL-3.0 OR AGPL-3.0)", false),
        ("GPL-3.0/MIT", true),
        ("A WITH e", true),
        ("A WITH f", false),
        ("A", false),
        ("", false),
        ("MIT MIT", false),
    ] {
        assert_eq!(allowed(expression, &allow), verdict, "{expression}");
    }
}

#[test]
fn nothing_is_linked_twice() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages(true) {
        versions.entry(package.name).or_default().push(package.version.to_string());
    }
    versions.retain(|_, versions| versions.len() > 1);
    assert!(versions.is_empty(), "second copies in the normal tree: {versions:?}");
}

#[test]
fn banned_packages_stay_out() {
    let rules = rules();
    let packages = packages(false);
    for ban in rules["bans"]["deny"].as_array().unwrap() {
        let name = ban["name"].as_str().unwrap();
        let (name, versions) = name.split_once(':').unwrap_or((name, "*"));
        let versions = VersionReq::parse(versions).unwrap();
        for package in &packages {
            assert!(
                package.name != name || !versions.matches(&package.version),
                "{name} {} is banned: {}",
                package.version,
                ban["reason"].as_str().unwrap()
            );
        }
    }
}

#[test]
fn every_package_comes_from_the_registry() {
    for package in packages(false) {
        let registry =
            package.source.as_deref().is_some_and(|source| source.starts_with("registry+"));
        assert!(registry || package.name == "wardcard", "{} comes from elsewhere", package.name);
    }
}

/// Whether a version is one that an advisory calls safe.
fn safe(version: &Version, advisory: &toml::Value) -> bool {
    ["patched", "unaffected"].iter().any(|key| {
        advisory.get(key).is_some_and(|list| {
            strings(list).iter().any(|text| VersionReq::parse(text).unwrap().matches(version))
        })
    })
}

#[test]
fn no_advisory_stands_against_a_locked_package() {
    let extract: toml::Table = read("tests/data/advisories.toml").parse().unwrap();
    let rules = rules();
    let ignored: BTreeSet<&str> = rules["advisories"]["ignore"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            assert!(entry["reason"].as_str().unwrap().len() > 40, "an exception needs its reason");
            entry["id"].as_str().unwrap()
        })
        .collect();
    let covered = strings(&extract["packages"]);
    let packages = packages(false);
    let unknown: Vec<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .filter(|name| *name != "wardcard" && !covered.iter().any(|known| known == name))
        .collect();
    assert!(unknown.is_empty(), "packages that the extract has not been made for: {unknown:?}");
    let mut used = BTreeSet::new();
    for advisory in extract["advisory"].as_array().unwrap() {
        let id = advisory["id"].as_str().unwrap();
        for package in &packages {
            if Some(package.name.as_str()) == advisory["package"].as_str()
                && !safe(&package.version, advisory)
            {
                assert!(
                    ignored.contains(id),
                    "{id} stands against {} {}",
                    package.name,
                    package.version
                );
                used.insert(id);
            }
        }
    }
    assert_eq!(used, ignored, "exceptions that nothing needs any more");
}
