//! Link arguments of the loadable module; on Windows what its file says of itself.

use std::{env, error::Error, fs, path::Path, process::Command};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=src/build.rs");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if target("OS") == "linux" {
        // Once loaded the module stays mapped: a thread inside it may outlive `dlclose`
        // (PKCS#11 modules are unloaded by programs that still wait for slot events).
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    if target("OS") == "windows" && target("ENV") == "gnu" {
        let arch = target("ARCH");
        version(if arch == "x86" { "i686" } else { &arch })?;
    }
    Ok(())
}

/// The version resource (VERSIONINFO), compiled by the linker's own tools.
fn version(arch: &str) -> Result<(), Box<dyn Error>> {
    let number =
        ["MAJOR", "MINOR", "PATCH"].map(|part| env::var(format!("CARGO_PKG_VERSION_{part}")));
    let [major, minor, patch] = number;
    let numbers = format!("{},{},{},0", major?, minor?, patch?);
    let version = env::var("CARGO_PKG_VERSION")?;
    let text = format!(
        r#"1 VERSIONINFO
FILEVERSION {numbers}
PRODUCTVERSION {numbers}
FILEOS 0x40004
FILETYPE 0x2
{{
  BLOCK "StringFileInfo"
  {{
    BLOCK "080904b0"
    {{
      VALUE "FileDescription", "Wardcard PKCS#11 module"
      VALUE "FileVersion", "{version}"
      VALUE "InternalName", "wardcard"
      VALUE "OriginalFilename", "wardcard.dll"
      VALUE "ProductName", "Wardcard"
      VALUE "ProductVersion", "{version}"
    }}
  }}
  BLOCK "VarFileInfo"
  {{
    VALUE "Translation", 0x0809, 1200
  }}
}}
"#
    );
    let folder = env::var("OUT_DIR")?;
    let (source, object) =
        (Path::new(&folder).join("version.rc"), Path::new(&folder).join("version.o"));
    fs::write(&source, text)?;
    let compiler = format!("{arch}-w64-mingw32-windres");
    let done =
        Command::new(&compiler).arg(&source).args(["-O", "coff", "-o"]).arg(&object).status();
    if !done.map_err(|error| format!("{compiler}: {error}"))?.success() {
        return Err(format!("{compiler} failed").into());
    }
    println!("cargo:rustc-cdylib-link-arg={}", object.display());
    Ok(())
}
