//! Kind `ckan`: everybody may ask, and CKAN decides; what we know is whose key it is that they show.
//!
//! A key of ours is exchanged for CKAN's own on the way, so that it ends here, and at once. Browsers log in at
//! CKAN as ever: their cookies pass.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::{percent_decode_str, utf8_percent_encode};

use super::plain::ENCODED;
use super::{
    About, BodyWanted, Concerns, Effect, Entry, ExistingKeys, Forward, Inspection, Meaning, NotUnderstood,
    Request, Settings, Unfit,
};
use crate::base::opaque_key::OpaqueKey;
use crate::base::target;

/// What is served; websockets and tunnels are not.
const METHODS: &str = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE";

/// Longest body of a POST that only reads, in bytes: it is held until it is understood.
const LONGEST_QUESTION: usize = 1024 * 1024;

/// How the names of actions end that only read, and change nothing (`ckan/logic/action/get.py` and DataStore's).
const READING: [&str; 4] = ["_show", "_list", "_search", "_autocomplete"];

/// Further actions that only read.
const READING_TOO: [&str; 4] =
    ["current_package_list_with_resources", "datastore_info", "datastore_search_sql", "site_read"];

/// A CKAN with what was decided about it.
#[derive(Debug, Clone, Copy)]
pub struct Ckan {
    existing_keys: ExistingKeys,
}

impl Ckan {
    /// Takes what was decided.
    pub(super) fn new(settings: &Settings) -> Result<Self, Unfit> {
        // Without `..`, so that whoever adds a decision decides here, too.
        let Settings {
            path: _,
            stands_elsewhere_too: _,
            reads_folder,
            upstream_has_path: _,
            require,
            fdsn,
            upstream_is_told,
            existing_keys,
        } = settings;
        if !fdsn.is_empty() {
            return Err(Unfit::OF_FDSN);
        }
        if *reads_folder {
            return Err(Unfit("behind a ckan service is an HTTP server, no folder"));
        }
        if upstream_is_told.credential || upstream_is_told.identity {
            return Err(Unfit("CKAN learns from its own keys who asks: no credential or identify_as"));
        }
        if require.person || require.either {
            return Err(Unfit(
                "a ckan service requires nobody but a node: anonymous reads are CKAN's to allow, and whoever has \
                 a key is known by it",
            ));
        }
        let existing_keys = existing_keys.ok_or(Unfit(
            "say what happens to CKAN's own keys that are in the field: existing_keys = \"pass\" lists them, \
             \"refuse\" ends them",
        ))?;
        Ok(Self { existing_keys })
    }

    #[expect(clippy::unused_self, reason = "as every kind")]
    pub(super) fn body(self, method: &Method, rest: &str) -> BodyWanted {
        match *method {
            Method::GET | Method::HEAD | Method::OPTIONS => BodyWanted::Nothing,
            Method::POST if asks_only(rest) => BodyWanted::Whole(LONGEST_QUESTION),
            _ => BodyWanted::Streamed,
        }
    }

    pub(super) fn meaning(self, request: Request<'_>) -> Result<Meaning, NotUnderstood> {
        let Request { method, rest, query, body, .. } = request;
        if !METHODS.split(", ").any(|name| name == method.as_str()) {
            return Err(NotUnderstood::Method { method: method.to_string(), allowed: METHODS });
        }
        if body.len() > LONGEST_QUESTION {
            return Err(NotUnderstood::TooMuch("a question has at most 1 MiB".into()));
        }
        let path = target::decoded(rest).map_err(|target::Ambiguous(why)| NotUnderstood::Path(why))?;
        let mut asked = utf8_percent_encode(&path, ENCODED).to_string();
        if let Some(query) = query {
            asked = format!("{asked}?{query}");
        }
        let reads = match *method {
            Method::GET | Method::HEAD | Method::OPTIONS => true,
            Method::POST => asks_only(rest),
            _ => false,
        };
        let forward = Forward {
            method: method.clone(),
            target: asked,
            body: Bytes::copy_from_slice(body),
            content_type: None,
            with_conditions: true,
            fields: HeaderMap::new(),
            websocket: false,
        };
        // A query may name somebody: it is recorded where it can be erased.
        let target = query.map(|query| without_keys(&format!("{path}?{query}")).into_owned());
        Ok(Meaning {
            what: without_keys(&path).into_owned(),
            about: About { target, ..About::default() },
            entry: Entry::Keyed(self.existing_keys),
            effect: if reads { Effect::Read } else { Effect::Change },
            concerns: Concerns::Nothing(forward, Inspection::Nothing),
        })
    }
}

