//! Which of a client's header fields pass to an upstream, and which of an upstream's pass to a client.
//!
//! All pass that are meant for the other end, save what frames the message, what names somebody to
//! whoever believes it, and what would turn the request into another one than was decided. Names are
//! compared as a backend may spell them: CGI and its heirs (WSGI, PHP, Rack) fold case and write `-` and
//! `_` alike, so a name with anything but letters, digits and `-` does not pass at all.

use http::HeaderMap;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderName, HeaderValue, SERVER, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};

use crate::server::login_page::is_ours;

/// Fields of a client that never pass, folded; a `*` ends a beginning.
///
/// The first group names somebody or their way to us; it is written by proxies, identity-aware ones too,
/// for backends that believe it. The second makes backends read another method, path or length.
const KEPT_FROM_UPSTREAMS: [&str; 47] = [
    "authtype",
    "authuser",
    "cfaccess*",
    "cfconnectingip",
    "clientcert*",
    "clientip",
    "forwarded*",
    "fastlyclientip",
    "remoteaddr",
    "remotegroup*",
    "remotehost",
    "remoteident",
    "remotename",
    "remoteemail",
    "remoteuser*",
    "sslclient*",
    "tailscale*",
    "trueclientip",
    "via",
    "xaccesstoken",
    "xamznoidc*",
    "xauth*",
    "xclient*",
    "xclusterclientip",
    "xenvoy*",
    "xforwarded*",
    "xgateward*",
    "xgoog*",
    "xjwtassertion",
    "xmsclient*",
    "xopenhim*",
    "xoriginal*",
    "xproxy*",
    "xrealip",
    "xremote*",
    "xssl*",
    "xtoken*",
    "xuser*",
    "xwebauth*",
    "contentlength",
    "host",
    "proxy*",
    "transferencoding",
    "xhttpmethod*",
    "xmethodoverride",
    "xrewriteurl",
    "xhost",
];

/// Tells whether a client's field is kept from upstreams, whatever else is decided.
///
/// `ours` is the name by which the upstream is told who asks.
fn is_kept(name: &HeaderName, ours: Option<&HeaderName>) -> bool {
    let text = name.as_str();
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return true;
    }
    let folded = fold(text);
    let is = |kept: &&str| match kept.strip_suffix('*') {
        Some(beginning) => folded.starts_with(beginning),
        None => folded == *kept,
    };
    ours.is_some_and(|ours| fold(ours.as_str()) == folded) || KEPT_FROM_UPSTREAMS.iter().any(is)
}

