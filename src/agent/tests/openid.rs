//! The code flow and back-channel logout through a whole agent.

use super::*;
use crate::{
    agent::{
        SignIn,
        config::LogoutSettings,
        host::flow::SignInLine,
        host::message::{Hidden, Passcode},
    },
    proof::Refusal,
    testkit::provider::{Break, IdToken},
};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Instant,
};

const BACK: &str = "http://127.0.0.1:4711/callback";

fn how() -> SignIn {
    SignIn { redirect_uri: BACK.to_owned(), ..SignIn::default() }
}

fn bench() -> Bench {
    Bench::new(|config| {
        let listen = "127.0.0.1:0".parse().unwrap();
        config.logout = Some(LogoutSettings { listen, path: "/out".to_owned() });
    })
}

fn proof(error: Error) -> Refusal {
    match error {
        Error::Refused(derive::Refusal::Proof(refusal)) => refusal,
        other => panic!("{other}"),
    }
}

impl Bench {
    /// A request and the redirect of a sign-in for it.
    fn visited(&self, change: impl FnOnce(IdToken) -> IdToken) -> (RequestId, Secret) {
        let pending = self.agent().request(Seat::user(own())).unwrap();
        let url = self.agent().begin_sign_in(&pending.request, &how()).unwrap();
        let back = self.provider.visit_as(&url, change).unwrap();
        (pending.request, Secret::new(back.into_bytes()))
    }

    fn logout(&self, change: impl FnOnce(IdToken) -> IdToken) -> Result<usize, Error> {
        let token = change(self.provider.logout().unwrap()).sign().unwrap();
        self.agent().logout_token(&Secret::new(token.into_bytes()))
    }

    fn host(&self) -> host::Client {
        let settings = self.config.host.as_ref().unwrap();
        let trust = ServerTrust { users: vec![own()] };
        host::Client::connect(&settings.address, &trust, settings.secret.as_ref()).unwrap()
    }

    fn audited(&self) -> String {
        let audit = self.folder.path().join("state/audit");
        let files = audit::files_in(&audit).unwrap();
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }
}

#[test]
fn a_sign_in_makes_a_card_and_serves_once() {
    let bench = bench();
    let (request, redirect) = bench.visited(|token| token);
    let done = bench.agent().finish_sign_in(&request, &redirect, given()).unwrap();
    assert_eq!(done.card.person.as_str(), PERSON);
    assert_eq!(done.card.assurance.binding, crate::proof::Binding::Nonce);
    assert_eq!(done.tokens.assurance.person, done.card.person);
    let again = bench.agent().finish_sign_in(&request, &redirect, given()).unwrap_err();
    assert!(matches!(again, Error::UnknownRequest));
    // Another sign-in does not take the redirect of this one, nor its code.
    let (request, _) = bench.visited(|token| token);
    let replayed = bench.agent().finish_sign_in(&request, &redirect, given()).unwrap_err();
    assert_eq!(proof(replayed), Refusal::State);
    let gone = bench.agent().finish_sign_in(&request, &redirect, given()).unwrap_err();
    assert!(matches!(gone, Error::UnknownRequest), "the request is used up");
    assert!(bench.audited().contains("sign-in-refused"));
}

#[test]
fn a_redirects_code_serves_once_at_the_provider() {
    let bench = bench();
    let pending = bench.agent().request(Seat::user(own())).unwrap();
    let url = bench.agent().begin_sign_in(&pending.request, &how()).unwrap();
    let back = Secret::new(bench.provider.visit(&url).unwrap().into_bytes());
    bench.agent().finish_sign_in(&pending.request, &back, given()).unwrap();
    let (request, other) = bench.visited(|token| token);
    // The spent code with the right state of another sign-in.
    let query = |redirect: &Secret, name: &str| {
        let text = String::from_utf8(redirect.expose().to_vec()).unwrap();
        let pairs = crate::proof::form::pairs(text.split_once('?').unwrap().1.as_bytes()).unwrap();
        crate::proof::form::once(&pairs, name).unwrap().unwrap().to_owned()
    };
    let pairs = [
        ("code", query(&back, "code")),
        ("state", query(&other, "state")),
        ("iss", query(&other, "iss")),
    ];
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let injected = format!("{BACK}?{}", crate::proof::form::written(&pairs).as_str());
    let injected = Secret::new(injected.into_bytes());
    let refused = bench.agent().finish_sign_in(&request, &injected, given()).unwrap_err();
    assert_eq!(proof(refused), Refusal::TokenRequest(400, "invalid_grant".to_owned()));
}

