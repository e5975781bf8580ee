//! Kind `plain`: a path names a thing; whoever may enter may do with it what its upstream can.

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{BodyWanted, Concerns, Effect, Entry, Forward, Meaning, NotUnderstood, Request, Settings, Unfit};
use crate::base::target;
use crate::flows::admit::Require;
use crate::flows::record::About;

/// What stands in a path as it is (RFC 3986 section 3.3); all else is encoded.
pub(super) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// A service that is read, and where a server is behind it written, by path.
#[derive(Debug, Clone)]
pub struct Plain {
    reads_folder: bool,
    /// What tells its paths apart in records, where it has several.
    recorded_below: String,
}

impl Plain {
    /// Takes what was decided.
    pub(super) fn new(settings: &Settings) -> Result<Self, Unfit> {
        // Without `..`, so that whoever adds a decision decides here, too.
        let Settings {
            path,
            stands_elsewhere_too,
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
        if existing_keys.is_some() {
            return Err(Unfit::OF_CKAN);
        }
        if *reads_folder && upstream_is_told.identity {
            return Err(Unfit("a folder is told nothing of whoever asks: identify_as is for an HTTP server"));
        }
        if *require == Require::default() {
            return Err(Unfit(
                "require is missing or empty: say who may enter, as in require = [\"login\"], [\"user\"] or [\"node\"]",
            ));
        }
        let recorded_below = if *stands_elsewhere_too { path.prefix() } else { "" }.to_owned();
        Ok(Self { reads_folder: *reads_folder, recorded_below })
    }

    pub(super) fn body(&self, method: &Method) -> BodyWanted {
        if self.reads_folder || is_read(method) { BodyWanted::Nothing } else { BodyWanted::Streamed }
    }

    /// Reads the path; it is decoded once and must then be plain (RFC 3986 section 6.2.2).
    pub(super) fn meaning(&self, request: Request<'_>) -> Result<Meaning, NotUnderstood> {
        let Request { method, rest, query, websocket, fields: _, body: _ } = request;
        // A folder goes on as nothing else.
        let websocket = websocket && !self.reads_folder;
        let allowed = if self.reads_folder { "GET, HEAD" } else { "GET, HEAD, POST, PUT, PATCH, DELETE" };
        if !allowed.split(", ").any(|name| name == method.as_str()) {
            return Err(NotUnderstood::Method { method: method.to_string(), allowed });
        }
        let path = target::decoded(rest).map_err(|target::Ambiguous(why)| NotUnderstood::Path(why))?;
        let mut target = utf8_percent_encode(&path, ENCODED).to_string();
        let what = format!("{}{path}", self.recorded_below);
        let mut about = About::default();
        // A folder has no use for a query; a server behind us gets it as it came. It may hold a name, or what opens
        // something there: it is recorded where it can be erased.
        if let Some(query) = query.filter(|_| !self.reads_folder) {
            target = format!("{target}?{query}");
            about.target = Some(format!("{what}?{query}"));
        }
        let forward = Forward {
            method: method.clone(),
            target,
            body: Bytes::new(),
            content_type: None,
            with_conditions: true,
            fields: HeaderMap::new(),
            websocket,
        };
        // What is said on a websocket nobody here understands: it may change anything.
        let effect = if is_read(method) && !websocket { Effect::Read } else { Effect::Change };
        Ok(Meaning { what, about, entry: Entry::Required, effect, concerns: Concerns::Service(forward) })
    }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(plain: &Plain, method: &Method, rest: &str) -> Result<Meaning, NotUnderstood> {
        plain.meaning(Request {
            method,
            rest,
            query: Some("a=%20"),
            fields: &HeaderMap::new(),
            body: &Bytes::new(),
            websocket: false,
        })
    }

    #[test]
    fn a_path_has_one_reading_or_none() {
        let folder = Plain { reads_folder: true, recorded_below: String::new() };
        assert_eq!(meaning(&folder, &Method::GET, "/a%20b/c").unwrap().what, "/a b/c");
        for bad in [
            "/..",
            "/a/../b",
            "/%2e%2e/x",
            "/a%2fb",
            "/a//b",
            "/a\\..",
            "/a%5c",
            "/a%00",
            "/%ff",
            "/.",
            "/%2E/",
        ] {
            assert!(matches!(meaning(&folder, &Method::GET, bad), Err(NotUnderstood::Path(_))), "{bad}");
        }
    }

    #[test]
    fn a_folder_is_only_read() {
        let folder = Plain { reads_folder: true, recorded_below: String::new() };
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
            assert!(matches!(meaning(&folder, &method, "/a"), Err(NotUnderstood::Method { .. })), "{method}");
        }
    }

    #[test]
    fn a_server_behind_us_is_asked_in_one_spelling_and_a_change_is_known_as_one() {
        let server = Plain { reads_folder: false, recorded_below: String::new() };
        let read = meaning(&server, &Method::GET, "/%61%20b?").map(|meaning| meaning.concerns);
        let Ok(Concerns::Service(forward)) = read else { panic!("{read:?}") };
        assert_eq!(forward.target, "/a%20b%3F?a=%20");
        let Meaning { what, about, .. } = meaning(&server, &Method::GET, "/%61%20b").unwrap();
        assert_eq!((what.as_str(), about.target.as_deref()), ("/a b", Some("/a b?a=%20")));
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(meaning(&server, &method, "/a").unwrap().effect, Effect::Change, "{method}");
        }
    }
}
