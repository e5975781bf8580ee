//! An authority, the machines that it certifies, and its lists; all of it made for one test.

use std::path::{Path, PathBuf};

use gateward::server::system::wall_clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;

/// A time that lies `seconds` from now.
pub fn from_now(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(wall_clock().as_second() + seconds).unwrap()
}

pub const DAY: i64 = 86_400;

/// What a certificate is to say: good around now, for clients.
pub fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Ministry of Health");
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (from_now(-DAY), from_now(90 * DAY));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// A certificate, PEM and DER, with its key.
pub struct Machine {
    pub certificate: String,
    pub der: Vec<u8>,
    pub key: KeyPair,
    serial: SerialNumber,
}

impl Machine {
    /// Writes both into `folder` and returns what curl is told about them.
    pub fn for_curl(&self, folder: &Path) -> [String; 4] {
        let (certificate, key) = self.files(folder);
        let shown = |path: PathBuf| path.to_str().unwrap().to_owned();
        ["--cert".into(), shown(certificate), "--key".into(), shown(key)]
    }

    /// Writes both into `folder`.
    pub fn files(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let serial = data_encoding::HEXLOWER.encode(&self.serial.to_bytes());
        let path = |kind: &str| folder.join(format!("machine-{serial}.{kind}"));
        std::fs::write(path("pem"), &self.certificate).unwrap();
        std::fs::write(path("key"), self.key.serialize_pem()).unwrap();
        (path("pem"), path("key"))
    }
}

fn serial() -> SerialNumber {
    let random: [u8; 8] = gateward::server::system::random().bytes();
    SerialNumber::from(random.to_vec())
}

/// A certificate that signed itself.
pub fn itself(mut params: CertificateParams) -> Machine {
    let key = KeyPair::generate().unwrap();
    let serial = serial();
    params.serial_number = Some(serial.clone());
    let made = params.self_signed(&key).unwrap();
    Machine { certificate: made.pem(), der: made.der().to_vec(), key, serial }
}

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub certificate: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = params(name);
        params.extended_key_usages.clear();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// One that is none: a machine that signs with its own certificate.
    pub fn of(machine: Machine, params: CertificateParams) -> Self {
        Self { certificate: machine.certificate, issuer: Issuer::new(params, machine.key) }
    }

    pub fn issue(&self, mut params: CertificateParams) -> Machine {
        let key = KeyPair::generate().unwrap();
        let serial = serial();
        params.serial_number = Some(serial.clone());
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Machine { certificate: made.pem(), der: made.der().to_vec(), key, serial }
    }

    /// A list of what it revokes, made now, good for `seconds`.
    pub fn list(&self, revoked: &[&Machine], seconds: i64) -> String {
        let entry = |machine: &&Machine| RevokedCertParams {
            serial_number: machine.serial.clone(),
            revocation_time: from_now(-1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: from_now(-1),
            next_update: from_now(seconds),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}
