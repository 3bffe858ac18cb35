//! The module law: a module imports only what its row in `lib.rs` lists.
//!
//! The table is read from the documentation of `lib.rs`, so the picture and the law are one. The
//! sources are parsed with `syn`: `use` trees, fully qualified paths, and the tokens inside macros
//! are all resolved (`crate`, `$crate`, `self`, `super`, renames of modules and of the crate).
//! What is compiled for tests alone may reach up. The scanner proves itself on planted violations.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

use proc_macro2::{TokenStream, TokenTree};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use syn::visit::{self, Visit};

type Table = BTreeMap<String, BTreeSet<String>>;

/// The rows `| module | holds | imports |` of the table in `lib.rs`.
fn table(lib: &str) -> Table {
    let mut table = Table::new();
    for line in lib.lines().filter_map(|line| line.strip_prefix("//! |")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [names, _, imports, ..] = cells.as_slice() else { continue };
        let names: Vec<String> = ticked(names);
        let mut allowed: BTreeSet<String> = ticked(imports).into_iter().collect();
        if *imports == "all above" {
            allowed.extend(table.keys().cloned());
            allowed.extend(names.iter().cloned());
        }
        for name in names {
            table.insert(name, allowed.clone());
        }
    }
    table
}

/// The words in back-ticks, without links.
fn ticked(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Names that stand for a module path in one file: `use crate::card as c` gives `c` for `[card]`.
type Aliases = BTreeMap<String, Vec<String>>;

struct Scanner<'a> {
    table: &'a Table,
    /// Module path from the crate's root; `[]` is the root itself.
    here: Vec<String>,
    aliases: Aliases,
    found: Vec<String>,
}

impl Scanner<'_> {
    /// Where a path leads from here, if it leads into this crate.
    fn resolve(&self, segments: &[String]) -> Option<Vec<String>> {
        let (first, mut rest) = segments.split_first()?;
        let mut at = match first.as_str() {
            "crate" | "wardcard" => Vec::new(),
            "self" => self.here.clone(),
            "super" => self.here.split_last()?.1.to_vec(),
            name => self.aliases.get(name)?.clone(),
        };
        while let Some((next, others)) = rest.split_first() {
            match next.as_str() {
                "super" => {
                    at.pop();
                }
                "self" => {}
                name => at.push(name.to_owned()),
            }
            rest = others;
        }
        Some(at)
    }

    fn check(&mut self, segments: &[String]) {
        let Some(target) = self.resolve(segments) else { return };
        let Some(from) = self.here.first() else { return };
        match target.first() {
            None => {
                self.found.push(format!("{from} names the whole crate: {}", segments.join("::")))
            }
            Some(module) if module == from || !self.table.contains_key(module) => {}
            Some(module) => {
                if !self.table.get(from).is_some_and(|allowed| allowed.contains(module)) {
                    self.found.push(format!("{from} imports {module}: {}", segments.join("::")));
                }
            }
        }
    }

    fn tree(&mut self, tree: &syn::UseTree, prefix: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.tree(&path.tree, prefix);
                prefix.pop();
            }
            syn::UseTree::Group(group) => {
                for item in &group.items {
                    self.tree(item, prefix);
                }
            }
            syn::UseTree::Glob(_) => self.check(prefix),
            syn::UseTree::Name(name) => self.leaf(&name.ident, &name.ident, prefix),
            syn::UseTree::Rename(rename) => self.leaf(&rename.ident, &rename.rename, prefix),
        }
    }

    fn leaf(&mut self, name: &syn::Ident, alias: &syn::Ident, prefix: &mut Vec<String>) {
        let own = name == "self";
        if !own {
            prefix.push(name.to_string());
        }
        if let Some(target) = self.resolve(prefix) {
            let alias = if own && alias == "self" {
                prefix.last().cloned()
            } else {
                Some(alias.to_string())
            };
            if target.is_empty() {
                // `use crate as root` alone imports nothing: what comes through it is judged.
                self.aliases.insert(alias.unwrap_or_default(), target);
            } else {
                self.check(prefix);
                self.aliases.insert(alias.unwrap_or_default(), target);
            }
        }
        if !own {
            prefix.pop();
        }
    }

    /// Every path in the tokens of a macro call or definition.
    fn tokens(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) => {
                    let mut segments = vec![ident.to_string()];
                    while let (
                        Some(TokenTree::Punct(one)),
                        Some(TokenTree::Punct(two)),
                        Some(TokenTree::Ident(next)),
                    ) = (tokens.get(at + 1), tokens.get(at + 2), tokens.get(at + 3))
                    {
                        if one.as_char() != ':' || two.as_char() != ':' {
                            break;
                        }
                        segments.push(next.to_string());
                        at += 3;
                    }
                    if segments.len() > 1 {
                        self.check(&segments);
                    } else if let (
                        "crate",
                        Some(TokenTree::Punct(_)),
                        Some(TokenTree::Punct(_)),
                        Some(TokenTree::Group(group)),
                    ) = (
                        segments[0].as_str(),
                        tokens.get(at + 1),
                        tokens.get(at + 2),
                        tokens.get(at + 3),
                    ) {
                        // `use crate::{a, b}` inside a macro: every word may be a module.
                        for word in words(group.stream()) {
                            self.check(&["crate".to_owned(), word]);
                        }
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            at += 1;
        }
    }
}