/// Tells whether a POST there only asks: an action whose name says so. Whatever is not known changes something.
fn asks_only(rest: &str) -> bool {
    let Some(action) =
        ["/api/3/action/", "/api/action/"].into_iter().find_map(|base| rest.strip_prefix(base))
    else {
        return false;
    };
    let is_name = action.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_name && (READING.iter().any(|end| action.ends_with(end)) || READING_TOO.contains(&action))
}

/// What stands for a key in the record: whoever put one into an address is refused, and has shown it enough.
const A_KEY: &str = "(a key)";

/// Makes a path with its query fit for the record: what has the form of a key of ours stands in none.
pub(super) fn without_keys(what: &str) -> Cow<'_, str> {
    let is_between = |letter: char| matches!(letter, '/' | '?' | '&' | '=' | ';');
    let is_key = |part: &str| {
        percent_decode_str(part).decode_utf8().is_ok_and(|part| part.parse::<OpaqueKey>().is_ok())
    };
    if !what.split(is_between).any(is_key) {
        return Cow::Borrowed(what);
    }
    let mut fit = String::with_capacity(what.len());
    for part in what.split_inclusive(is_between) {
        let (text, between) = part.split_at(part.trim_end_matches(is_between).len());
        fit.push_str(if is_key(text) { A_KEY } else { text });
        fit.push_str(between);
    }
    Cow::Owned(fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CKAN: Ckan = Ckan { existing_keys: ExistingKeys::Pass };

    fn effect(method: &Method, rest: &str) -> Effect {
        CKAN.meaning(Request {
            method,
            rest,
            query: None,
            fields: &HeaderMap::new(),
            body: &Bytes::new(),
            websocket: false,
        })
        .unwrap()
        .effect
    }

    #[test]
    fn an_action_that_only_reads_is_read_whichever_method_asks_it() {
        for action in ["package_show", "package_search", "group_list", "status_show", "datastore_search"] {
            for base in ["/api/3/action/", "/api/action/"] {
                let rest = format!("{base}{action}");
                assert_eq!(effect(&Method::POST, &rest), Effect::Read, "{rest}");
                assert_eq!(CKAN.body(&Method::POST, &rest), BodyWanted::Whole(LONGEST_QUESTION), "{rest}");
            }
        }
        assert_eq!(effect(&Method::GET, "/dataset/x"), Effect::Read);
    }

    #[test]
    fn whatever_is_not_known_to_read_changes_something() {
        for rest in [
            "/api/3/action/package_create",
            "/api/3/action/package_show/",
            "/api/3/action/x/package_show",
            "/api/3/action/Package_show",
            "/api/3/action/package%5fshow",
            "/api/3/action/package_owner_org_update",
            "/de/api/3/action/package_show",
            "/user/login",
            "/package_show",
        ] {
            assert_eq!(effect(&Method::POST, rest), Effect::Change, "{rest}");
            assert_eq!(CKAN.body(&Method::POST, rest), BodyWanted::Streamed, "{rest}");
        }
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(effect(&method, "/api/3/action/package_show"), Effect::Change, "{method}");
        }
    }

    #[test]
    fn a_key_in_an_address_stands_in_no_record() {
        let key = OpaqueKey::new(&crate::base::random::Random::new(|bytes| bytes.fill(7)));
        let key = key.expose();
        for (what, fit) in [
            (format!("/api/3/action/x?key={key}&a=1"), "/api/3/action/x?key=(a key)&a=1"),
            (format!("/x/{key}/y"), "/x/(a key)/y"),
            (format!("/x?{key}"), "/x?(a key)"),
            (format!("/x?k=%{:x}{}", key.as_bytes()[0], &key[1..]), "/x?k=(a key)"),
        ] {
            assert_eq!(without_keys(&what), fit);
        }
        let plain = "/dataset/fd54cc58-18ab-4c0a-a5bd-2fe2ad0a6cd8?q=a+b";
        assert_eq!(without_keys(plain), plain);
    }

    #[test]
    fn a_path_has_one_reading_or_none_and_goes_on_as_it_was_read() {
        let meaning = |rest| {
            CKAN.meaning(Request {
                method: &Method::GET,
                rest,
                query: Some("q=%2B"),
                fields: &HeaderMap::new(),
                body: &Bytes::new(),
                websocket: false,
            })
        };
        let Concerns::Nothing(forward, _) = meaning("/dataset/%61/").unwrap().concerns else { panic!() };
        assert_eq!(forward.target, "/dataset/a/?q=%2B");
        for bad in ["/a//b", "/a/../b", "/a%2fb"] {
            assert!(matches!(meaning(bad), Err(NotUnderstood::Path(_))), "{bad}");
        }
    }
}
