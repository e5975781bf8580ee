//! What is behind a service: a folder, or another HTTP server.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};

/// What is behind a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// A folder of this machine.
    Dir(PathBuf),
    /// An HTTP server.
    Http(HttpUpstream),
    /// Whatever is behind a proxy that asks at `/verify`: nothing is served here.
    BehindProxy,
}

/// An HTTP server behind a service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpUpstream {
    /// Where it is.
    pub url: Place,
    /// The longest silence that is waited out: before the head of an answer, and between its pieces.
    #[serde(default = "default_timeout")]
    pub timeout: SignedDuration,
    /// A file with `login:password`, shown to the upstream when it asks (Basic or Digest).
    #[serde(default)]
    pub credential: Option<PathBuf>,
    /// The certificates that an https upstream's own must lead to; PEM.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Our own certificate, which an https upstream is shown; PEM.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// The key of `certificate`; PEM.
    #[serde(default)]
    pub key: Option<PathBuf>,
}

/// Where an HTTP server is: at a URL, or behind a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Place {
    /// On a port.
    Url(UpstreamUrl),
    /// On a file of this machine.
    Unix(PathBuf),
}

impl Place {
    /// The scheme and the authority; behind a Unix socket there is no name but ours.
    pub fn origin(&self) -> String {
        match self {
            Self::Url(url) => url.origin(),
            Self::Unix(_) => "http://localhost".into(),
        }
    }

    /// The path, if it has another one than the service: it then stands for the service's own.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Url(url) => url.path(),
            Self::Unix(_) => None,
        }
    }

    /// Whether what is sent there cannot be read on the way: by TLS, or because it stays on this machine.
    pub fn is_unread(&self) -> bool {
        match self {
            Self::Url(url) => url.is_unread(),
            Self::Unix(_) => true,
        }
    }

    /// Whether it is asked over TLS.
    pub fn is_https(&self) -> bool {
        matches!(self, Self::Url(url) if url.is_https())
    }
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("\"unix:\" is no upstream: unix:PATH".into()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.try_into().map(Self::Url),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `http://host:port` or `https://host:port`, with a path where the upstream has another than we.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct UpstreamUrl {
    uri: http::Uri,
}

impl UpstreamUrl {
    /// The scheme and the authority.
    pub fn origin(&self) -> String {
        let authority = self.uri.authority().map_or("", http::uri::Authority::as_str);
        format!("{}://{authority}", self.uri.scheme_str().unwrap_or("http"))
    }

    /// The host alone, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// The port that is meant, written or not.
    pub fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    /// The path, if the URL has one: it then stands for the service's own.
    pub fn path(&self) -> Option<&str> {
        Some(self.uri.path()).filter(|path| *path != "/")
    }

    /// Whether what is sent there cannot be read on the way: by TLS, or because it stays on this machine.
    pub fn is_unread(&self) -> bool {
        let host = self.host();
        let here = host.parse::<std::net::IpAddr>().map_or(host == "localhost", |ip| ip.is_loopback());
        self.is_https() || here
    }

    /// Whether it is asked over TLS.
    pub fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&http::uri::Scheme::HTTPS)
    }
}

impl TryFrom<String> for UpstreamUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("{text:?} is no upstream: {why}");
        let uri: http::Uri = text.parse().map_err(|_| wrong("no URL"))?;
        let scheme = uri.scheme_str();
        if !matches!(scheme, Some("http" | "https")) {
            return Err(wrong("dir:PATH, unix:PATH, http://host:port, https://host:port or verify"));
        }
        if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err(wrong("a host without login; name a file in credential for one"));
        }
        if uri.query().is_some() || (uri.path().ends_with('/') && uri.path() != "/") {
            return Err(wrong("no query, and no slash at the end"));
        }
        Ok(Self { uri })
    }
}

impl std::fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.origin())?;
        f.write_str(self.path().unwrap_or_default())
    }
}

/// Long enough for an archive that reads tapes' successors; clients of EIDA wait as long.
fn default_timeout() -> SignedDuration {
    SignedDuration::from_secs(120)
}

/// What a file says of a service that nothing is behind here.
pub(super) const BEHIND_PROXY: &str = "verify";

impl TryFrom<String> for Upstream {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.strip_prefix("dir:") {
            Some("") => Err("\"dir:\" is no upstream: dir:PATH".into()),
            Some(path) => Ok(Self::Dir(path.into())),
            None if text == BEHIND_PROXY => Ok(Self::BehindProxy),
            None => Ok(Self::Http(HttpUpstream {
                url: text.try_into()?,
                timeout: default_timeout(),
                credential: None,
                ca: None,
                certificate: None,
                key: None,
            })),
        }
    }
}

impl<'de> Deserialize<'de> for Upstream {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TextOrTable;

        impl<'de> Visitor<'de> for TextOrTable {
            type Value = Upstream;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(
                    "dir:PATH, unix:PATH, http://host:port, verify, or { url = \"http://host:port\", ... }",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Upstream, E> {
                text.to_owned().try_into().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Upstream, A::Error> {
                HttpUpstream::deserialize(MapAccessDeserializer::new(table)).map(Upstream::Http)
            }
        }

        from.deserialize_any(TextOrTable)
    }
}

impl Upstream {
    pub(super) fn check(&self) -> Result<(), String> {
        let Self::Http(http) = self else { return Ok(()) };
        if http.url.is_https() != http.ca.is_some() {
            return Err("an https upstream needs ca, the file its certificate leads to, and an http one \
                        has none"
                .into());
        }
        if http.certificate.is_some() != http.key.is_some() {
            return Err("certificate and key of an upstream belong together".into());
        }
        if http.certificate.is_some() && !http.url.is_https() {
            return Err("only an https upstream is shown a certificate".into());
        }
        if http.timeout < SignedDuration::from_secs(1) || http.timeout > SignedDuration::from_hours(24) {
            return Err("the timeout of an upstream lies between 1s and 24h".into());
        }
        Ok(())
    }

    /// Takes relative paths from `folder`.
    pub(super) fn anchor(&mut self, folder: &Path) {
        let own: [Option<&mut PathBuf>; 5] = match self {
            Self::Dir(path) => [Some(path), None, None, None, None],
            Self::BehindProxy => [const { None }; 5],
            Self::Http(HttpUpstream { url, timeout: _, credential, ca, certificate, key }) => {
                let socket = match url {
                    Place::Unix(path) => Some(path),
                    Place::Url(_) => None,
                };
                [socket, credential.as_mut(), ca.as_mut(), certificate.as_mut(), key.as_mut()]
            }
        };
        for path in own.into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_has_one_reading_or_none() {
        let good = Upstream::try_from("http://127.0.0.1:8080".to_owned()).unwrap();
        let Upstream::Http(http) = good else { panic!("an HTTP upstream") };
        assert_eq!((http.url.origin().as_str(), http.url.path()), ("http://127.0.0.1:8080", None));
        let Upstream::Http(socket) = Upstream::try_from("unix:/run/app.sock".to_owned()).unwrap() else {
            panic!("an HTTP upstream")
        };
        assert_eq!(socket.url, Place::Unix("/run/app.sock".into()));
        assert_eq!((socket.url.to_string().as_str(), socket.url.is_unread()), ("unix:/run/app.sock", true));
        for bad in
            ["", "dir:", "unix:", "ftp://x", "http://", "http://a:b@c", "http://a/?x", "http://a/b/", "/srv"]
        {
            assert!(Upstream::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
