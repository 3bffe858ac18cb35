//! `wardcard demo`: the main job on embedded defaults, every part the real one.
//!
//! A loopback provider, an issuer and an agent start in this process; a clinician signs in; a
//! second process loads the PKCS#11 module as a legacy application does and signs the challenge of
//! CIS1; the answer is verified; the card is removed, and the application notices.

mod application;
mod environment;
mod reader;

pub(super) use application::ApplicationArgs;

use crate::{
    agent::Removal,
    card::KeySlot,
    clock::{Clock, SystemClock},
    crypto, pki,
    testkit::{Builder, Kit, SignedIn, provider::PERSON},
};
use base64ct::{Base64, Encoding};
use std::{
    error::Error,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

/// Arguments of `wardcard demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keep the card in place until interrupted, and print the commands to try by hand.
    #[arg(long)]
    keep: bool,
    /// With --keep: write shell assignments to this file once the card is usable.
    #[arg(long, value_name = "FILE", requires = "keep")]
    env: Option<PathBuf>,
    /// The PKCS#11 module; by default libwardcard.so beside this program.
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// With --keep: put the card into a reader as well: ifd, vpcd, usbip or vscard
    #[arg(long, value_name = "KIND[=ADDRESS]", requires = "keep")]
    reader: Vec<String>,
    /// Turn the content commitment key on (it asks for the passcode before each signature).
    #[arg(long)]
    content_commitment: bool,
}

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Runs the demo.
///
/// # Errors
/// A sentence that says which step failed and why.
pub(super) fn run(args: &Args, out: &mut dyn Write) -> Outcome {
    let module = environment::module(args.module.clone())?;
    let mut story = Story { begun: Instant::now(), out };
    story.title("Wardcard demo: a strong sign-in becomes a card for a legacy application")?;

    let mut builder = Builder::default();
    builder.policy.content_commitment = args.content_commitment;
    builder.readers = args.reader.iter().map(|text| reader::parse(text)).collect::<Outcome<_>>()?;
    // What programs try through a reader, OpenSC's test first of all, are raw blocks.
    builder.policy.hashes.raw_blocks = !builder.readers.is_empty();
    let kit = builder.start()?;
    story.line("provider", &format!("{} issues CIS2-shaped tokens", kit.provider().issuer()))?;
    story.line("issuer", "a root and two issuing authorities, inside this process for the demo")?;
    story.line("agent", &format!("serves applications on {}", kit.address()))?;

    let card = kit.sign_in(PERSON)?;
    story.line(
        "sign-in",
        &format!(
            "clinician {PERSON}, AAL{} by {}",
            card.card.assurance.authentication.0,
            card.card.assurance.methods.join(", ")
        ),
    )?;
    story.line("card", &format!("serial {}, ends {}", card.card.id.to_hex(), card.card.expires))?;

    let mut application = Application::start(&module, &kit.address())?;
    let challenge = challenge()?;
    let response = application.sign(&card.passcode, &challenge)?;
    for line in &response.told {
        story.line("application", line)?;
    }
    verify(&kit, &card, &challenge, &response.signed_data)?;
    story.line(
        "verified",
        "the CMS response is this person's, over this challenge, up to the root",
    )?;

    if args.keep {
        drop(application);
        return environment::keep(args, &kit, &card, &module, story.out);
    }

    kit.agent().remove(card.card.id, Removal::TapOut)?;
    story.line("removed", "the person taps out; the keys are erased")?;
    story.line("application", &application.after_removal()?)?;
    story
        .title("Done. `wardcard demo --keep` leaves the card in place for programs of your own.")?;
    Ok(())
}

/// 48 random bytes, as the Spine's challenge was seen to be.
fn challenge() -> Outcome<Vec<u8>> {
    let mut challenge = vec![0; 48];
    crypto::random(&mut challenge)?;
    Ok(challenge)
}

/// What the Spine would do with the response.
fn verify(kit: &Kit, card: &SignedIn, challenge: &[u8], signed_data: &[u8]) -> Outcome {
    use crate::issue::Issuer;
    let certificate = pki::cms::verify(signed_data, challenge)?;
    if certificate.user_id().as_ref() != Some(&card.card.person) {
        return Err("the response is signed with another person's certificate".into());
    }
    let mut chain = vec![certificate];
    chain.push(kit.issuer().authority(KeySlot::Authentication).certificate().clone());
    pki::validate(&chain, &kit.issuer().roots()?, &[], SystemClock.now())?;
    Ok(())
}

/// The application's answer.
struct Response {
    told: Vec<String>,
    signed_data: Vec<u8>,
}

/// The legacy application in its process. Ended, if it has not ended, on drop.
struct Application {
    process: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Application {
    fn start(module: &std::path::Path, address: &str) -> Outcome<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("legacy-application")
            .arg(module)
            .env("WARDCARD_AGENT", address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the application cannot be started: {error}"))?;
        let to = process.stdin.take();
        let from = process.stdout.take().ok_or("the application has no output")?;
        Ok(Self { process, to, from: BufReader::new(from) })
    }

    /// The next line that is not a story line; story lines go to `told`.
    fn next(&mut self, told: &mut Vec<String>) -> Outcome<String> {
        loop {
            let mut line = String::new();
            if self.from.read_line(&mut line)? == 0 {
                return Err("the application ended early; its error is above".into());
            }
            match line.trim_end().strip_prefix("- ") {
                Some(story) => told.push(story.to_owned()),
                None => return Ok(line.trim_end().to_owned()),
            }
        }
    }

    fn send(&mut self, line: &str) -> Outcome {
        let to = self.to.as_mut().ok_or("the application has no input")?;
        writeln!(to, "{line}")?;
        Ok(to.flush()?)
    }

    fn sign(&mut self, passcode: &str, challenge: &[u8]) -> Outcome<Response> {
        self.send(passcode)?;
        self.send(&Base64::encode_string(challenge))?;
        let mut told = Vec::new();
        let encoded = self.next(&mut told)?;
        let text = String::from_utf8(Base64::decode_vec(&encoded)?)?;
        let signed_data = pki::cms::from_smime(&text)?;
        Ok(Response { told, signed_data })
    }

    fn after_removal(mut self) -> Outcome<String> {
        self.send("the card has been removed")?;
        let mut told = Vec::new();
        let line = self.next(&mut told)?;
        self.to = None;
        let status = self.process.wait()?;
        if status.success() { Ok(line) } else { Err(line.into()) }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.to = None;
        let _ = self.process.wait();
    }
}

/// Lines with the time since the beginning.
struct Story<'a> {
    begun: Instant,
    out: &'a mut dyn Write,
}

impl Story<'_> {
    fn title(&mut self, text: &str) -> Outcome {
        Ok(writeln!(self.out, "{text}")?)
    }

    fn line(&mut self, what: &str, text: &str) -> Outcome {
        Ok(writeln!(self.out, "  {:6.3} s  {what:<12} {text}", self.begun.elapsed().as_secs_f64())?)
    }
}

/// Runs the legacy application: what the demo starts in a second process.
///
/// # Errors
/// What the module answered where a legacy application expects something else.
pub(super) fn run_application(args: &ApplicationArgs, out: &mut dyn Write) -> Outcome {
    application::run(args, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_48_bytes_and_never_the_same() {
        let (one, two) = (challenge().unwrap(), challenge().unwrap());
        assert_eq!(one.len(), 48);
        assert_ne!(one, two);
    }
}