#[test]
fn a_sign_in_that_is_refused_leaves_no_card_and_no_request() {
    let bench = bench();
    type Change = fn(IdToken) -> IdToken;
    let changes: [(Change, Refusal); 4] = [
        (|token| token.claim("nonce", "other"), Refusal::Nonce),
        (
            |token| token.claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
            Refusal::Hash(crate::proof::Claim::AccessTokenHash),
        ),
        (|token| token.claim("aud", "other"), Refusal::Audience),
        (|token| token.header("alg", "none"), Refusal::AlgorithmNone),
    ];
    for (change, wanted) in changes {
        let (request, redirect) = bench.visited(change);
        let refused = bench.agent().finish_sign_in(&request, &redirect, given()).unwrap_err();
        assert_eq!(proof(refused), wanted);
        let evidence = bench.token("x", PERSON);
        let gone = bench.agent().prove(&request, evidence, given()).unwrap_err();
        assert!(matches!(gone, Error::UnknownRequest));
    }
    assert!(bench.agent().cards().is_empty());
}

#[test]
fn a_sign_in_ends_with_its_request() {
    let bench = bench();
    let (request, redirect) = bench.visited(|token| token);
    bench.agent().cancel(&request);
    let gone = bench.agent().finish_sign_in(&request, &redirect, given()).unwrap_err();
    assert!(matches!(gone, Error::UnknownRequest));
    let gone = bench.agent().begin_sign_in(&request, &how()).unwrap_err();
    assert!(matches!(gone, Error::UnknownRequest));
    let (request, redirect) = bench.visited(|token| token);
    bench.clock.advance(bench.config.policy.request_life);
    bench.agent().reap();
    let gone = bench.agent().finish_sign_in(&request, &redirect, given()).unwrap_err();
    assert!(matches!(gone, Error::UnknownRequest));
    let pending = bench.agent().request(Seat::user(own())).unwrap();
    let elsewhere = SignIn { provider: Some("https://other.example".to_owned()), ..how() };
    let unknown = bench.agent().begin_sign_in(&pending.request, &elsewhere).unwrap_err();
    assert_eq!(proof(unknown), Refusal::ProviderUnknown);
}

#[test]
fn a_provider_that_is_down_is_told_and_the_request_waits_on() {
    let bench = bench();
    let pending = bench.agent().request(Seat::user(own())).unwrap();
    bench.provider.set_down(true);
    let down = bench.agent().begin_sign_in(&pending.request, &how()).unwrap_err();
    assert!(matches!(proof(down), Refusal::Unreachable(_)));
    bench.provider.set_down(false);
    let url = bench.agent().begin_sign_in(&pending.request, &how()).unwrap();
    let back = Secret::new(bench.provider.visit(&url).unwrap().into_bytes());
    bench.agent().finish_sign_in(&pending.request, &back, given()).unwrap();
}

#[test]
fn hosts_sign_in_and_out_over_their_endpoint() {
    let bench = bench();
    let host = bench.host();
    let pending = host.request(&Seat::user(own())).unwrap();
    let how = SignInLine { redirect_uri: BACK.to_owned(), ..SignInLine::default() };
    let url = host.begin_sign_in(&pending.request, how).unwrap();
    let back = Secret::new(bench.provider.visit(&url).unwrap().into_bytes());
    let passcode = Passcode::Given { passcode: Hidden(Secret::copied_from(PASSCODE)), keep: false };
    let (card, tokens) = host.finish_sign_in(&pending.request, &back, passcode, true).unwrap();
    assert_eq!(card.person, PERSON);
    let tokens = tokens.unwrap();
    assert!(!tokens.access_token.0.is_empty());
    assert!(!format!("{tokens:?}").contains("eyJ"), "nothing of them in a debug text");
    let token = bench.provider.logout().unwrap().sign().unwrap();
    assert_eq!(host.logout_token(&Secret::new(token.into_bytes())).unwrap(), 1);
    assert!(host.cards().unwrap().is_empty());
    assert!(bench.audited().contains("\"reason\":\"signed-out\""));
}

