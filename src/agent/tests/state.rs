//! What an agent keeps, and what it does where that cannot be kept or is not what it was.

use super::*;

#[test]
fn what_cannot_be_recorded_is_not_done() {
    let bench = Bench::new(|_| {});
    bench.sign_in();
    let application = bench.application();
    sign(&application, Some(PASSCODE)).expect("signed");
    let log = bench.agent().core.state.log.clone().expect("a log");
    log.fill_disk();
    let refused = sign(&bench.application(), Some(PASSCODE));
    assert!(refused.is_err(), "the key is not used");
    let pending = bench.agent().request(Seat::user(own())).expect("request");
    let evidence = bench.token(&pending.nonce, "555000000002");
    let card = bench.agent().prove(&pending.request, evidence, given());
    assert!(matches!(card, Err(Error::Audit)), "and no card is made");
    assert_eq!(bench.agent().cards().len(), 1);
}

#[test]
fn two_agents_do_not_share_a_state_folder() {
    let bench = Bench::new(|_| {});
    let config = Config { pkcs11: None, host: None, ..bench.config.clone() };
    let parts = AgentParts {
        issuer: Some(Arc::clone(&bench.issuer) as Arc<dyn Issuer>),
        ..AgentParts::default()
    };
    let second = Agent::start(config, parts);
    assert!(matches!(second, Err(Error::Part { what: "the audit log", .. })));
}

#[test]
fn a_log_that_was_cut_off_keeps_the_agent_from_starting() {
    let mut bench = Bench::new(|_| {});
    bench.sign_in();
    bench.agent = None;
    let path = bench.folder.path().join("state/audit/audit.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let first = text.lines().next().unwrap();
    std::fs::write(&path, format!("{first}\n")).unwrap();
    let start = |config: &Config| {
        let issuer = Arc::clone(&bench.issuer) as Arc<dyn Issuer>;
        let parts = AgentParts { issuer: Some(issuer), ..AgentParts::default() };
        Agent::start(config.clone(), parts)
    };
    assert!(matches!(start(&bench.config), Err(Error::Part { what: "the audit log", .. })));
    let mut config = bench.config.clone();
    config.audit.after_loss = config::AfterLoss::Record;
    drop(start(&config).expect("goes on"));
    assert!(bench.events().contains(&"loss".to_owned()));
}

#[cfg(unix)]
#[test]
fn a_state_folder_that_is_open_to_others_is_refused() {
    use std::{os::unix::fs::PermissionsExt as _, path::Path};
    let mut bench = Bench::new(|_| {});
    bench.agent = None;
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let start = || {
        let issuer = Arc::clone(&bench.issuer) as Arc<dyn Issuer>;
        Agent::start(
            bench.config.clone(),
            AgentParts { issuer: Some(issuer), ..AgentParts::default() },
        )
    };
    let state = bench.folder.path().join("state");
    open(&state, 0o755);
    assert!(matches!(start(), Err(Error::Part { what: "the state folder", .. })));
    open(&state, 0o700);
    open(&state.join("store.key"), 0o640);
    assert!(matches!(start(), Err(Error::Part { what: "the store's key", .. })));
    open(&state.join("store.key"), 0o600);
    start().expect("starts");
}
