//! `wardcard.h` from the sources: declarations by cbindgen, laid out for people who read C.

use std::{collections::HashMap, fs, path::Path};

/// The sources, in the order in which the header tells them.
const SOURCES: [&str; 10] = [
    "result",
    "callbacks",
    "agent",
    "request",
    "evidence",
    "card",
    "release",
    "flow",
    "life",
    "one_time",
];

const BEGIN: &str = "\
#ifndef WARDCARD_H
#define WARDCARD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern \"C\" {
#endif
";

const END: &str = "
#ifdef __cplusplus
}
#endif

#endif /* WARDCARD_H */
";

/// A declaration with its comment.
struct Item {
    comment: Vec<String>,
    lines: Vec<String>,
}

/// The header of the package in `root`.
pub fn generated(root: &Path) -> String {
    let folder = root.join("src/ffi/host");
    let sources =
        SOURCES.map(|name| fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap());
    let items = items(&declarations(&folder));
    let mut text = preamble(&fs::read_to_string(root.join("src/ffi/host.rs")).unwrap());
    text.push_str(BEGIN);

    let mut taken = Vec::new();
    let mut put = |text: &mut String, name: &str, item: &Item| {
        taken.push(name.to_owned());
        // Numbers stand together below their type.
        if !item.lines[0].starts_with("#define") || name == "WARDCARD_ABI_VERSION" {
            text.push('\n');
        }
        comment(text, "", &item.comment);
        item.lines.iter().for_each(|line| line_of(text, line));
    };
    let all: Vec<String> = sources.iter().flat_map(|source| names(source)).collect();
    // Handles are named before anything uses them; then all else, in its order.
    let handle = |name: &str| {
        let begin = &items[name].lines[0];
        begin.starts_with("typedef struct") && begin.ends_with(';')
    };
    for handles in [true, false] {
        for name in all.iter().filter(|name| handle(name) == handles) {
            put(&mut text, name, &items[name]);
        }
    }
    assert_eq!(taken.len(), items.len(), "a declaration is in no source");
    text.push_str(END);
    text
}

fn declarations(folder: &Path) -> String {
    let config = cbindgen::Config {
        language: cbindgen::Language::C,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        usize_is_size_t: true,
        style: cbindgen::Style::Type,
        line_length: 100,
        tab_width: 4,
        no_includes: true,
        ..cbindgen::Config::default()
    };
    let mut builder = cbindgen::Builder::new().with_config(config);
    for name in SOURCES {
        builder = builder.with_src(folder.join(format!("{name}.rs")));
    }
    let mut text = Vec::new();
    builder.generate().expect("the sources can be read").write(&mut text);
    String::from_utf8(text).unwrap()
}

/// What the module's own page says, as the header's first comment.
fn preamble(source: &str) -> String {
    let page: Vec<String> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| plain(line.strip_prefix(' ').unwrap_or(line)))
        .collect();
    let mut text = String::new();
    comment(&mut text, "", &page);
    text.push('\n');
    text
}

/// Public names of a source, in its order.
fn names(source: &str) -> Vec<String> {
    let heads = [
        "pub const ",
        "pub type ",
        "pub struct ",
        "pub extern \"C\" fn ",
        "pub unsafe extern \"C\" fn ",
    ];
    let name = |line: &str| {
        let rest = heads.iter().find_map(|head| line.strip_prefix(head))?;
        rest.split(|char: char| !char.is_alphanumeric() && char != '_').next().map(str::to_owned)
    };
    source.lines().filter_map(name).collect()
}

/// The declarations that cbindgen wrote, by name.
fn items(text: &str) -> HashMap<String, Item> {
    let mut items = HashMap::new();
    let mut lines = text.lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        if line == "/**" {
            said = lines.by_ref().take_while(|line| *line != " */").map(uncommented).collect();
            continue;
        }
        let mut own = vec![line.to_owned()];
        let ends = |line: &str| line.starts_with("#define") || line.ends_with(';');
        let structure = line.ends_with('{');
        while if structure {
            !own[own.len() - 1].starts_with('}')
        } else {
            !ends(&own[own.len() - 1])
        } {
            own.push(lines.next().expect("a declaration has an end").to_owned());
        }
        let name = name_of(&own);
        let lines = if structure { fields(&name, &own) } else { own };
        let lines = lines.iter().map(|line| unsigned(line)).collect();
        items.insert(name, Item { comment: std::mem::take(&mut said), lines });
    }
    items
}

fn name_of(lines: &[String]) -> String {
    let word = |text: &str| {
        text.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect::<String>()
    };
    let first = &lines[0];
    if let Some(rest) = first.strip_prefix("#define ") {
        return word(rest);
    }
    if let Some((_, rest)) = first.split_once("(*") {
        return word(rest);
    }
    let last = if first.starts_with("typedef") { &lines[lines.len() - 1] } else { first };
    let end = last.find('(').unwrap_or(last.len() - 1);
    last[..end].rsplit([' ', '*']).next().unwrap_or_default().to_owned()
}

/// A structure with its name and the comments of its fields in our form.
fn fields(name: &str, lines: &[String]) -> Vec<String> {
    let mut text = format!("typedef struct {name} {{\n");
    let mut said = Vec::new();
    for line in &lines[1..] {
        match line.trim_start() {
            "/**" | "*/" => {}
            rest if rest.starts_with('*') => said.push(uncommented(rest)),
            rest if rest.starts_with('}') => line_of(&mut text, rest),
            rest => {
                comment(&mut text, "    ", &std::mem::take(&mut said));
                line_of(&mut text, &format!("    {rest}"));
            }
        }
    }
    text.lines().map(str::to_owned).collect()
}

/// Numbers of ours are unsigned.
fn unsigned(line: &str) -> String {
    if line.starts_with("#define") { format!("{line}u") } else { line.to_owned() }
}

fn uncommented(line: &str) -> String {
    let line = line.trim_start();
    plain(line.strip_prefix("* ").or_else(|| line.strip_prefix('*')).unwrap_or(line))
}

/// Without the marks of rustdoc.
fn plain(line: &str) -> String {
    line.replace(['`', '[', ']'], "")
}

/// A comment, in one line where it fits.
fn comment(text: &mut String, indent: &str, lines: &[String]) {
    let mut said: Vec<String> = Vec::new();
    let mut requires = false;
    for line in lines {
        match line.trim() {
            "# Safety" => requires = true,
            "" if requires => {}
            rest if requires => {
                said.push(format!("Requires: {rest}"));
                requires = false;
            }
            _ => said.push(line.trim_end().to_owned()),
        }
    }
    match said.as_slice() {
        [] => {}
        [one] if one.len() < 90 => line_of(text, &format!("{indent}/** {one} */")),
        [first, rest @ ..] => {
            line_of(text, &format!("{indent}/** {first}"));
            rest.iter().for_each(|line| line_of(text, format!("{indent} * {line}").trim_end()));
            line_of(text, &format!("{indent} */"));
        }
    }
}

fn line_of(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
