//! An authority in the shape of NHS's second generation, made with the OpenSSL command line alone.

use crate::common::{Run, run_with};
use std::{fs, path::Path};

/// The root and both issuing authorities, in a folder.
#[derive(Debug)]
pub struct Authority {
    folder: tempfile::TempDir,
}

/// Which of the two profiles, by the section of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Authentication,
    ContentCommitment,
}

impl Profile {
    /// The issuing authority, and the section of extensions.
    fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::ContentCommitment => "signing",
        }
    }
}

/// What a certificate is to say other than usual.
#[derive(Clone, Debug, Default)]
pub struct Order<'a> {
    /// `/O=nhs/OU=people/CN=...`, else what the request says.
    pub subject: Option<&'a str>,
    /// From when to when, `YYYYMMDDHHMMSSZ`; two years from now by default.
    pub dates: Option<(&'a str, &'a str)>,
}

const CONFIGURATION: &str = "\
[req]
distinguished_name = name
prompt = no
string_mask = nombstr
[name]
[anything]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = supplied
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[issuing]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[authentication]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
certificatePolicies = 1.2.826.0.1275.101.0.3.1.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:http://crl.example/authentication.crl
2.5.29.16 = ASN1:SEQUENCE:period
[signing]
basicConstraints = CA:FALSE
keyUsage = nonRepudiation
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:http://crl.example/signing.crl
2.5.29.16 = ASN1:SEQUENCE:period
1.3.6.1.5.5.7.1.3 = ASN1:SEQUENCE:statements
[period]
from = IMPLICIT:0, GENERALIZEDTIME:20260101000000Z
to = IMPLICIT:1, GENERALIZEDTIME:20991231000000Z
[statements]
compliance = SEQUENCE:statement
[statement]
id = OID:0.4.0.1862.1.1
";

const NAMES: [(&str, &str); 3] = [
    ("root", "/C=GB/O=NHS/OU=CA/CN=NHS Root Authority G2"),
    ("authentication", "/C=GB/O=nhs/OU=CA/CN=NHS Authentication G2"),
    ("signing", "/C=GB/O=nhs/OU=CA/CN=NHS Signing G2"),
];

impl Authority {
    pub fn new() -> Self {
        let authority = Self { folder: tempfile::tempdir().unwrap() };
        let mut text = CONFIGURATION.to_owned();
        for (name, subject) in NAMES {
            text.push_str(&format!(
                "[ca_{name}]\ndatabase = {name}.txt\nserial = {name}.serial\nnew_certs_dir = .\n\
                 certificate = {name}.pem\nprivate_key = {name}.key\ndefault_md = sha256\n\
                 default_days = 730\npolicy = anything\nunique_subject = no\n"
            ));
            fs::write(authority.path().join(format!("{name}.txt")), "").unwrap();
            fs::write(authority.path().join(format!("{name}.serial")), "1000\n").unwrap();
            fs::write(authority.path().join("openssl.cnf"), &text).unwrap();
            let (key, request) = (format!("{name}.key"), format!("{name}.csr"));
            let new = ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-config", "openssl.cnf"];
            authority.openssl(
                &[&new[..], &["-subj", subject, "-keyout", &key, "-out", &request]].concat(),
            );
        }
        let root = ["x509", "-req", "-in", "root.csr", "-signkey", "root.key", "-days", "7300"];
        let by = ["-extfile", "openssl.cnf", "-extensions", "root", "-out", "root.pem"];
        authority.openssl(&[&root[..], &by].concat());
        for (name, _) in &NAMES[1..] {
            let (request, out) = (format!("{name}.csr"), format!("{name}.pem"));
            let sign = ["x509", "-req", "-in", &request, "-CA", "root.pem", "-CAkey", "root.key"];
            let serial = ["-CAcreateserial", "-days", "3650", "-extfile", "openssl.cnf"];
            let out = ["-extensions", "issuing", "-out", &out];
            authority.openssl(&[&sign[..], &serial, &out].concat());
        }
        authority
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the authority's.
    pub fn file(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    /// Both issuing certificates, as PEM.
    pub fn issuing(&self) -> Vec<String> {
        NAMES[1..].iter().map(|(name, _)| self.file(&format!("{name}.pem"))).collect()
    }

    pub fn openssl(&self, arguments: &[&str]) -> Run {
        let all: Vec<&str> = ["openssl"].iter().chain(arguments).copied().collect();
        run_with(self.path(), &[], &all, b"").ok()
    }

    /// Certifies a request; the file of the certificate, PEM.
    pub fn certify(&self, profile: Profile, request: &str, order: &Order<'_>) -> String {
        let (name, section) = (format!("ca_{}", profile.name()), profile.name());
        let number = fs::read_dir(self.path()).unwrap().count();
        let out = self.file(&format!("issued-{number}.pem"));
        let ca = ["ca", "-batch", "-notext", "-preserveDN", "-config", "openssl.cnf"];
        let what = ["-name", &name, "-extensions", section, "-in", request, "-out", &out];
        let mut all = [&ca[..], &what].concat();
        if let Some(subject) = order.subject {
            all.extend(["-subj", subject]);
        }
        if let Some((from, to)) = order.dates {
            all.extend(["-startdate", from, "-enddate", to]);
        }
        self.openssl(&all);
        // The authority's own rules hold for what it issued.
        let issuer = self.file(&format!("{section}.pem"));
        if order.dates.is_none() {
            let verify = ["verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", &issuer];
            self.openssl(&[&verify[..], &[&out]].concat());
        }
        out
    }

    /// Certifies a public key (PEM) that no request comes with; the file, PEM.
    pub fn certify_key(&self, profile: Profile, key: &str, subject: &str) -> String {
        let section = profile.name();
        let out = format!("{key}.crt");
        let (ca, secret) = (format!("{section}.pem"), format!("{section}.key"));
        let new = ["x509", "-new", "-force_pubkey", key, "-subj", subject, "-CA", &ca, "-CAkey"];
        let by = [&secret, "-set_serial", "77", "-days", "700", "-extfile", "openssl.cnf"];
        self.openssl(&[&new[..], &by, &["-extensions", section, "-out", &out]].concat());
        out
    }
}
