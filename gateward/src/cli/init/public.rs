//! Where the public listener listens, and who speaks TLS there.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::{absolute, quoted};
use crate::config::Listen;

/// The public listener, as it was asked for.
#[derive(Debug)]
pub(super) struct Public {
    listen: Listen,
    tls: Option<(PathBuf, PathBuf)>,
}

impl Public {
    /// Takes a place to listen, and certificate and key if we speak TLS there.
    pub(super) fn new(
        listen: Listen,
        certificate: Option<&Path>,
        key: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let tls = certificate.zip(key).map(|(certificate, key)| (certificate.to_owned(), key.to_owned()));
        if tls.is_none() && needs_tls(&listen) {
            bail!(
                "{listen} is on the network: give --certificate and --key; behind a web server that speaks TLS, \
                 --listen unix:/run/gateward/http.sock"
            );
        }
        Ok(Self { listen, tls })
    }

    /// Writes it at the head of the file.
    pub(super) fn text(&self) -> anyhow::Result<String> {
        let listen = match &self.listen {
            Listen::Unix(path) => format!("unix:{}", std::path::absolute(path)?.display()),
            address @ Listen::Address(_) => address.to_string(),
        };
        let listen = quoted(&listen);
        if let Some((certificate, key)) = &self.tls {
            let (certificate, key) = (absolute(certificate)?, absolute(key)?);
            return Ok(format!(
                "listen = {listen}\n\
                 tls = {{ certificate = {certificate}, key = {key} }}  # SIGHUP loads them again\n"
            ));
        }
        let (proxy, rights) = match &self.listen {
            Listen::Unix(_) => ("unix", "# The web server's user has to be in the server's group.\n"),
            Listen::Address(address) if address.is_ipv6() => ("::1", ""),
            Listen::Address(_) => ("127.0.0.1", ""),
        };
        Ok(format!(
            "# Plain HTTP, for a web server in front that speaks TLS.\n{rights}listen = {listen}\n\
             # It is believed about its client's address (X-Forwarded-For), and about nothing else.\n\
             trusted_proxies = [\"{proxy}\"]\n"
        ))
    }
}

/// Whether plain HTTP would leave this machine there.
pub(super) fn needs_tls(listen: &Listen) -> bool {
    match listen {
        Listen::Unix(_) => false,
        Listen::Address(address) => !address.ip().to_canonical().is_loopback(),
    }
}
