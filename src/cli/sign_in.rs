//! `wardcard sign-in`: signs a person in with the system's browser (RFC 8252) and prints the card.
//! The agent does what needs the client's secret; here are the browser and the loopback listener.

mod back;

use super::{Outcome, host, status};
use crate::{
    agent::host::flow::{SignInLine, TokensLine},
    crypto,
    proof::form,
    secret::Secret,
};
use back::Back;
use clap::Args;
use std::{
    error::Error,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// Arguments of `wardcard sign-in`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    way: host::Way,
    #[command(flatten)]
    card: host::CardArguments,
    /// The provider's issuer; default the first of the agent's configuration
    #[arg(long, value_name = "ISSUER")]
    provider: Option<String>,
    /// Whom the provider may suggest
    #[arg(long)]
    login_hint: Option<String>,
    /// login, consent or select_account
    #[arg(long)]
    prompt: Option<String>,
    /// Oldest authentication that the provider may build on, in seconds
    #[arg(long, value_name = "SECONDS")]
    max_age: Option<u64>,
    /// Context that is asked for (acr_values); may be given several times
    #[arg(long)]
    acr: Vec<String>,
    /// Port that the browser comes back to, where the provider wants a registered one
    #[arg(long, default_value_t = 0)]
    redirect_port: u16,
    /// Path that the browser comes back to, as it is registered; "random" for one that nobody
    /// can guess, where the provider takes any
    #[arg(long, default_value = "/callback")]
    redirect_path: String,
    /// Print the address instead of opening the browser
    #[arg(long)]
    print_url: bool,
    /// How long the person may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    #[command(flatten)]
    passcode: host::PasscodeArguments,
    /// Write the tokens of the same sign-in to this new file as JSON; - for standard output
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let passcode = arguments.passcode.source()?;
    let client = arguments.way.connect()?;
    let path = path(&arguments.redirect_path)?;
    let back = Back::listen(arguments.redirect_port, &path)?;
    let pending = arguments.card.request(&client)?;
    let how = SignInLine {
        provider: arguments.provider.clone(),
        redirect_uri: back.uri().to_owned(),
        login_hint: arguments.login_hint.clone(),
        prompt: arguments.prompt.clone(),
        max_age: arguments.max_age,
        acr_values: arguments.acr.clone(),
    };
    let url = client.begin_sign_in(&pending.request, how)?;
    let state = state_of(&url).ok_or("the agent's address for the browser has no state")?;
    if arguments.print_url {
        writeln!(out, "{url}")?;
        out.flush()?;
    } else {
        open(&url)?;
    }
    // The conversation with the agent has no time limit of its own while the person signs in.
    let redirect = back.wait(Duration::from_secs(arguments.timeout), &state)?;
    let wanted = arguments.tokens.is_some();
    let (card, tokens) = client.finish_sign_in(&pending.request, &redirect, passcode, wanted)?;
    status::cards(&[card], out)?;
    match (&arguments.tokens, &tokens) {
        (Some(path), Some(tokens)) => Ok(hand_over(tokens, path, out)?),
        _ => Ok(()),
    }
}

/// `state` of the address that the browser opens, which comes back with the answer to it.
fn state_of(url: &str) -> Option<Secret> {
    let (_, query) = url.split_once('?')?;
    let pairs = form::pairs(query.as_bytes())?;
    let state = form::once(&pairs, "state").ok()??;
    Some(Secret::copied_from(state.as_bytes()))
}

/// The path of the redirect: as registered, or of 16 random bytes.
fn path(named: &str) -> Result<String, Box<dyn Error>> {
    if named == "random" {
        let mut bytes = [0; 16];
        crypto::random(&mut bytes)?;
        return Ok(format!("/{}", bytes.map(|byte| format!("{byte:02x}")).concat()));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if !named.starts_with('/') || !named.bytes().all(plain) {
        return Err("a path is written /callback: letters, digits and /-._~".into());
    }
    Ok(named.to_owned())
}

/// Opens the browser: the first of $BROWSER that starts, else xdg-open.
fn open(url: &str) -> Result<(), Box<dyn Error>> {
    let named = std::env::var("BROWSER").unwrap_or_default();
    let browsers = named.split(':').filter(|browser| !browser.trim().is_empty());
    for browser in browsers.chain(["xdg-open"]) {
        let mut words = browser.split_whitespace();
        let Some(program) = words.next() else { continue };
        let mut command = Command::new(program);
        let mut placed = false;
        for word in words {
            placed |= word.contains("%s");
            command.arg(word.replace("%s", url));
        }
        if !placed {
            command.arg(url);
        }
        // What a browser writes is no output of this program.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.spawn().is_ok() {
            return Ok(());
        }
    }
    Err("no browser starts; set BROWSER, install xdg-utils, or use --print-url".into())
}

/// Writes the tokens where they are wanted: nowhere else are they ever written.
fn hand_over(tokens: &TokensLine, path: &Path, out: &mut dyn Write) -> io::Result<()> {
    let text = Secret::new(serde_json::to_vec(tokens)?);
    if path == Path::new("-") {
        out.write_all(text.expose())?;
        return writeln!(out);
    }
    let mut file = crate::secret::files::create_new(path)?;
    file.write_all(text.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_the_one_of_the_browsers_address() {
        let state = |url| state_of(url).map(|state| state.expose().to_vec());
        assert_eq!(state("https://p.example/a?scope=openid&state=x%2Dy"), Some(b"x-y".to_vec()));
        assert_eq!(state("https://p.example/a?state=x&state=y"), None, "twice is none");
        assert_eq!(state("https://p.example/a?scope=openid"), None);
        assert_eq!(state("https://p.example/a"), None);
    }

    #[test]
    fn a_path_is_plain_or_random() {
        assert_eq!(path("/a/b-c").unwrap(), "/a/b-c");
        let (one, two) = (path("random").unwrap(), path("random").unwrap());
        assert_eq!(one.len(), 33);
        assert_ne!(one, two);
        for wrong in ["", "callback", "/a?b", "/a b", "/%41", "//x\n"] {
            path(wrong).unwrap_err();
        }
    }
}
