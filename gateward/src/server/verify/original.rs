//! The request that a proxy asks about, as its fields say.
//!
//! Two sets of fields are known: `X-Original-...`, which nginx is configured to send, and `X-Forwarded-...`,
//! which Caddy and Traefik send. A question has one of them, each field once: what a client sent by itself, and
//! the proxy passed on beside its own, makes the question unclear.

use data_encoding::BASE64;
use http::{HeaderMap, HeaderValue, Method};
use percent_encoding::percent_decode;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::base::once::Once;
use crate::base::target::Target;
use crate::flows::nodes::Presented;
use crate::flows::verify::Unclear;

/// The names of the fields that say one thing each.
struct Set {
    target: &'static str,
    method: &'static str,
    host: &'static str,
}

const BY_NGINX: Set = Set { target: "x-original-uri", method: "x-original-method", host: "x-original-host" };

const BY_OTHERS: Set =
    Set { target: "x-forwarded-uri", method: "x-forwarded-method", host: "x-forwarded-host" };

/// Fields by which some servers take another method or path than the request's.
const OVERRIDES: [&str; 5] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];

/// The certificate that the client showed to the proxy.
const CERTIFICATE: &str = "x-ssl-client-cert";

/// What the client asks to go on as, such as a websocket: servers such as nginx leave `Upgrade` out of questions.
const UPGRADE: &str = "x-original-upgrade";

/// What questions have to say, or may, by the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// Which host: services of several stand here, and one could be taken for another's.
    pub host: bool,
    /// Which certificate: every proxy sets the field, so that it is never its client's own.
    pub certificate: bool,
}

/// The request that a proxy asks about.
#[derive(Debug)]
pub struct Original {
    /// How.
    pub method: Method,
    /// What, byte for byte, in one reading.
    pub target: Target,
    /// At which host.
    pub host: Option<String>,
    /// The certificate of the client, which nobody has judged yet.
    pub certificate: Option<Presented>,
    /// It asks to go on as something else than HTTP.
    pub upgrade: bool,
}

impl Original {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// [`Unclear`].
    pub fn read(fields: &HeaderMap, expected: Expected) -> Result<Self, Unclear> {
        let names = set(fields)?;
        if let Some(name) = OVERRIDES.into_iter().find(|name| fields.contains_key(*name)) {
            return Err(Unclear::Override(name));
        }
        let required = |name| only(fields, name)?.ok_or(Unclear::Missing(name));
        let method = required(names.method)?.as_bytes();
        let method = Method::from_bytes(method)
            .map_err(|_| Unclear::Method(String::from_utf8_lossy(method).into_owned()))?;
        let target = Target::parse(required(names.target)?.as_bytes())?;
        let host = match only(fields, names.host)? {
            Some(host) => Some(host.to_str().map_err(|_| Unclear::Host(names.host))?.to_owned()),
            None if expected.host => return Err(Unclear::Missing(names.host)),
            None => None,
        };
        let shown = only(fields, CERTIFICATE)?.filter(|value| !value.as_bytes().starts_with(NO_CERTIFICATE));
        if shown.is_some() && !expected.certificate {
            return Err(Unclear::NotBelieved(CERTIFICATE));
        }
        let certificate = shown.map(certificate).transpose()?;
        let upgrade = only(fields, UPGRADE)?.or(only(fields, "upgrade")?).is_some();
        Ok(Self { method, target, host, certificate, upgrade })
    }

