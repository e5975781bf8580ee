//! Where an OpenID Connect issuer is, which is also its name.

use std::net::IpAddr;

use super::text::texts;

/// The URL of an OpenID Connect issuer, kept as it is spelled: `iss` in its tokens has to be the same
/// letter by letter (OpenID Connect Discovery section 4.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IssuerUrl(String);

/// Says that a text is no issuer's URL: the operator's to mend.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no OIDC issuer: https://host with a path where it has one, as `iss` spells it")]
pub struct NotAnIssuerUrl(String);

impl IssuerUrl {
    /// Where it says where its keys are (OpenID Connect Discovery section 4).
    pub fn discovery(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.0.trim_end_matches('/'))
    }
}

/// Tells whether what `url` answers can be believed to come from there: over TLS, or without leaving this
/// machine.
pub fn is_safe_to_ask(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback()),
        _ => false,
    }
}

impl TryFrom<String> for IssuerUrl {
    type Error = NotAnIssuerUrl;

    fn try_from(text: String) -> Result<Self, NotAnIssuerUrl> {
        let uri = text.parse::<http::Uri>().ok();
        let good = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.query().is_none()
        });
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(['#', '@']);
        if good && text.len() <= 500 && is_plain {
            Ok(Self(text))
        } else {
            Err(NotAnIssuerUrl(text.chars().take(200).collect()))
        }
    }
}

texts!(NotAnIssuerUrl: IssuerUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_a_url_that_stays_as_it_is_spelled() {
        let url: IssuerUrl = "https://Issuer.example.org/realms/a/".parse().unwrap();
        assert_eq!(url.as_str(), "https://Issuer.example.org/realms/a/");
        assert_eq!(url.discovery(), "https://Issuer.example.org/realms/a/.well-known/openid-configuration");
        for bad in [
            "",
            "issuer",
            "ftp://a",
            "https://",
            "https://a?b",
            "https://a#b",
            "https://u:p@a",
            "https://a b",
            "https://a/ä",
        ] {
            assert!(bad.parse::<IssuerUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for good in ["https://a", "http://127.0.0.1:1/x", "http://[::1]/x", "http://localhost:8080"] {
            assert!(is_safe_to_ask(good), "{good}");
        }
        for bad in
            ["http://a", "http://10.0.0.1", "http://localhost.example.org", "file:///etc/passwd", "/x", ""]
        {
            assert!(!is_safe_to_ask(bad), "{bad}");
        }
    }
}
