//! Asking another server: whose certificates are believed there, and what went wrong on the way.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Body;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use super::boot;
use crate::base::unseen::is_unseen;

/// How long it may take until a server takes a connection.
pub const CONNECT: Duration = Duration::from_secs(5);

/// How long a connection is kept that nobody uses: less than most servers keep theirs.
const IDLE: Duration = Duration::from_secs(10);

/// How much of an answer is read at once, in bytes; its head has no more.
///
/// Three of them may be held for an answer that its client does not take: that is what a slow client costs.
const AT_ONCE: usize = 64 * 1024;

/// How much of another server's own words is passed on, in characters.
const WORDS: usize = 500;

/// Makes a client that keeps its connections, to where the URLs of requests say.
pub fn client<B>(tls: ClientConfig) -> Client<HttpsConnector<HttpConnector>, B>
where
    B: Body + Send,
    B::Data: Send,
{
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp());
    keeping(connector)
}

/// Makes connections by TCP, within [`CONNECT`].
pub fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector
}

/// Makes a client that keeps the connections that `connector` makes.
///
/// A request is sent once more by itself only where the connection was gone before any of it was
/// written: that is what hyper gives back.
pub fn keeping<C, B>(connector: C) -> Client<C, B>
where
    C: Connect + Clone,
    B: Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .http1_read_buf_exact_size(AT_ONCE)
        .build(connector)
}

/// Reads the certificates in a file; there is at least one.
///
/// # Errors
///
/// [`boot::Error::File`], [`boot::Error::Ca`].
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, boot::Error> {
    let text = boot::read("ca", path)?;
    let read = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    read.ok().filter(|read| !read.is_empty()).ok_or_else(|| boot::Error::Ca(path.to_owned()))
}

/// Believes those whose certificates lead to one of these in the file `path`.
///
/// # Errors
///
/// [`boot::Error::Ca`]: one of them is none.
pub fn roots(certificates: &[CertificateDer<'static>], path: &Path) -> Result<RootCertStore, boot::Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone()).map_err(|_| boot::Error::Ca(path.to_owned()))?;
    }
    Ok(roots)
}

/// TLS 1.2 and 1.3 with rustls' own suites; whom it believes is yet to be said.
pub fn tls() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
}

/// Tells an error with all that led to it.
pub fn whole(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        told = format!("{told}: {inner}");
        source = inner.source();
    }
    told
}

/// Makes one short line of another server's words, without what a terminal would obey.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|letter| !is_unseen(*letter)).take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_are_one_short_line_that_no_terminal_obeys() {
        assert_eq!(one_line(" It is\r\n\tnot \u{1b}[31mred\u{202e}.\0 "), "It is not [31mred.");
        assert_eq!(one_line(&"ä".repeat(10_000)).chars().count(), WORDS);
    }
}
