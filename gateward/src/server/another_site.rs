//! Whether the page of another site had a browser send a request, with a cookie that nobody there may use.
//!
//! `SameSite=Lax` stops other domains, and no other host of one's own (RFC 6265bis section 5.2): a page at
//! `other.example.org` could have forms sent, and websockets opened, to `registry.example.org`.

use http::header::{HeaderName, ORIGIN, UPGRADE};
use http::{HeaderMap, Method};

/// What a browser says of where a request comes from (Fetch Metadata, section 2.3).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What it will be used for (section 2.2): a proxy that asks does not pass `Upgrade` on.
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Whether a request may change something, and comes from another origin than `host`.
///
/// A request that says nothing of it is a program's, or an old browser's: then `SameSite` has to do.
pub(super) fn asks_for_a_change(method: &Method, host: Option<&str>, fields: &HeaderMap) -> bool {
    let websocket = fields.contains_key(UPGRADE)
        || fields.get_all(SEC_FETCH_MODE).iter().any(|mode| mode.as_bytes() == b"websocket");
    if method.is_safe() && !websocket {
        return false;
    }
    // The browser's own word does not depend on what proxies make of the host.
    let mut sites = fields.get_all(SEC_FETCH_SITE).iter().peekable();
    if sites.peek().is_some() {
        return sites.any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
    }
    // The cookie is for https alone, so no page of http is of the same origin.
    let own = host.map(|host| format!("https://{host}"));
    let is_own = |origin: &[u8]| own.as_ref().is_some_and(|own| origin.eq_ignore_ascii_case(own.as_bytes()));
    fields.get_all(ORIGIN).iter().any(|origin| !is_own(origin.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(method: &Method, said: &[(&'static str, &'static str)]) -> bool {
        let mut fields = HeaderMap::new();
        for (name, value) in said {
            fields.append(HeaderName::from_static(name), http::HeaderValue::from_static(value));
        }
        asks_for_a_change(method, Some("registry.example.org"), &fields)
    }

    #[test]
    fn another_host_of_the_same_domain_is_another_site() {
        for said in [
            &[("sec-fetch-site", "same-site")][..],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://registry.example.org")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-site")],
            &[("origin", "https://other.example.org")],
            &[("origin", "http://registry.example.org")],
            &[("origin", "null")],
        ] {
            assert!(asks(&Method::POST, said), "{said:?}");
            assert!(!asks(&Method::GET, said), "{said:?}: what only reads answers nobody else");
            for upgrade in [("upgrade", "websocket"), ("sec-fetch-mode", "websocket")] {
                assert!(asks(&Method::GET, &[said, &[upgrade]].concat()), "{said:?}");
            }
        }
    }

    #[test]
    fn one_s_own_page_and_a_program_are_none() {
        for said in [
            &[][..],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://behind-a-proxy")],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://Registry.example.org")],
        ] {
            assert!(!asks(&Method::POST, said), "{said:?}");
            assert!(!asks(&Method::GET, &[said, &[("upgrade", "websocket")]].concat()), "{said:?}");
        }
    }
}
