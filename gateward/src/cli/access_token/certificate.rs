//! The certificate that goes into access tokens: from a file, or from the host itself if somebody agrees.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::access_token::ServerCertificate;
use anyhow::{Context as _, anyhow, bail};

use crate::cli::access::block_on;
use crate::cli::terminal::Terminal;
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
    fingerprint: Option<String>,
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
        certificate.check_host(&settings.host)?;
        Ok(certificate)
    }

    fn ask_host(&self, place: &str, settings: &Settings) -> anyhow::Result<ServerCertificate> {
        let place = if place.is_empty() { settings.host.as_str() } else { place };
        let certificate = from_host(place)?;
        let shown = certificate.fingerprint().to_string();
        if let Some(expected) = &self.fingerprint {
            if !same(expected, &shown) {
                bail!("{place} shows another certificate: {shown}; nothing was made");
            }
            return Ok(certificate);
        }
        let terminal = Terminal::open()
            .ok_or_else(|| anyhow!("nobody can be asked whether this is right: give --fingerprint"))?;
        terminal.show(&format!(
            "\n{place} shows this certificate:\n\n  for           {}\n  until         {:.0}\n  SHA-256       {shown}\n\n\
             Somebody on the way could show another one. Compare the fingerprint with the one that whoever\n\
             runs the host reads to you, or run this on the host.\n",
            certificate.common_name().unwrap_or("(nobody)"),
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

/// Whether two fingerprints are one, however they are spelled.
pub(super) fn same(a: &str, b: &str) -> bool {
    let digits = |text: &str| {
        let text = text.trim_start_matches("SHA256:");
        text.chars().filter(|c| !matches!(c, ':' | ' ')).collect::<String>().to_lowercase()
    };
    digits(a) == digits(b)
}