#[test]
fn a_logout_token_ends_the_cards_of_its_session_and_no_others() {
    let bench = Bench::new(|config| config.policy.cards_per_person = 2);
    let seat = |name: &str| Seat { uid: own(), logon: Some(name.to_owned()) };
    let sign_in = |at: &str, session: &str, person: &str| {
        let pending = bench.agent().request(seat(at)).unwrap();
        let token = bench.provider.sign_in(&pending.nonce).claim("sid", session);
        let token = token.claim("sub", person).sign().unwrap();
        let evidence = Evidence::IdToken(Secret::new(token.into_bytes()));
        bench.agent().prove(&pending.request, evidence, given()).unwrap()
    };
    let one = sign_in("1", "s1", PERSON);
    let two = sign_in("2", "s2", PERSON);
    let other = sign_in("3", "s3", "555000000002");
    assert_eq!(bench.logout(|token| token.claim("sid", "unknown")).unwrap(), 0);
    assert_eq!(bench.logout(|token| token.claim("sid", "s1").without("sub")).unwrap(), 1);
    let left = |bench: &Bench| -> Vec<_> {
        bench.agent().cards().into_iter().map(|card| card.id).collect()
    };
    assert_eq!(left(&bench), [two.id, other.id]);
    assert!(matches!(bench.agent().card(one.id), Err(Error::UnknownCard)));
    // Without a session: the person's, all of them.
    let again = sign_in("1", "s4", PERSON);
    assert_eq!(bench.logout(|token| token.without("sid")).unwrap(), 2);
    assert_eq!(left(&bench), [other.id]);
    assert!(matches!(bench.agent().card(again.id), Err(Error::UnknownCard)));
}

#[test]
fn a_proof_of_a_session_that_has_been_signed_out_makes_no_card() {
    let bench = bench();
    let pending = bench.agent().request(Seat::user(own())).unwrap();
    let evidence = bench.token(&pending.nonce, PERSON);
    assert_eq!(bench.logout(|token| token).unwrap(), 0);
    let late = bench.agent().prove(&pending.request, evidence, given()).unwrap_err();
    assert_eq!(proof(late), Refusal::SignedOut);
    assert!(bench.agent().cards().is_empty());
    // The person signs in anew: another session.
    let anew = |session: &str| {
        let pending = bench.agent().request(Seat::user(own())).unwrap();
        let token = bench.provider.sign_in(&pending.nonce).claim("sid", session).sign().unwrap();
        let evidence = Evidence::IdToken(Secret::new(token.into_bytes()));
        bench.agent().prove(&pending.request, evidence, given())
    };
    assert!(anew("s2").is_ok());
    // Signed out everywhere: what was authenticated by then is over, what comes later is not.
    assert_eq!(bench.logout(|token| token.without("sid")).unwrap(), 1);
    assert_eq!(proof(anew("s3").unwrap_err()), Refusal::SignedOut);
    bench.clock.advance(Duration::from_secs(1));
    assert!(anew("s4").is_ok());
}

#[test]
fn a_logout_token_that_is_broken_in_one_rule_ends_nothing() {
    let bench = bench();
    let card = bench.sign_in();
    for how in [
        Break::Unsigned,
        Break::Hmac,
        Break::OtherKey,
        Break::UnknownKey,
        Break::Signature,
        Break::Claims,
        Break::Duplicate,
        Break::Encrypted,
    ] {
        let token = bench.provider.logout().unwrap().broken(how).unwrap();
        bench.agent().logout_token(&Secret::new(token.into_bytes())).unwrap_err();
    }
    type Change = fn(IdToken) -> IdToken;
    let changes: [Change; 7] = [
        |token| token.claim("nonce", "x"),
        |token| token.without("events"),
        |token| token.without("jti"),
        |token| token.claim("aud", "other"),
        |token| token.claim("iss", "https://other.example"),
        |token| token.claim("exp", 1),
        |token| token.header("typ", "at+jwt"),
    ];
    for change in changes {
        bench.logout(change).unwrap_err();
    }
    assert_eq!(bench.agent().card(card.id).unwrap().state, State::Inserted);
    // A token serves once: what comes again ends nothing that came in between.
    let token = bench.provider.logout().unwrap().claim("sid", "s9").sign().unwrap();
    let token = Secret::new(token.into_bytes());
    assert_eq!(bench.agent().logout_token(&token).unwrap(), 0);
    assert_eq!(proof(bench.agent().logout_token(&token).unwrap_err()), Refusal::Replayed);
}