    /// What it seems to be, for the record of a question that is unclear.
    pub fn seen(fields: &HeaderMap) -> (String, String) {
        let seen = |a, b| {
            let value = fields.get(a).or_else(|| fields.get(b));
            value.map_or_else(
                || "-".to_owned(),
                |value| String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        };
        (seen(BY_NGINX.method, BY_OTHERS.method), seen(BY_NGINX.target, BY_OTHERS.target))
    }
}

/// Finds out which of the two sets is there.
fn set(fields: &HeaderMap) -> Result<Set, Unclear> {
    let there =
        |set: &Set| [set.target, set.method, set.host].into_iter().find(|name| fields.contains_key(*name));
    match (there(&BY_NGINX), there(&BY_OTHERS)) {
        (Some(_), None) => Ok(BY_NGINX),
        (None, Some(_)) => Ok(BY_OTHERS),
        (Some(_), Some(second)) => Err(Unclear::Twice(second)),
        (None, None) => Err(Unclear::Missing(BY_NGINX.target)),
    }
}

/// What Caddy writes for a client without a certificate: the placeholder as its configuration has it.
const NO_CERTIFICATE: &[u8] = b"{http.request.tls.client.";

/// Returns the value of a field that may stand there once; an empty one says nothing.
fn only<'a>(fields: &'a HeaderMap, name: &'static str) -> Result<Option<&'a HeaderValue>, Unclear> {
    match Once::of(fields, name) {
        Once::No => Ok(None),
        Once::One(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Once::Several => Err(Unclear::Twice(name)),
    }
}

/// Reads the certificate that nginx has escaped (`$ssl_client_escaped_cert`), or that Caddy has in base64.
fn certificate(value: &HeaderValue) -> Result<Presented, Unclear> {
    let unreadable = Unclear::Certificate(CERTIFICATE);
    let text = value.as_bytes();
    let chain: Vec<CertificateDer<'static>> = if text.starts_with(b"-----BEGIN") {
        let pem: Vec<u8> = percent_decode(text).collect();
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        read.map_err(|_| unreadable.clone())?
    } else {
        vec![BASE64.decode(text).map_err(|_| unreadable.clone())?.into()]
    };
    if chain.is_empty() { Err(unreadable) } else { Ok(Presented::new(chain)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).fold(
            HeaderMap::new(),
            |mut fields, (name, value): (http::HeaderName, _)| {
                fields.append(name, value);
                fields
            },
        )
    }

    const NGINX: [(&str, &str); 2] = [("x-original-uri", "/files/a?b=c"), ("x-original-method", "GET")];
    const CADDY: [(&str, &str); 2] = [("x-forwarded-uri", "/files/a?b=c"), ("x-forwarded-method", "GET")];

    fn read(lines: &[(&'static str, &str)]) -> Result<Original, Unclear> {
        Original::read(&fields(lines), Expected { host: false, certificate: true })
    }

    #[test]
    fn either_set_of_fields_says_what_is_asked() {
        for set in [NGINX, CADDY] {
            let original = read(&set).unwrap();
            assert_eq!((original.method, original.target.as_str()), (Method::GET, "/files/a?b=c"));
            assert!(original.certificate.is_none());
        }
    }

    #[test]
    fn what_is_said_twice_or_not_at_all_is_refused() {
        let both = [&NGINX[..], &CADDY[..]].concat();
        for (lines, reason) in [
            (&[][..], "not-said"),
            (&NGINX[..1], "not-said"),
            (&CADDY[1..], "not-said"),
            (&[("x-original-uri", ""), NGINX[1]], "not-said"),
            (&both, "said-twice"),
            (&[NGINX[0], NGINX[1], ("x-forwarded-host", "h")], "said-twice"),
            (&[NGINX[0], NGINX[0], NGINX[1]], "said-twice"),
            (&[NGINX[0], NGINX[1], ("x-original-uri", "")], "said-twice"),
            (&[NGINX[0], NGINX[1], NGINX[1]], "said-twice"),
            (&[NGINX[0], NGINX[1], ("x-original-host", "a"), ("x-original-host", "b")], "said-twice"),
            (&[NGINX[0], NGINX[1], (CERTIFICATE, "AA=="), (CERTIFICATE, "AA==")], "said-twice"),
            (&[NGINX[0], NGINX[1], ("x-http-method-override", "DELETE")], "override"),
            (&[NGINX[0], NGINX[1], ("x-original-url", "/other")], "override"),
            (&[NGINX[0], ("x-original-method", "GET /")], "method"),
            (&[("x-original-uri", "/a/../b"), NGINX[1]], "path"),
            (&[NGINX[0], NGINX[1], (CERTIFICATE, "no base64")], "unreadable"),
            (&[NGINX[0], NGINX[1], (CERTIFICATE, "-----BEGIN%20CERTIFICATE-----%0A")], "unreadable"),
        ] {
            let unclear = read(lines).unwrap_err();
            assert_eq!(unclear.reason(), reason, "{lines:?}: {unclear}");
        }
    }

    #[test]
    fn a_certificate_counts_only_where_every_proxy_says_whose_it_is() {
        let not_set = Expected { host: false, certificate: false };
        let own = [NGINX[0], NGINX[1], (CERTIFICATE, "AQIDBA==")];
        assert_eq!(Original::read(&fields(&own), not_set).unwrap_err().reason(), "not-believed");
        for none in [NGINX.to_vec(), [&NGINX[..], &[(CERTIFICATE, "")]].concat()] {
            assert!(Original::read(&fields(&none), not_set).unwrap().certificate.is_none());
        }
    }

    #[test]
    fn the_host_is_said_where_services_have_theirs_and_can_be_read_everywhere() {
        let of_hosts = Expected { host: true, certificate: true };
        for set in [NGINX, CADDY] {
            assert_eq!(Original::read(&fields(&set), of_hosts).unwrap_err().reason(), "not-said");
        }
        let said = [NGINX[0], NGINX[1], ("x-original-host", "a.example.org")];
        assert_eq!(Original::read(&fields(&said), of_hosts).unwrap().host.unwrap(), "a.example.org");
        let unreadable = [CADDY[0], CADDY[1], ("x-forwarded-host", "\u{e4}.example.org")];
        assert_eq!(read(&unreadable).unwrap_err().reason(), "unreadable");
    }

    #[test]
    fn what_asks_to_go_on_as_something_else_is_known() {
        for (upgrade, is_one) in [("", false), ("websocket", true)] {
            for name in ["x-original-upgrade", "upgrade"] {
                assert_eq!(read(&[NGINX[0], NGINX[1], (name, upgrade)]).unwrap().upgrade, is_one);
            }
        }
    }

    #[test]
    fn a_client_without_a_certificate_has_none() {
        for written in ["", "{http.request.tls.client.certificate_der_base64}"] {
            let original = read(&[NGINX[0], NGINX[1], (CERTIFICATE, written)]).unwrap();
            assert!(original.certificate.is_none(), "{written}");
        }
    }

    #[test]
    fn a_certificate_is_read_as_nginx_and_as_caddy_write_it() {
        let pem = "-----BEGIN%20CERTIFICATE-----%0AAQIDBA%3D%3D%0A-----END%20CERTIFICATE-----%0A";
        for written in [pem, "AQIDBA=="] {
            let original = read(&[NGINX[0], NGINX[1], (CERTIFICATE, written)]).unwrap();
            let read = original.certificate.unwrap().fingerprint();
            assert_eq!(read, Some(node_certificate::Fingerprint::of(&[1, 2, 3, 4])), "{written}");
        }
    }
}
