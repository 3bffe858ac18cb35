//! New processes that load a module: until C_Initialize is done, until the first signature, and
//! the memory that it took.

use crate::{
    Module,
    measure::{Effort, median, micros, time},
    operations::{LABEL, PIN},
    p11::Face,
};
use cryptoki_sys::{CKK_RSA, CKM_SHA256_RSA_PKCS, CKU_USER};
use std::{hint::black_box, path::Path, process::Command, time::Instant};

/// Argument of a process that loads a module, signs once and tells its times.
pub(crate) const COLD: &str = "--cold";

/// Starts such processes in turns. The tokens hold what was written before.
pub(crate) fn measure(effort: Effort, modules: &[Module]) {
    println!("\nA new process, tokens as full as they are now");
    let mut figures = vec![[const { Vec::new() }; 4]; modules.len()];
    for _ in 0..effort.cold_starts {
        for (module, figures) in modules.iter().zip(&mut figures) {
            for (figures, figure) in figures.iter_mut().zip(start(module)) {
                figures.push(figure);
            }
        }
    }
    for (module, figures) in modules.iter().zip(figures) {
        let [loaded, verified, signed, memory] = figures.map(median);
        println!(
            "  {:<16} C_Initialize {}, C_Login {} more, first signature after {}, memory {:.1} MiB",
            module.name,
            time(loaded),
            time(verified - loaded),
            time(signed),
            memory / 1024.0
        );
    }
}

fn start(module: &Module) -> Vec<f64> {
    let output = Command::new(std::env::current_exe().unwrap())
        .arg(COLD)
        .arg(&module.path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().map(|figure| figure.parse().unwrap()).collect()
}

/// Runs such a process.
pub(crate) fn run(arguments: &[String]) {
    let [path] = arguments else { panic!("{COLD} MODULE") };
    let (before, begun) = (resident(), Instant::now());
    let face = Face::load(Path::new(path));
    face.initialize();
    let loaded = micros(begun.elapsed());
    let session = face.open(face.slot(Some(LABEL)));
    face.login(session, CKU_USER, PIN);
    let verified = micros(begun.elapsed());
    let key = face.private_key(session, CKK_RSA);
    black_box(face.sign(session, CKM_SHA256_RSA_PKCS, key, b"hello"));
    let signed = micros(begun.elapsed());
    println!("{loaded} {verified} {signed} {}", resident() - before);
    face.finalize();
}

/// Resident memory in KiB (proc(5), VmRSS).
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
