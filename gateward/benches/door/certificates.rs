//! An authority, what the servers show, and what the machine shows.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use crate::Outcome;

/// Where they lie; all of them PEM, of ECDSA with P-256.
#[derive(Debug, Clone)]
pub struct Certificates {
    pub ca: PathBuf,
    pub server: [PathBuf; 2],
    pub node: [PathBuf; 2],
}

impl Certificates {
    pub fn make(dir: &Path) -> Outcome<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "NON-PRODUCTION bench");
        let key = KeyPair::generate()?;
        let ca = dir.join("ca.pem");
        std::fs::write(&ca, params.self_signed(&key)?.pem())?;
        let issuer = Issuer::new(params, key);
        let issue = |name: &str, usage| -> Outcome<[PathBuf; 2]> {
            let mut params = CertificateParams::new(vec![name.to_owned()])?;
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate()?;
            let files = ["pem", "key"].map(|ending| dir.join(format!("{name}.{ending}")));
            std::fs::write(&files[0], params.signed_by(&key, &issuer)?.pem())?;
            std::fs::write(&files[1], key.serialize_pem())?;
            Ok(files)
        };
        let server = issue("localhost", ExtendedKeyUsagePurpose::ServerAuth)?;
        let node = issue("node-0", ExtendedKeyUsagePurpose::ClientAuth)?;
        Ok(Self { ca, server, node })
    }
}
