//! What cannot be taken back is confirmed by typing what it is about.

use super::Outcome;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// Asks the terminal for `word` after a warning.
///
/// # Errors
/// There is no terminal, or something else was typed: nothing is to be done then.
pub(super) fn by_typing(warning: &str, word: &str) -> Outcome {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err("standard input is no terminal to ask at; say --yes if it is meant".into());
    }
    let mut screen = io::stderr();
    write!(screen, "{warning}\nType {word} to go on: ")?;
    screen.flush()?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    answered(&line, word)
}

fn answered(line: &str, word: &str) -> Outcome {
    if line.trim() == word { Ok(()) } else { Err("it was not typed, so nothing is done".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_alone_confirms() {
        assert!(answered("555000000001\n", "555000000001").is_ok());
        for other in ["", "\n", "y\n", "yes\n", "555000000002\n", "555000000001 no\n"] {
            assert!(answered(other, "555000000001").is_err(), "{other:?}");
        }
    }
}
