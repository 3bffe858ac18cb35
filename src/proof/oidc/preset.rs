//! Providers by name. What nobody has published about one is left out of it and has to be
//! configured.

/// A named provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name in configurations.
    pub name: &'static str,
    /// `iss`, where it is known.
    pub issuer: Option<&'static str>,
    /// `acr_values` that are asked for.
    pub acr_values: &'static [&'static str],
    /// `alg` of its tokens.
    pub algorithms: &'static [&'static str],
}

/// NHS England's CIS2: RS256, the port in the issuer. The metadata stand where Discovery 1.0 says.
const fn cis2(name: &'static str, issuer: Option<&'static str>) -> Preset {
    Preset { name, issuer, acr_values: &["AAL3_ANY"], algorithms: &["RS256"] }
}

impl Preset {
    /// Each of them.
    pub const ALL: [Self; 3] = [
        cis2(
            "cis2-production",
            Some(
                "https://am.nhsidentity.spineservices.nhs.uk:443/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare",
            ),
        ),
        cis2(
            "cis2-integration",
            Some(
                "https://am.nhsint.auth-ptl.cis2.spineservices.nhs.uk:443/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare",
            ),
        ),
        // Its host is not published.
        cis2("cis2-development", None),
    ];

    /// The preset of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_is_found_by_its_name() {
        for preset in Preset::ALL {
            assert_eq!(Preset::named(preset.name).map(|found| found.issuer), Some(preset.issuer));
        }
        assert!(Preset::named("cis2").is_none());
    }
}
