//! Calls without a key: sessions, random, finding by CKA_ID, C_Initialize, and the way from an
//! unloaded module to its first signature.

use crate::{
    measure::{Effort, Party, Target, contest, head, median, micros, time},
    p11::Face,
    parties::{Program, Seated},
    stage::Loaded,
};
use cryptoki_sys::{CKK_RSA, CKM_SHA256_RSA_PKCS, CKU_USER};
use std::{hint::black_box, path::Path, process::Command, time::Instant};

const OURS: &str = "in process";
const AGENT: &str = "agent";
const SOFTHSM: &str = "SoftHSM2";

/// Argument of a process that loads a module, signs once and tells its times.
pub(crate) const COLD: &str = "--cold";

/// Calls of a module that is in use.
pub(crate) fn warm(effort: Effort, plain: &Seated, agent: &Program, softhsm: Option<&Program>) {
    head("Calls without a key");
    let ours = Program::in_process(plain, CKK_RSA);
    let contest = |what: &str, work: fn(&Program, &mut [u8])| {
        let mut programs = vec![(OURS, &ours), (AGENT, agent)];
        programs.extend(softhsm.map(|softhsm| (SOFTHSM, softhsm)));
        let parties = programs.into_iter().map(|(name, program)| {
            let mut id = program.face.id(program.session, program.key);
            Party::new(name, move || work(program, &mut id))
        });
        let figures = contest(effort, 20, parties.collect());
        figures.ratio(&format!("{what}, in process"), OURS, SOFTHSM, Target::None);
        figures.ratio(&format!("{what}, through the agent"), AGENT, SOFTHSM, Target::None);
    };
    contest("C_GetSessionInfo", |program, _| program.face.session_info(program.session));
    contest("C_OpenSession + C_CloseSession", |program, _| {
        let session = program.face.open(program.slot);
        program.face.close(session);
    });
    contest("C_GenerateRandom, 32 bytes", |program, _| {
        black_box(program.face.random(program.session));
    });
    contest("a private key by CKA_ID", |program, id| {
        black_box(program.face.by_id(program.session, id));
    });
    ours.face.finalize();
}

/// C_Initialize + C_Finalize, again and again; ends what the programs had open.
pub(crate) fn initialize(effort: Effort, agent: &Program, softhsm: Option<&Program>) {
    head("Beginning");
    let mut parties = Vec::new();
    for (name, program) in [(AGENT, Some(agent)), (SOFTHSM, softhsm)] {
        let Some(program) = program else { continue };
        program.face.finalize();
        parties.push(Party::new(name, || {
            program.face.initialize();
            program.face.finalize();
        }));
    }
    let figures = contest(effort, 1, parties);
    figures.ratio("C_Initialize + C_Finalize", AGENT, SOFTHSM, Target::None);
    println!("    ours alone: {}", time(figures.p50(AGENT).unwrap_or_default()));
}

/// New processes that load a module: until C_Initialize is done, and until the first signature.
pub(crate) fn cold(effort: Effort, agent: &Loaded, softhsm: Option<&Loaded>) {
    let modules: Vec<_> = [("ours, agent", Some(agent)), (SOFTHSM, softhsm)].into_iter().collect();
    let mut times = vec![[const { Vec::new() }; 3]; modules.len()];
    for _ in 0..effort.cold_starts {
        for ((_, module), times) in modules.iter().zip(&mut times) {
            let Some(module) = module else { continue };
            for (times, time) in times.iter_mut().zip(start(module)) {
                times.push(time);
            }
        }
    }
    for ((name, module), times) in modules.iter().zip(times) {
        if module.is_some() {
            let [loaded, verified, signed] = times.map(median).map(time);
            println!(
                "  new process, {name}: C_Initialize done after {loaded}, C_Login after {verified}, \
                 first signature after {signed}"
            );
        }
    }
}

fn start(module: &Loaded) -> Vec<f64> {
    let output = Command::new(std::env::current_exe().unwrap())
        .arg(COLD)
        .arg(&module.path)
        .args([&module.label, &module.pin])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().map(|time| time.parse().unwrap()).collect()
}

/// Runs such a process.
pub(crate) fn run_cold(arguments: &[String]) {
    let [path, label, pin] = arguments else { panic!("{COLD} MODULE LABEL PIN") };
    let begun = Instant::now();
    let face = Face::load(Path::new(path));
    face.initialize();
    let loaded = micros(begun.elapsed());
    let session = face.open(face.slot(Some(label)));
    face.login(session, CKU_USER, pin);
    let verified = micros(begun.elapsed());
    let key = face.private_key(session, CKK_RSA);
    black_box(face.sign(session, CKM_SHA256_RSA_PKCS, key, b"hello"));
    println!("{loaded} {verified} {}", micros(begun.elapsed()));
    face.finalize();
}
