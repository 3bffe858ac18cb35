//! The account of the ward's service: pipes stand in no folder whose owner would tell.

use crate::secret::User;

/// `NT SERVICE\\wardcard`: the identifier that Windows makes of a service's name (`sc showsid
/// wardcard`). Only an administrator has a service of this name.
const SERVICE: &str = "S-1-5-80-1928572371-1273517963-242441874-836960397-609340832";

#[cfg(feature = "cli")]
impl super::ServerTrust {
    /// The identifier of the service's account.
    pub(crate) const fn ward_account() -> &'static str {
        SERVICE
    }
}

/// Whether the ward's agent runs as this user.
pub(super) fn owns_ward(user: User) -> bool {
    SERVICE.parse() == Ok(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha1::Digest as _;

    #[test]
    fn a_services_account_is_made_of_its_name() {
        let name: Vec<u8> = "WARDCARD".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let digest = sha1::Sha1::digest(&name);
        let parts = digest.as_chunks::<4>().0.iter();
        let parts: String = parts.map(|part| format!("-{}", u32::from_le_bytes(*part))).collect();
        assert_eq!(format!("S-1-5-80{parts}"), SERVICE);
        assert!(owns_ward(SERVICE.parse().unwrap()) && !owns_ward(User::own()));
    }
}