fn words(stream: TokenStream) -> Vec<String> {
    stream
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(ident) => vec![ident.to_string()],
            TokenTree::Group(group) => words(group.stream()),
            _ => Vec::new(),
        })
        .collect()
}

/// Whether an item is compiled for tests alone: `#[test]`, `#[cfg(test)]`, `#[cfg(all(test, ..))]`.
fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.meta.require_list().is_ok_and(|list| {
                    let text = list.tokens.to_string();
                    text == "test"
                        || text.starts_with("all (test ,")
                        || text.starts_with("all (test,")
                })
    })
}

impl<'ast> Visit<'ast> for Scanner<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Enum(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &mut Vec::new());
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // The other system's file of a module stands below the same folder, and is scanned there.
        let leaves = |attribute: &syn::Attribute| {
            attribute.path().is_ident("cfg_attr")
                && attribute.meta.require_list().is_ok_and(|list| {
                    let tokens = list.tokens.to_string();
                    tokens.contains("path =") && tokens.contains("..")
                })
        };
        let hides =
            |attribute: &syn::Attribute| attribute.path().is_ident("path") || leaves(attribute);
        if item.attrs.iter().any(hides) {
            self.found.push(format!("{} hides a file behind #[path]", item.ident));
        }
        if item.content.is_some() {
            let outside = self.aliases.clone();
            self.here.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.here.pop();
            self.aliases = outside;
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        if item.ident == "self" {
            let alias = item.rename.as_ref().map(|(_, name)| name.to_string());
            self.aliases.insert(alias.unwrap_or_default(), Vec::new());
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> =
            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.check(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.is_ident("include") {
            self.found.push(format!("{} hides a file behind include!", self.here.join("::")));
        }
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

/// The first pass: renames stand for the whole file, whichever line uses them first.
fn scan(table: &Table, module: &[&str], source: &str) -> Vec<String> {
    let file = syn::parse_file(source).unwrap_or_else(|error| panic!("{module:?}: {error}"));
    let here: Vec<String> = module.iter().map(|name| (*name).to_owned()).collect();
    let mut first = Scanner { table, here: here.clone(), aliases: Aliases::new(), found: vec![] };
    first.visit_file(&file);
    let mut second = Scanner { table, here, aliases: first.aliases, found: vec![] };
    second.visit_file(&file);
    second.found.sort();
    second.found.dedup();
    second.found
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}

/// The files that a module declares under `#[cfg(test)]` are not part of what ships.
fn declared_for_tests(source: &str) -> Vec<String> {
    let file = syn::parse_file(source).unwrap();
    file.items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Mod(item) if for_tests(&item.attrs) => Some(item.ident.to_string()),
            _ => None,
        })
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn a_module_imports_only_what_its_row_lists() {
    let table = table(&fs::read_to_string(root().join("lib.rs")).unwrap());
    assert!(table.len() > 15, "the table of lib.rs was not found");
    let mut files = Vec::new();
    sources(&root(), &mut files);
    let mut test_files = BTreeSet::new();
    for file in &files {
        let folder = file.with_extension("");
        for name in declared_for_tests(&fs::read_to_string(file).unwrap()) {
            test_files.insert(folder.join(&name));
        }
    }
    let mut found = Vec::new();
    for file in &files {
        let relative = file.strip_prefix(root()).unwrap().with_extension("");
        let module: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
        if test_files.iter().any(|test| file.with_extension("").starts_with(test)) {
            continue;
        }
        match module.as_slice() {
            ["lib" | "build"] => {}
            ["main"] => {
                let text = fs::read_to_string(file).unwrap();
                found.extend(scan(&table, &["cli"], &text));
            }
            [top, ..] => {
                assert!(table.contains_key(*top), "{top} has no row in lib.rs");
                found.extend(
                    scan(&table, &module, &fs::read_to_string(file).unwrap())
                        .into_iter()
                        .map(|line| format!("{}: {line}", relative.display())),
                );
            }
            [] => unreachable!(),
        }
    }
    assert!(found.is_empty(), "the module law is broken:\n{}", found.join("\n"));
}

#[test]
fn files_stay_under_450_lines() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    let long: Vec<String> = files
        .iter()
        .filter_map(|file| {
            let lines = fs::read_to_string(file).unwrap().lines().count();
            (lines > 450).then(|| format!("{}: {lines}", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "split these files:\n{}", long.join("\n"));
}

#[test]
fn planted_violations_are_found() {
    let table = table(
        "//! | `secret` | x | |\n//! | `crypto` | x | `secret` |\n//! | `card` | x | `crypto` |\n//! | `agent` | x | all above |\n",
    );
    for (module, source) in [
        (&["crypto"][..], "use crate::card::Card;"),
        (&["crypto"], "use crate::{secret::Secret, card};"),
        (&["crypto"], "use super::card::Card;"),
        (&["crypto", "rsa"], "use super::super::card::Card;"),
        (&["crypto"], "fn f() -> crate::card::Card { todo!() }"),
        (&["crypto"], "fn f() { let x = crate::card::Card::new(); }"),
        (&["crypto"], "fn f() { println!(\"{}\", crate::card::NAME); }"),
        (&["crypto"], "macro_rules! m { () => { $crate::card::Card } }"),
        (&["crypto"], "m! { use crate::{secret, card}; }"),
        (&["crypto"], "fn f() { vec![format!(\"{}\", super::card::NAME)]; }"),
        (&["crypto"], "use crate as root; fn f() { root::card::new(); }"),
        (&["crypto"], "fn f() { root::card::new(); } use crate as root;"),
        (&["crypto"], "use crate::{self as root}; type T = root::card::Card;"),
        (&["crypto"], "extern crate self as me; type T = me::card::Card;"),
        (&["crypto"], "use super as up; type T = up::card::Card;"),
        (&["crypto"], "use crate as root; fn f() { println!(\"{}\", root::card::NAME); }"),
        (&["crypto"], "use crate::*;"),
        (&["crypto"], "use super::*;"),
        (&["crypto"], "mod inner { use super::super::card::Card; }"),
        (&["crypto"], "mod inner { fn f() { self::super::super::card::f(); } }"),
        (&["crypto"], "impl crate::card::Trait for X {}"),
        (&["crypto"], "#[path = \"../card.rs\"] mod card2;"),
        (&["crypto"], "include!(\"card.rs\");"),
        (&["crypto"], "use wardcard::card::Card;"),
        (&["secret"], "use crate::crypto::Key;"),
        (&["card"], "use crate::agent::Agent;"),
        (&["crypto"], "#[cfg(not(test))] use crate::card::Card;"),
        (&["crypto"], "#[cfg(any(test, feature = \"x\"))] use crate::card::Card;"),
    ] {
        assert!(!scan(&table, module, source).is_empty(), "not found: {source}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    let table = table(
        "//! | `secret` | x | |\n//! | `crypto` | x | `secret` |\n//! | `card` | x | `crypto` |\n//! | `agent` | x | all above |\n",
    );
    for (module, source) in [
        (&["crypto"][..], "use crate::secret::Secret; use std::fmt;"),
        (&["crypto", "rsa"], "use super::Key; use crate::crypto::Hash;"),
        (&["crypto"], "mod inner { use super::*; }"),
        (&["crypto"], "#[cfg(test)] mod tests { use crate::card::Card; }"),
        (&["crypto"], "#[test] fn f() { crate::card::f(); }"),
        (&["crypto"], "use other::card::Card;"),
        (&["agent"], "use crate::{card, crypto, secret}; fn f() { card::f() }"),
        (&["card"], "use crate::crypto as c; fn f() { c::f(); println!(\"{}\", c::NAME); }"),
    ] {
        assert_eq!(scan(&table, module, source), Vec::<String>::new(), "{source}");
    }
}

/// The files that may hold unsafe code: all of `ffi`'s face, and these.
const UNSAFE: [&str; 29] = [
    "cli/service/event_log.rs",
    "cli/service/privileges.rs",
    "cli/service/run.rs",
    "crypto/aws_lc/raw.rs",
    "net/account.rs",
    "net/descriptor.rs",
    "net/tcp/windows.rs",
    "net/windows/account.rs",
    "net/windows/cancel.rs",
    "net/windows/event.rs",
    "net/windows/intake.rs",
    "net/windows/interrupts.rs",
    "net/windows/output.rs",
    "net/windows/peer.rs",
    "net/windows/pipe.rs",
    "net/windows/stoppable.rs",
    "net/windows/tests.rs",
    "net/windows/tcp_table.rs",
    "net/windows/waiting.rs",
    "secret/files/windows.rs",
    "secret/hardening/windows.rs",
    "secret/host/windows.rs",
    "secret/pages.rs",
    "secret/pages/unix.rs",
    "secret/pages/windows.rs",
    "secret/per_process.rs",
    "secret/user/unix.rs",
    "secret/windows/descriptor.rs",
    "secret/windows/token.rs",
];

#[test]
fn unsafe_code_stands_in_named_files_only() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let relative = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let allowed = relative.starts_with("ffi/") || UNSAFE.contains(&relative.as_str());
        let asks = text.contains("(unsafe_code)") && relative != "lib.rs";
        assert!(allowed || !asks, "{relative} allows itself unsafe code");
    }
}
