//! Our cookies (RFC 6265bis): `__Host-` says that only this host, over TLS, set them for all of it.

use http::HeaderMap;
use http::header::COOKIE;

use crate::flows::sessions::LONGEST;

/// The cookie of a session.
pub(super) const SESSION: &str = "__Host-gateward";

/// The cookie that makes a form count.
pub(super) const FORM: &str = "__Host-gateward-form";

/// Whether a cookie is ours, and nobody else's to see.
pub fn is_ours(name: &[u8]) -> bool {
    name == SESSION.as_bytes() || name == FORM.as_bytes()
}

/// Finds the cookie of a session. Of several, nobody's: one of them was planted.
pub fn session_cookie(fields: &HeaderMap) -> Option<&str> {
    find(fields, SESSION)
}

/// Finds a cookie that is there exactly once.
pub(super) fn find<'a>(fields: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = fields.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(one, _)| *one == name).map(|(_, value)| value);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// Hands out the cookie of a session. Lax: it comes along when somebody follows a link here, and never with
/// what another site posts.
pub(super) fn session(value: &str) -> String {
    let age = LONGEST.as_secs();
    format!("{SESSION}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={age}")
}

/// Hands out the cookie of a form, good for an hour.
pub(super) fn form(value: &str) -> String {
    format!("{FORM}={value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=3600")
}

/// Takes a cookie back.
pub(super) fn gone(name: &str) -> String {
    format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[&str]) -> Option<String> {
        let mut fields = HeaderMap::new();
        for line in lines {
            fields.append(COOKIE, line.parse().unwrap());
        }
        session_cookie(&fields).map(str::to_owned)
    }

    #[test]
    fn a_cookie_is_found_between_others_and_believed_only_where_it_is_alone() {
        assert_eq!(found(&["a=b; __Host-gateward=x; c=d"]).as_deref(), Some("x"));
        assert_eq!(found(&["a=b", "__Host-gateward=x"]).as_deref(), Some("x"));
        for none in
            [&["a=b"][..], &["__host-gateward=x"], &["__Host-gateward-form=x"], &["x__Host-gateward=x"]]
        {
            assert_eq!(found(none), None, "{none:?}");
        }
        assert_eq!(found(&["__Host-gateward=x; __Host-gateward=y"]), None);
        assert_eq!(found(&["__Host-gateward=x", "__Host-gateward=y"]), None);
    }
}