/// What the endpoint of logout tokens answers.
fn posted(bench: &Bench, text: &str) -> String {
    let mut stream = TcpStream::connect(bench.agent().logout_address().unwrap()).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn form(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn the_endpoint_takes_logout_tokens_as_the_specification_says() {
    let bench = bench();
    let card = bench.sign_in();
    let token = || bench.provider.logout().unwrap().sign().unwrap();
    let good = format!("logout_token={}", token());
    for (request, status) in [
        (form("/", &good), "404"),
        (form("/out?x=y", &good), "404"),
        (form("/out", &good).replace("POST", "GET"), "405"),
        (form("/out", &good).replace("application/x-www-form-urlencoded", "text/plain"), "415"),
        (form("/out", ""), "400"),
        (form("/out", "logout_token="), "400"),
        (form("/out", "logout_token=abc"), "400"),
        (form("/out", &format!("{good}&{good}")), "400"),
        (form("/out", &good.replace("eyJ", "eyK")), "400"),
        (format!("POST /out HTTP/1.1\r\nContent-Length: {}\r\n\r\n", 80 * 1024 + 1), "413"),
        ("NONSENSE\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = posted(&bench, &request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(answer.contains("Cache-Control: no-store\r\n"), "{answer}");
        assert!(answer.contains("\"error\":\"invalid_request\""), "{answer}");
    }
    assert!(bench.agent().card(card.id).is_ok());
    assert!(bench.audited().contains("logout-refused"));
    let begun = Instant::now();
    let answer = posted(&bench, &form("/out", &good));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("Cache-Control: no-store\r\n") && answer.ends_with("\r\n\r\n"));
    assert!(matches!(bench.agent().card(card.id), Err(Error::UnknownCard)));
    let again = posted(&bench, &form("/out", &good));
    assert!(again.starts_with("HTTP/1.1 400 ") && again.contains("used before"), "{again}");
}

#[test]
fn the_endpoint_holds_out_against_many_and_against_silence_and_closes_with_the_agent() {
    let bench = bench();
    let address = bench.agent().logout_address().unwrap();
    let card = bench.sign_in();
    // Who says nothing, and who says what is no token, keeps nobody out.
    let silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(200));
    for _ in 0..300 {
        let mut one = TcpStream::connect(address).unwrap();
        let _ = one.write_all(form("/out", "logout_token=x").as_bytes());
    }
    let token = bench.provider.logout().unwrap().sign().unwrap();
    let begun = Instant::now();
    let request = form("/out", &format!("logout_token={token}"));
    let mut answer = posted(&bench, &request);
    // While all places are at work it is told to come again, as a provider does.
    while answer.starts_with("HTTP/1.1 503 ") && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(50));
        answer = posted(&bench, &request);
    }
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    // The others take their time; nobody is kept out.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(matches!(bench.agent().card(card.id), Err(Error::UnknownCard)));
    drop(silent);
    bench.agent().stop();
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(bench.agent().logout_address(), None);
}

#[test]
fn while_the_provider_is_down_old_keys_serve_only_a_policy_that_admits_them_and_after_a_restart_too()
 {
    let offline = |accepted: bool| {
        Bench::new(move |config| {
            config.providers[0].oidc.key_set = None;
            let rule = derive::SourceRule {
                offline: accepted,
                ..derive::SourceRule::new(derive::SourceKind::Oidc)
            };
            config.policy.sources = vec![rule];
            config.policy.cards_per_person = 2;
        })
    };
    let sign_in = |bench: &Bench, at: &str| {
        let seat = Seat { uid: own(), logon: Some(at.to_owned()) };
        let pending = bench.agent().request(seat).unwrap();
        let evidence = bench.token(&pending.nonce, PERSON);
        bench.agent().prove(&pending.request, evidence, given())
    };
    for accepted in [false, true] {
        let mut bench = offline(accepted);
        let first = sign_in(&bench, "1").unwrap();
        assert!(!first.assurance.offline);
        bench.provider.set_down(true);
        bench.clock.advance(Duration::from_secs(3600));
        let second = sign_in(&bench, "2");
        assert!(bench.agent().card(first.id).is_ok(), "a live card lasts");
        match second {
            Ok(card) => assert!(accepted && card.assurance.offline),
            Err(error) => assert!(!accepted && error.to_string().contains("older ones"), "{error}"),
        }
        assert!(!accepted || bench.audited().contains("\"offline\":true"));
        bench.start();
        assert_eq!(sign_in(&bench, "1").is_ok(), accepted, "after a restart");
        // Signing out still works, by the same keys.
        assert_eq!(bench.logout(|token| token).unwrap(), usize::from(accepted));
        // Beyond a day nobody can sign in, whatever the policy.
        bench.clock.advance(Duration::from_secs(23 * 3600));
        let late = proof(sign_in(&bench, "1").unwrap_err());
        assert!(matches!(late, Refusal::Unreachable(_)), "{late}");
        bench.provider.set_down(false);
        bench.clock.advance(Duration::from_secs(60));
        // Another session: the one before has been signed out.
        let pending = bench.agent().request(Seat::user(own())).unwrap();
        let token = bench.provider.sign_in(&pending.nonce).claim("sid", "anew").sign().unwrap();
        let evidence = Evidence::IdToken(Secret::new(token.into_bytes()));
        let card = bench.agent().prove(&pending.request, evidence, given()).unwrap();
        assert!(!card.assurance.offline);
    }
}
