//! The sizes of the standard's structures on Windows, which are packed there (PKCS#11 2.40 section
//! 2.1), against the committed list.

/// Name, bytes on x86_64, bytes on i686.
const LIST: &str = include_str!("../../tests/windows/structures.txt");

macro_rules! sizes {
    ($($name:ident),+ $(,)?) => { [$((stringify!($name), size_of::<cryptoki_sys::$name>())),+] };
}

#[test]
fn structures_have_the_sizes_of_the_list() {
    assert_eq!(size_of::<cryptoki_sys::CK_ULONG>(), 4);
    let found = sizes![
        CK_ATTRIBUTE,
        CK_C_INITIALIZE_ARGS,
        CK_ECDH1_DERIVE_PARAMS,
        CK_FUNCTION_LIST,
        CK_GCM_PARAMS,
        CK_INFO,
        CK_INTERFACE,
        CK_MECHANISM,
        CK_MECHANISM_INFO,
        CK_RSA_PKCS_OAEP_PARAMS,
        CK_RSA_PKCS_PSS_PARAMS,
        CK_SESSION_INFO,
        CK_SLOT_INFO,
        CK_TOKEN_INFO,
        CK_VERSION,
    ];
    let lines: Vec<Vec<&str>> = LIST
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().collect())
        .collect();
    let column = if cfg!(target_pointer_width = "64") { 1 } else { 2 };
    let listed: Vec<(&str, usize)> =
        lines.iter().map(|words| (words[0], words[column].parse().unwrap())).collect();
    assert_eq!(listed, found);
}
