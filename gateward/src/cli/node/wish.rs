//! What a machine is to be known by, as somebody wrote it, read and looked at.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::{SignedDuration, Timestamp};
use node_certificate::{
    Authority, Certificate, DistinguishedName, Fingerprint, Key, Named, San, certificates,
};

use crate::flows::nodes::Credential;

/// What a machine is known by: a certificate, its fingerprint, or an authority and a name.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(required = false, multiple = true, id = "known_by")]
pub(super) struct Wish {
    /// The machine's own certificate, PEM or DER: exactly this one is trusted, whoever issued it.
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// The SHA-256 of that certificate, where the file is not at hand.
    #[arg(long, value_name = "SHA-256", conflicts_with = "certificate")]
    pub fingerprint: Option<Fingerprint>,
    /// The certificate of the authority that vouches for the machine; --subject or --san says which of its
    /// certificates, also renewed ones.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["certificate", "fingerprint"])]
    pub issuer: Option<PathBuf>,
    /// The whole subject, as openssl x509 -noout -subject -nameopt RFC2253 prints it.
    #[arg(long, value_name = "NAME", requires = "issuer", conflicts_with = "san")]
    pub subject: Option<DistinguishedName>,
    /// One alternative name, as in DNS:openhim.example.org; also IP:, URI:, email:.
    #[arg(long, value_name = "NAME", requires = "issuer")]
    pub san: Option<San>,
}

/// The longest life that IHE recommends (ITI TF-2, 3.19): two years, and a day for the clocks.
const LONG: SignedDuration = SignedDuration::from_hours(24 * (2 * 366 + 1));

impl Wish {
    /// Reads what it names, and refuses what would never be let in.
    pub(super) fn read(&self, now: Timestamp) -> anyhow::Result<Credential> {
        let named = match (&self.subject, &self.san) {
            (Some(subject), None) => Some(Named::Subject(subject.clone())),
            (None, Some(san)) => Some(Named::San(san.clone())),
            (None, None) => None,
            (Some(_), Some(_)) => bail!("a subject and an alternative name at once: one of them"),
        };
        match (&self.certificate, &self.fingerprint, &self.issuer, named) {
            (Some(path), None, None, None) => own(path, now),
            (None, Some(fingerprint), None, None) => {
                Ok(Credential { key: Key::Certificate(*fingerprint), certificate: None, issuer: None })
            }
            (None, None, Some(path), Some(named)) => {
                let authority = first(path)?;
                if !authority.is_authority() {
                    bail!("{}: this is no authority's certificate (CA:TRUE is missing)", path.display());
                }
                let issuer = Some(authority.subject().to_string());
                let key = Key::Issued { by: Authority::of(&authority), named };
                Ok(Credential { key, certificate: None, issuer })
            }
            (None, None, Some(_), None) => {
                bail!("an authority vouches for many: name --subject or --san, too")
            }
            _ => bail!("name a certificate, a fingerprint, or an authority with --subject or --san"),
        }
    }
}

fn first(path: &Path) -> anyhow::Result<Certificate> {
    let file = std::fs::read(path).with_context(|| path.display().to_string())?;
    let all = certificates(&file).with_context(|| path.display().to_string())?;
    all.into_iter().next().context("a file of certificates holds one")
}

/// Takes a machine's own certificate, which stands first in its file.
fn own(path: &Path, now: Timestamp) -> anyhow::Result<Credential> {
    let certificate = first(path)?;
    let named = path.display();
    if certificate.not_after() < now {
        bail!("{named}: this certificate ended at {}: it would never be let in", certificate.not_after());
    }
    if !certificate.is_for_clients() {
        bail!(
            "{named}: this certificate is for something else than calling others (its extended key usage lacks \
             clientAuth): it would never be let in"
        );
    }
    if certificate.not_after().duration_since(certificate.not_before()) > LONG {
        eprintln!("gateward: {named}: good for more than two years, the most that IHE recommends");
    }
    Ok(Credential {
        key: Key::Certificate(certificate.fingerprint()),
        certificate: Some(certificate),
        issuer: None,
    })
}
