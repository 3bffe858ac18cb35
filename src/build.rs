//! Link arguments of the loadable module; on Windows what the files say of themselves, and the texts
//! of the event log.

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
        let arch = if arch == "x86" { "i686" } else { &arch };
        let module = version("wardcard.dll", "Wardcard PKCS#11 module", "0x2")?;
        let module = resource(arch, "module", &module)?;
        println!("cargo:rustc-cdylib-link-arg={module}");
        let messages = Path::new(&env::var("OUT_DIR")?).join("messages.bin");
        fs::write(&messages, message_table())?;
        let program = version("wardcard.exe", "Wardcard", "0x1")?;
        // RT_MESSAGETABLE; the compiler takes its path with slashes on any system.
        let path = messages.display().to_string().replace('\\', "/");
        let program = resource(arch, "program", &format!("{program}1 11 \"{path}\"\n"))?;
        println!("cargo:rustc-link-arg-bins={program}");
    }
    Ok(())
}

/// Three messages, numbered from 1, whose text is the one that the event comes with
/// (MESSAGE_RESOURCE_DATA): one block, then its entries.
fn message_table() -> Vec<u8> {
    const MESSAGES: u32 = 3;
    const BLOCK: u32 = 16;
    const UNICODE: u16 = 1;
    let text: Vec<u8> = "%1\r\n\0\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let length = 4 + text.len() as u16;
    let head = [1, 1, MESSAGES, BLOCK].into_iter().flat_map(u32::to_le_bytes);
    let mut entry = [length.to_le_bytes(), UNICODE.to_le_bytes()].concat();
    entry.extend(text);
    head.chain(entry.repeat(MESSAGES as usize)).collect()
}

/// The version resource (VERSIONINFO) of a file.
fn version(file: &str, description: &str, kind: &str) -> Result<String, Box<dyn Error>> {
    let number =
        ["MAJOR", "MINOR", "PATCH"].map(|part| env::var(format!("CARGO_PKG_VERSION_{part}")));
    let [major, minor, patch] = number;
    let numbers = format!("{},{},{},0", major?, minor?, patch?);
    let version = env::var("CARGO_PKG_VERSION")?;
    Ok(format!(
        r#"1 VERSIONINFO
FILEVERSION {numbers}
PRODUCTVERSION {numbers}
FILEOS 0x40004
FILETYPE {kind}
{{
  BLOCK "StringFileInfo"
  {{
    BLOCK "080904b0"
    {{
      VALUE "FileDescription", "{description}"
      VALUE "FileVersion", "{version}"
      VALUE "InternalName", "wardcard"
      VALUE "OriginalFilename", "{file}"
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
    ))
}

/// Compiles resources by the linker's own tools; the object's path.
fn resource(arch: &str, name: &str, text: &str) -> Result<String, Box<dyn Error>> {
    let folder = env::var("OUT_DIR")?;
    let place = |ending: &str| Path::new(&folder).join(format!("{name}.{ending}"));
    let (source, object) = (place("rc"), place("o"));
    fs::write(&source, text)?;
    let compiler = format!("{arch}-w64-mingw32-windres");
    let done =
        Command::new(&compiler).arg(&source).args(["-O", "coff", "-o"]).arg(&object).status();
    if !done.map_err(|error| format!("{compiler}: {error}"))?.success() {
        return Err(format!("{compiler} failed").into());
    }
    Ok(object.display().to_string())
}
