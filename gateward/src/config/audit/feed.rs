//! A place that events are sent to as well.

use std::fmt;
use std::path::{Path, PathBuf};

use http::Uri;
use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};

/// A place that events are sent to, and how it is known that it is the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Where.
    pub to: Target,
    /// The certificates that its own must lead to or be, PEM; the system's unless named.
    pub ca: Option<PathBuf>,
    /// Our own certificate, which it is shown; PEM.
    pub certificate: Option<PathBuf>,
    /// The key of `certificate`; PEM.
    pub key: Option<PathBuf>,
}

/// What is there, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// DICOM audit messages by syslog over TLS (RFC 5425).
    SyslogTls {
        /// A name or an address.
        host: String,
        /// 6514 unless given.
        port: u16,
    },
    /// The same by UDP (RFC 5426): nothing says whether they arrive.
    SyslogUdp {
        /// A name or an address.
        host: String,
        /// 514 unless given.
        port: u16,
    },
    /// A FHIR server that takes AuditEvents.
    Fhir {
        /// Its base, without a slash at its end.
        base: String,
    },
}

const FORMS: &str = "syslog+tls://HOST:PORT, syslog+udp://HOST:PORT or fhir+https://HOST/BASE";

impl TryFrom<&str> for Target {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no place to send events to: {FORMS}");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let authority = uri.authority().map_or("", http::uri::Authority::as_str);
        if authority.contains('@') || uri.query().is_some() {
            return Err(wrong());
        }
        let syslog = |target| match uri.path() {
            "" | "/" => Ok(target),
            path => Err(format!("{text:?} has a path, {path}, and syslog knows none: {FORMS}")),
        };
        let base = |scheme: &str| format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/'));
        match uri.scheme_str() {
            Some("syslog+tls") => syslog(Self::SyslogTls { host, port: uri.port_u16().unwrap_or(6514) }),
            Some("syslog+udp") => syslog(Self::SyslogUdp { host, port: uri.port_u16().unwrap_or(514) }),
            Some("fhir+https") => Ok(Self::Fhir { base: base("https") }),
            Some("fhir+http") if is_here(&host) => Ok(Self::Fhir { base: base("http") }),
            Some("fhir+http") => Err(format!("{text:?}: events name people, send them to fhir+https://")),
            _ => Err(wrong()),
        }
    }
}

/// Whether it is this machine.
fn is_here(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().map_or(host == "localhost", |ip| ip.is_loopback())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |host: &str| if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match self {
            Self::SyslogTls { host, port } => write!(f, "syslog+tls://{}:{port}", place(host)),
            Self::SyslogUdp { host, port } => write!(f, "syslog+udp://{}:{port}", place(host)),
            Self::Fhir { base } => write!(f, "fhir+{base}"),
        }
    }
}

impl Feed {
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { to, ca, certificate, key } = self;
        if certificate.is_some() != key.is_some() {
            return Err(format!("{to}: certificate and key belong together"));
        }
        let by_tls = match to {
            Target::SyslogTls { .. } => true,
            Target::Fhir { base } => base.starts_with("https:"),
            Target::SyslogUdp { .. } => false,
        };
        if !by_tls && (ca.is_some() || certificate.is_some()) {
            return Err(format!("{to}: certificates belong to TLS, which neither UDP nor plain HTTP has"));
        }
        Ok(())
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        for path in [&mut self.ca, &mut self.certificate, &mut self.key].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }
}

impl<'de> Deserialize<'de> for Feed {
    fn deserialize<D: de::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            to: String,
            ca: Option<PathBuf>,
            certificate: Option<PathBuf>,
            key: Option<PathBuf>,
        }

        struct TextOrTable;

        impl<'de> Visitor<'de> for TextOrTable {
            type Value = Feed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{FORMS}, or a table with to, ca, certificate and key")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Feed, E> {
                let to = Target::try_from(text).map_err(E::custom)?;
                Ok(Feed { to, ca: None, certificate: None, key: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Feed, A::Error> {
                let Table { to, ca, certificate, key } = Table::deserialize(MapAccessDeserializer::new(map))?;
                let to = Target::try_from(to.as_str()).map_err(de::Error::custom)?;
                Ok(Feed { to, ca, certificate, key })
            }
        }

        from.deserialize_any(TextOrTable)
    }
}
