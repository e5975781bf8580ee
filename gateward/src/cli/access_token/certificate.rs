//! The certificate that goes into access tokens: from a file, or from the host itself if somebody agrees.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ::access_token::ServerCertificate;
use anyhow::{Context as _, anyhow, bail};

use crate::cli::access::block_on;
use crate::cli::terminal::{Terminal, say, shown};
use crate::config::AccessToken as Settings;
use crate::server::ckan::fetch_certificate_of_anybody;

/// How long a host may take to show its certificate.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which certificate users are to pin.
#[derive(Debug, clap::Args)]
pub(super) struct Source {
    /// The certificate that the host shows, PEM, instead of the one that the configuration names.
    #[arg(long, value_name = "PEM")]
    certificate: Option<PathBuf>,
    /// Get it from the host itself (or from HOST:PORT), show its fingerprint, and ask.
    #[arg(long, value_name = "HOST[:PORT]", num_args = 0..=1, default_missing_value = "", conflicts_with = "certificate")]
    from_host: Option<String>,
    /// Its SHA-256 fingerprint, from whoever runs the host: then nobody is asked.
    #[arg(long, value_name = "SHA256", requires = "from_host")]
    fingerprint: Option<Fingerprint>,
}

impl Source {
    /// Finds the certificate.
    pub fn find(&self, settings: &Settings) -> anyhow::Result<ServerCertificate> {
        let certificate = match (&self.from_host, &self.certificate, &settings.certificate) {
            (Some(place), _, _) => self.ask_host(place, settings)?,
            (None, Some(path), _) | (None, None, Some(path)) => read(path)?,
            (None, None, None) => bail!(
                "no certificate is named: `certificate` in [access_token], --certificate PEM, or --from-host"
            ),
        };
        certificate.check_host(&settings.host).map_err(|error| anyhow!(shown(&error.to_string())))?;
        if certificate.names().is_empty() {
            say(
                "warning: the certificate has no subject alternative names: newer HTTP libraries refuse such a host. \
                 Have one made that names it there, too",
            );
        }
        Ok(certificate)
    }

    fn ask_host(&self, place: &str, settings: &Settings) -> anyhow::Result<ServerCertificate> {
        let place = if place.is_empty() { settings.host.as_str() } else { place };
        let certificate = from_host(place)?;
        let fingerprint = certificate.fingerprint();
        if let Some(expected) = &self.fingerprint {
            if expected.0 != *fingerprint.as_bytes() {
                bail!("{place} shows another certificate: {fingerprint}; nothing was made");
            }
            return Ok(certificate);
        }
        let terminal = Terminal::open()
            .ok_or_else(|| anyhow!("nobody can be asked whether this is right: give --fingerprint"))?;
        terminal.show(&format!(
            "\n{place} shows this certificate:\n\n  for           {}\n  until         {:.0}\n  SHA-256       {fingerprint}\n\n\
             Somebody on the way could show another one. Compare the fingerprint with the one that whoever\n\
             runs the host reads to you, or run this on the host.\n",
            shown(certificate.common_name().unwrap_or("(nobody)")),
            certificate.not_after(),
        ))?;
        if !terminal.agrees("Is it the right one?")? {
            bail!("nothing was made");
        }
        Ok(certificate)
    }
}

/// Reads a certificate from a file.
pub(super) fn read(path: &Path) -> anyhow::Result<ServerCertificate> {
    let pem = std::fs::read(path).with_context(|| path.display().to_string())?;
    ServerCertificate::parse(&pem).with_context(|| path.display().to_string())
}

/// Gets the certificate that whoever answers at `place` (`HOST` or `HOST:PORT`) shows: it proves nothing.
pub(super) fn from_host(place: &str) -> anyhow::Result<ServerCertificate> {
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().with_context(|| format!("{place:?} is no HOST:PORT"))?),
        None => (place, 443),
    };
    let pem = block_on(fetch_certificate_of_anybody(host, port, PATIENCE))??;
    Ok(ServerCertificate::parse(pem.as_bytes())?)
}

/// The SHA-256 of a certificate, as somebody typed or copied it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fingerprint([u8; 32]);

/// Says that a text is no fingerprint of a certificate.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no SHA-256 fingerprint: 64 hex digits")]
struct NotAFingerprint(String);

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    /// As OpenSSL prints it (`sha256 Fingerprint=AA:BB:...`), as `SHA256:` and digits, or the digits alone, in
    /// pairs or not.
    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let is_gap = |letter: char| letter == ':' || letter.is_whitespace();
        let lower: String = text.to_lowercase().chars().filter(|letter| !is_gap(*letter)).collect();
        let digits = ["sha256fingerprint=", "sha256"].iter().find_map(|name| lower.strip_prefix(name));
        let bytes = data_encoding::HEXLOWER.decode(digits.unwrap_or(&lower).as_bytes());
        let bytes = bytes.ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| NotAFingerprint(text.chars().take(128).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_however_it_is_spelled() {
        let pairs = ["AB"; 32].join(":");
        for text in [
            format!("sha256 Fingerprint={pairs}"),
            format!("SHA256 Fingerprint={pairs}\n"),
            format!("SHA256:{}", "ab".repeat(32)),
            format!("sha256: {pairs}"),
            ["aB"; 32].join(" "),
            " AB:".repeat(32),
            "Ab".repeat(32),
        ] {
            assert_eq!(text.parse::<Fingerprint>().unwrap(), Fingerprint([0xAB; 32]), "{text}");
        }
    }

    #[test]
    fn what_is_no_sha_256_is_no_fingerprint() {
        let sha_1 = format!("sha1 Fingerprint={}", ["AB"; 20].join(":"));
        let ssh = "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDyLRAQVYQmQwFEXgk";
        let (short, long, other) = ("ab".repeat(31), "ab".repeat(33), "\u{ff41}b".repeat(32));
        for text in ["", "sha256", "SHA256:", &sha_1, ssh, &short, &long, &other, &format!("{short}a")] {
            let error = text.parse::<Fingerprint>().unwrap_err().to_string();
            assert!(error.ends_with("is no SHA-256 fingerprint: 64 hex digits"), "{error}");
        }
    }
}
