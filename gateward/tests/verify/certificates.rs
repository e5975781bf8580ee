//! Certificates of machines, made for one test.

use std::path::Path;

use gateward::server::system::wall_clock;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use time::OffsetDateTime;

/// A machine's certificate, which signed itself.
pub struct Machine {
    certificate: String,
    key: KeyPair,
    name: String,
}

impl Machine {
    /// One that calls itself `name`, good for `days` from now; `file` is what its files are called.
    pub fn new(name: &str, file: &str, days: i64) -> Self {
        let at =
            |seconds: i64| OffsetDateTime::from_unix_timestamp(wall_clock().as_second() + seconds).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let day = 86_400;
        (params.not_before, params.not_after) = (at(days.min(0) * day - day), at(days * day));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, key, name: file.to_owned() }
    }

    /// Writes both files into `folder`; what curl is told about them.
    pub fn for_curl(&self, folder: &Path) -> [String; 4] {
        let path = |kind: &str| folder.join(format!("{}.{kind}", self.name));
        std::fs::write(path("pem"), &self.certificate).unwrap();
        std::fs::write(path("key"), self.key.serialize_pem()).unwrap();
        let shown = |kind: &str| path(kind).to_str().unwrap().to_owned();
        ["--cert".into(), shown("pem"), "--key".into(), shown("key")]
    }

    /// As nginx hands it on.
    pub fn escaped(&self) -> String {
        let escape = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        };
        self.certificate.bytes().map(escape).collect()
    }
}
