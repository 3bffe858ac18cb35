//! Dialogues with the PIV card application, as data files under `tests/dialogues`: what a client
//! sends, what the card answers, one rule each.
//!
//! ```text
//! # words for the reader
//! = card rsa commitment          which card (first line but comments)
//! > 00 CB 3F FF 03 5C 01 7E 00   a command
//! < 7E .. 90 00                  its response: ?? one byte, .. any number of bytes
//! < none                         no response: the card is gone
//! ! reset                        something happens to the card
//! ```
//!
//! `{name}` in a command or response stands for bytes that the test knows or has kept; `{+name:N}`
//! in a response keeps N bytes for later. The words after `=` and `!` are in [`Desk`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

#[path = "dialogues/desk.rs"]
#[allow(dead_code, reason = "its slot is the other test's")]
mod desk;

use desk::Desk;
use std::{fs, path::Path};

fn play(file: &Path) -> Result<usize, String> {
    let text = fs::read_to_string(file).unwrap();
    let mut desk: Option<Desk> = None;
    let mut answer: Option<Option<Vec<u8>>> = None;
    let mut checked = 0;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some((kind, rest)) = line.split_at_checked(1) else { continue };
        let rest = rest.trim();
        let failed = |why: String| format!("{}:{number}: {why}", file.display());
        if kind != "<" && answer.is_some() {
            return Err(failed("the last response was not looked at".into()));
        }
        match kind {
            "=" => desk = Some(Desk::new(rest)),
            "!" => desk.as_mut().ok_or_else(|| failed("no card".into()))?.happens(rest),
            ">" => {
                let desk = desk.as_mut().ok_or_else(|| failed("no card".into()))?;
                let command = desk.bytes(rest).map_err(failed)?;
                answer = Some(desk.transmit(&command));
            }
            "<" => {
                let answer = answer.take().ok_or_else(|| failed("no command".into()))?;
                let desk = desk.as_mut().ok_or_else(|| failed("no card".into()))?;
                desk.check(rest, answer.as_deref()).map_err(failed)?;
                checked += 1;
            }
            other => return Err(failed(format!("what is {other:?}?"))),
        }
    }
    if answer.is_some() || checked == 0 {
        return Err(format!("{}: it ends without a response", file.display()));
    }
    Ok(checked)
}

#[test]
fn every_dialogue_goes_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(files.len() >= 20, "{}", files.len());
    let failed: Vec<String> = files.iter().filter_map(|file| play(file).err()).collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}
