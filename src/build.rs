//! Link arguments of the loadable module.

fn main() {
    println!("cargo:rerun-if-changed=src/build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // Once loaded the module stays mapped: a thread inside it may outlive `dlclose`
        // (PKCS#11 modules are unloaded by programs that still wait for slot events).
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
