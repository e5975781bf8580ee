//! Certificates that commands make: the admin listener's own, and throw-away ones for trying out.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};

use crate::server::tls::NON_PRODUCTION;

/// A certificate and its key, both PEM.
pub(super) struct Made {
    pub certificate: String,
    pub key: String,
}

/// Names of this machine that only this machine uses.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

fn parameters(common_name: &str, now: Timestamp, life: SignedDuration) -> anyhow::Result<CertificateParams> {
    let mut parameters = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    parameters.distinguished_name = name;
    // A clock that is a little behind still finds it valid.
    parameters.not_before = day(now.checked_sub(SignedDuration::from_hours(24))?)?;
    parameters.not_after = day(now.checked_add(life)?)?;
    Ok(parameters)
}

fn day(at: Timestamp) -> anyhow::Result<time::OffsetDateTime> {
    time::OffsetDateTime::from_unix_timestamp(at.as_second()).context("a date that certificates can hold")
}

fn for_loopback(mut parameters: CertificateParams) -> anyhow::Result<CertificateParams> {
    for name in LOOPBACK {
        let name = match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.try_into()?),
        };
        parameters.subject_alt_names.push(name);
    }
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters)
}

/// Makes a certificate for the admin listener, signed by itself, for two years.
pub(super) fn for_admin(now: Timestamp) -> anyhow::Result<Made> {
    let parameters = for_loopback(parameters("gateward admin", now, SignedDuration::from_hours(24 * 730))?)?;
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    Ok(Made { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// Makes a throw-away certificate for a machine that asks for others, signed by itself, for 90 days.
pub(super) fn for_proxy(now: Timestamp) -> anyhow::Result<Made> {
    let mut parameters =
        parameters(&format!("demo-proxy {NON_PRODUCTION}"), now, SignedDuration::from_hours(24 * 90))?;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    Ok(Made { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// Makes a throw-away authority and a certificate for this machine that it signed, for 90 days.
///
/// The authority's key is not kept: nobody can make more.
pub(super) fn throw_away(now: Timestamp) -> anyhow::Result<(String, Made)> {
    let life = SignedDuration::from_hours(24 * 90);
    let mut authority = parameters(&format!("gateward demo CA {NON_PRODUCTION}"), now, life)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let ca = authority.self_signed(&authority_key)?.pem();
    let mut server = for_loopback(parameters(&format!("localhost {NON_PRODUCTION}"), now, life)?)?;
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
    Ok((ca, Made { certificate: certificate.pem(), key: key.serialize_pem() }))
}
