//! Where a CKAN is.

use std::net::IpAddr;

/// The address of a CKAN's site: `https://host`, with port and path where it has any; plain `http://`
/// only where it stays on this machine, since an administrator's key travels there.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct CkanUrl {
    uri: http::Uri,
}

/// Says that a text is no address of a CKAN: the operator's to mend.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no address of a CKAN: {why}")]
pub struct NotACkanUrl {
    text: String,
    why: &'static str,
}

impl CkanUrl {
    /// The host alone, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// The port that is meant, written or not.
    pub fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    /// Whether it is asked over TLS.
    pub fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&http::uri::Scheme::HTTPS)
    }

    fn stays_here(&self) -> bool {
        let host = self.host();
        host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback())
    }
}

impl std::str::FromStr for CkanUrl {
    type Err = NotACkanUrl;

    fn from_str(text: &str) -> Result<Self, NotACkanUrl> {
        let authority = text.split_once("://").map_or(text, |(_, rest)| rest).split('/').next();
        if authority.is_some_and(|authority| authority.contains('@')) {
            // Nobody reads a password in an error.
            let text = "(with a login)".to_owned();
            return Err(NotACkanUrl { text, why: "the key stands in a file, and no login before the host" });
        }
        let wrong = |why| NotACkanUrl { text: text.chars().take(200).collect(), why };
        // As it is copied from a browser.
        let uri: http::Uri = text.trim_end_matches('/').parse().map_err(|_| wrong("no URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(wrong("https://host, with port and path where it has any"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(wrong("no query and no fragment"));
        }
        let url = Self { uri };
        if url.uri.path().split('/').any(|segment| segment == "api") {
            return Err(wrong("the address of the site, without /api and what follows"));
        }
        if !url.is_https() && !url.stays_here() {
            return Err(wrong(
                "https, since an administrator's key travels there; http only to this machine",
            ));
        }
        Ok(url)
    }
}

impl TryFrom<String> for CkanUrl {
    type Error = NotACkanUrl;

    fn try_from(text: String) -> Result<Self, NotACkanUrl> {
        text.parse()
    }
}

/// Without a slash at its end.
impl std::fmt::Display for CkanUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let authority = self.uri.authority().map_or("", http::uri::Authority::as_str);
        let path = self.uri.path().trim_end_matches('/');
        write!(f, "{}://{authority}{path}", self.uri.scheme_str().unwrap_or("https"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_a_browser_shows_it() {
        for (text, shown, host, port) in [
            ("https://dcor.example.org", "https://dcor.example.org", "dcor.example.org", 443),
            ("https://dcor.example.org/", "https://dcor.example.org", "dcor.example.org", 443),
            ("https://example.org:8443/data/", "https://example.org:8443/data", "example.org", 8443),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5000", "127.0.0.1", 5000),
            ("http://[::1]", "http://[::1]", "::1", 80),
            ("http://localhost", "http://localhost", "localhost", 80),
        ] {
            let url: CkanUrl = text.parse().unwrap();
            assert_eq!((url.to_string().as_str(), url.host(), url.port()), (shown, host, port), "{text}");
        }
    }

    #[test]
    fn an_address_where_a_key_would_travel_for_all_to_read_is_refused() {
        for bad in ["http://dcor.example.org", "http://10.0.0.1", "http://127.0.0.1.example.org"] {
            let refused = bad.parse::<CkanUrl>().unwrap_err().to_string();
            assert!(refused.contains("http only to this machine"), "{refused}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_site_is_refused_with_the_reason() {
        for (bad, why) in [
            ("", "no URL"),
            ("dcor.example.org", "https://host"),
            ("ftp://example.org", "https://host"),
            ("https://", "https://host"),
            ("https://example.org/?a=b", "no query"),
            ("https://example.org/#top", "no query"),
            ("https://example.org/api/3/action", "without /api"),
            ("https://ann:opensesame@example.org", "no login"),
        ] {
            let refused = bad.parse::<CkanUrl>().unwrap_err().to_string();
            assert!(refused.contains(why) && !refused.contains("opensesame"), "{refused}");
        }
    }
}