fn fold(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Tells whether a field is of the connection and not of the message (RFC 9110 section 7.6.1).
fn is_of_connection(name: &HeaderName) -> bool {
    [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE].contains(name)
        || ["keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization"]
            .contains(&name.as_str())
}

/// The names that `Connection` makes fields of the connection.
fn named_by_connection(fields: &HeaderMap) -> Vec<HeaderName> {
    let lines = fields.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

/// The client's fields that pass with a request; `Authorization` is not among them.
pub(super) fn of_client(fields: &HeaderMap, ours: Option<&HeaderName>) -> HeaderMap {
    let named = named_by_connection(fields);
    let mut passed = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        // An expectation is ours to answer (RFC 9110 section 10.1.1): the body comes once it is admitted.
        let ours_to_read = [AUTHORIZATION, CONTENT_LENGTH, EXPECT, HOST].contains(name);
        if ours_to_read || is_of_connection(name) || named.contains(name) || is_kept(name, ours) {
            continue;
        }
        match () {
            () if *name == COOKIE => passed.extend(without_ours(value).map(|value| (COOKIE, value))),
            () => _ = passed.append(name.clone(), value.clone()),
        }
    }
    if fields.get_all(TE).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers")) {
        passed.insert(TE, HeaderValue::from_static("trailers"));
        passed.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    announce_trailers(fields, &mut passed);
    passed
}

/// Says in a head, in either direction, that a websocket follows.
pub(super) fn name_websocket(fields: &mut HeaderMap) {
    fields.remove(TE);
    fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// The cookies in `value` that are not ours; `None` where none is left.
fn without_ours(value: &HeaderValue) -> Option<HeaderValue> {
    let is_ours = |crumb: &&[u8]| {
        let name = crumb.split(|byte| *byte == b'=').next().unwrap_or_default();
        is_ours(name.trim_ascii())
    };
    let crumbs: Vec<&[u8]> =
        value.as_bytes().split(|byte| *byte == b';').filter(|crumb| !is_ours(crumb)).collect();
    let rest = crumbs.join(&b';');
    let rest = rest.trim_ascii();
    if rest.is_empty() { None } else { HeaderValue::from_bytes(rest).ok() }
}

/// The fields of an answer that pass: all but those of the connection, the upstream's name, and its
/// question who asks where we ask ourselves.
pub(super) fn of_upstream(fields: &HeaderMap, upstream_asks: bool) -> HeaderMap {
    let named = named_by_connection(fields);
    let mut passed = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let of_login = *name == WWW_AUTHENTICATE || name.as_str() == "authentication-info";
        let stays =
            is_of_connection(name) || named.contains(name) || *name == SERVER || (of_login && !upstream_asks);
        if !stays {
            passed.append(name.clone(), value.clone());
        }
    }
    announce_trailers(fields, &mut passed);
    passed
}

/// Announces again those fields behind the body that may pass (RFC 9110 section 6.6.2).
fn announce_trailers(fields: &HeaderMap, passed: &mut HeaderMap) {
    let lines = fields.get_all(TRAILER).iter().filter_map(|value| value.to_str().ok());
    let names = lines.flat_map(|line| line.split(',')).map(str::trim);
    let good: Vec<&str> = names.filter(|name| http_framing::may_be_trailer(name.as_bytes())).collect();
    if let (false, Ok(value)) = (good.is_empty(), HeaderValue::try_from(good.join(", "))) {
        passed.insert(TRAILER, value);
    }
}

/// Those fields behind a body that may pass, in either direction.
pub fn trailers(fields: &HeaderMap) -> HeaderMap {
    let good = fields.iter().filter(|(name, _)| http_framing::may_be_trailer(name.as_str().as_bytes()));
    good.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_static(value))
        };
        fields.iter().map(field).collect()
    }

    fn names(fields: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = fields.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn no_spelling_of_an_identity_passes() {
        let ours = HeaderName::from_static("x-person");
        for name in [
            "x-remote-user",
            "x_remote_user",
            "x-remote_user",
            "xremoteuser",
            "x--remote-user",
            "x.remote.user",
            "remote-user",
            "remote_user",
            "x-forwarded-user",
            "x-forwarded-for",
            "x_forwarded_for",
            "forwarded",
            "x-real-ip",
            "x-openhim-clientid",
            "x-gateward-user",
            "x-openhim-transactionid",
            "x_openhim_clientid",
            "x-ssl-client-cert",
            "ssl_client_s_dn",
            "ssl-client-verify",
            "x-client-cert",
            "client-cert",
            "x-auth-request-user",
            "x-authenticated-user",
            "x-webauth-user",
            "x-user",
            "x-user-id",
            "proxy",
            "proxy-authorization",
            "x-http-method-override",
            "x-original-url",
            "x-rewrite-url",
            "content_length",
            "transfer_encoding",
            "x-person",
            "x_person",
            "x-per-son",
            "X!Person",
            "via",
            "x-step~",
        ] {
            let name: HeaderName = name.parse().unwrap();
            assert!(is_kept(&name, Some(&ours)), "{name}");
        }
    }

    #[test]
    fn what_browsers_and_programs_say_of_their_request_passes() {
        let fields = map(&[
            ("accept", "*/*"),
            ("content-type", "text/plain"),
            ("cookie", "a=b"),
            ("origin", "https://x"),
            ("referer", "/a"),
            ("range", "bytes=0-1"),
            ("if-range", "\"x\""),
            ("x-requested-with", "XMLHttpRequest"),
            ("x-csrf-token", "y"),
            ("sec-fetch-mode", "cors"),
            ("user-agent", "x"),
            ("x-api-key", "z"),
            ("dnt", "1"),
        ]);
        assert_eq!(names(&of_client(&fields, None)), names(&fields));
    }

    #[test]
    fn what_is_of_the_connection_or_ours_stays_here() {
        let fields = map(&[
            ("host", "a"),
            ("connection", "X-Step, close"),
            ("x-step", "1"),
            ("keep-alive", "1"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("content-length", "1"),
            ("expect", "100-continue"),
            ("upgrade", "h2c"),
            ("authorization", "Basic YTpi"),
            ("cookie", "__Host-gateward=secret"),
        ]);
        assert_eq!(names(&of_client(&fields, None)), [""; 0]);
    }

    #[test]
    fn our_cookie_is_taken_out_from_between_others() {
        for (all, rest) in [
            ("a=b; __Host-gateward=x; c=d", "a=b; c=d"),
            ("__Host-gateward=x; c=d", "c=d"),
            ("a=b;__Host-gateward=x", "a=b"),
            ("a=__Host-gateward=x", "a=__Host-gateward=x"),
        ] {
            let passed = of_client(&map(&[("cookie", all)]), None);
            assert_eq!(passed[COOKIE], rest, "{all}");
        }
    }

    #[test]
    fn only_trailers_that_may_pass_are_announced() {
        let fields = map(&[("te", "trailers"), ("trailer", "Digest, Content-Length, X-Remote-User")]);
        let passed = of_client(&fields, None);
        assert_eq!((passed[TE].as_bytes(), passed[TRAILER].as_bytes()), (&b"trailers"[..], &b"Digest"[..]));
        assert_eq!(names(&trailers(&map(&[("digest", "x"), ("host", "y"), ("x-a", "z")]))), ["digest"]);
    }
}
