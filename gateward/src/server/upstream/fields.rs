//! Which of a client's header fields pass to an upstream, and which of an upstream's pass to a client.
//!
//! All pass that are meant for the other end, save what frames the message, what names somebody to
//! whoever believes it, and what would turn the request into another one than was decided. Names are
//! compared as a backend may spell them: CGI and its heirs (WSGI, PHP, Rack) fold case and write `-` and
//! `_` alike, so a name with anything but letters, digits and `-` does not pass at all.

use http::HeaderMap;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, COOKIE,
    DATE, ETAG, EXPECT, EXPIRES, HOST, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION, RETRY_AFTER, SERVER,
    SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY, WWW_AUTHENTICATE,
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
    announce_trailers(fields, &mut passed, |name| may_follow_up(name, ours));
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

/// The fields of an answer that pass: all but those of the connection, the upstream's name, its question who
/// asks where we ask ourselves, and cookies that are called as ours are.
pub(super) fn of_upstream(fields: &HeaderMap, upstream_asks: bool) -> HeaderMap {
    let named = named_by_connection(fields);
    let mut passed = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let of_login = *name == WWW_AUTHENTICATE || name.as_str() == "authentication-info";
        // It could have a visitor go on as whoever it likes.
        let plants = *name == SET_COOKIE && sets_ours(value);
        let stays = is_of_connection(name)
            || named.contains(name)
            || *name == SERVER
            || (of_login && !upstream_asks)
            || plants;
        if !stays {
            passed.append(name.clone(), value.clone());
        }
    }
    announce_trailers(fields, &mut passed, may_follow);
    passed
}

/// Tells whether `Set-Cookie` sets a cookie of ours; one without a name comes back as its value
/// (RFC 6265bis section 5.6).
fn sets_ours(value: &HeaderValue) -> bool {
    let pair = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    let pair = pair.trim_ascii();
    let pair = pair.strip_prefix(b"=").unwrap_or(pair);
    is_ours(pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii())
}

/// Of the fields of an answer in FHIR, those that pass: whom others name, nobody reads here.
pub(super) fn of_fhir(fields: &HeaderMap) -> HeaderMap {
    let passes = |name: &HeaderName| PASSED_OF_FHIR.contains(name);
    fields
        .iter()
        .filter(|(name, _)| passes(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What R4 section 3.1.0 and its clients know; `Location` and `Content-Location` are read.
const PASSED_OF_FHIR: [HeaderName; 12] = [
    ALLOW,
    CACHE_CONTROL,
    CONTENT_LOCATION,
    CONTENT_TYPE,
    DATE,
    ETAG,
    EXPIRES,
    LAST_MODIFIED,
    LOCATION,
    RETRY_AFTER,
    VARY,
    WWW_AUTHENTICATE,
];

/// Announces again those fields behind the body that may pass (RFC 9110 section 6.6.2).
fn announce_trailers(fields: &HeaderMap, passed: &mut HeaderMap, may: impl Fn(&HeaderName) -> bool) {
    let lines = fields.get_all(TRAILER).iter().filter_map(|value| value.to_str().ok());
    let names = lines.flat_map(|line| line.split(',')).map(str::trim);
    let good: Vec<&str> = names.filter(|name| name.parse().is_ok_and(|name| may(&name))).collect();
    if let (false, Ok(value)) = (good.is_empty(), HeaderValue::try_from(good.join(", "))) {
        passed.insert(TRAILER, value);
    }
}

/// Those fields behind an answer that may pass.
pub fn trailers_of_upstream(fields: &HeaderMap) -> HeaderMap {
    trailers(fields, may_follow)
}

/// Those fields behind a client's body that may pass: many a backend takes them for fields of the head.
pub(super) fn trailers_of_client(fields: &HeaderMap, ours: Option<&HeaderName>) -> HeaderMap {
    trailers(fields, |name| may_follow_up(name, ours))
}

fn trailers(fields: &HeaderMap, may: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let good = fields.iter().filter(|(name, _)| may(name));
    good.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn may_follow(name: &HeaderName) -> bool {
    http_framing::may_be_trailer(name.as_str().as_bytes())
}

fn may_follow_up(name: &HeaderName, ours: Option<&HeaderName>) -> bool {
    may_follow(name) && !is_kept(name, ours)
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
        let behind = map(&[("digest", "x"), ("host", "y"), ("x-a", "z")]);
        assert_eq!(names(&trailers_of_client(&behind, None)), ["digest"]);
        assert_eq!(names(&trailers_of_upstream(&behind)), ["digest"]);
    }

    #[test]
    fn no_identity_passes_behind_a_body() {
        let ours = HeaderName::from_static("person");
        for name in ["remote-user", "ssl-client-verify", "client-cert", "true-client-ip", "via", "person"] {
            let name: HeaderName = name.parse().unwrap();
            let behind = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static("a"))]);
            assert!(trailers_of_client(&behind, Some(&ours)).is_empty(), "{name}");
            let announced = HeaderMap::from_iter([(TRAILER, HeaderValue::from(name.clone()))]);
            assert!(of_client(&announced, Some(&ours)).is_empty(), "{name} is announced");
        }
    }

    #[test]
    fn no_upstream_sets_our_cookies() {
        for (set, passes) in [
            ("__Host-gateward=x; Path=/; Secure", false),
            (" __Host-gateward =x", false),
            ("=__Host-gateward=x; Secure", false),
            ("__Host-gateward-form=x", false),
            ("sid=__Host-gateward", true),
            ("sid=1; Path=/; __Host-gateward=x", true),
        ] {
            let mut fields = HeaderMap::new();
            fields.append(SET_COOKIE, HeaderValue::from_static(set));
            assert_eq!(!of_upstream(&fields, true).is_empty(), passes, "{set}");
        }
    }

    #[test]
    fn of_an_answer_in_fhir_only_fields_pass_that_name_nobody() {
        let fields = map(&[
            ("etag", "W/\"1\""),
            ("location", "Observation/1"),
            ("link", "</fhir/Patient/7>; rel=\"item\""),
            ("refresh", "0; url=/fhir/Patient/7"),
            ("warning", "199 - \"Patient/7\""),
            ("set-cookie", "last=7"),
            ("x-patient", "7"),
            ("trailer", "digest"),
        ]);
        assert_eq!(names(&of_fhir(&fields)), ["etag", "location"]);
    }
}
