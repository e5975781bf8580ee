//! Kind `fhir`: a FHIR R4 server, in JSON.
//!
//! A request is read completely, entry by entry where it is a Bundle (`crates/fhir`); each part must be granted,
//! and the upstream is asked only what was written here, for JSON that is not packed. What comes back is read
//! before it leaves: which types it holds, and which patients it names.

pub mod inspect;
mod permit;

use std::sync::Arc;

use ::fhir::{Asked as Sent, Body, NotUnderstood as NotRead, Part};
use bytes::Bytes;
use http::header::{
    ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
};
use http::{HeaderMap, HeaderValue, Method};

pub use self::permit::Selection;
use super::{BodyWanted, Concerns, Effect, Entry, Forward, Meaning, NotUnderstood, Request, Settings, Unfit};
use crate::base::once::Once;
use crate::flows::admit::Require;
use crate::flows::record::{About, Asked, Interaction};

const IF_NONE_EXIST: HeaderName = HeaderName::from_static("if-none-exist");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The client's fields that say under which conditions something is done (R4 sections 3.1.0.1.9, 3.1.0.5), and what
/// it wants back.
const CONDITIONS: [HeaderName; 4] = [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, PREFER];

/// A FHIR server.
#[derive(Debug, Clone, Copy)]
pub struct Fhir {
    /// No request is understood before somebody says who they are.
    asks_first: bool,
}

impl Fhir {
    /// Takes what was decided.
    pub(super) fn new(settings: &Settings) -> Result<Self, Unfit> {
        // Without `..`, so that whoever adds a decision decides here, too.
        let Settings {
            path: _,
            stands_elsewhere_too,
            reads_folder,
            upstream_has_path: _,
            require,
            fdsn,
            upstream_is_told: _,
            existing_keys,
        } = settings;
        if !fdsn.is_empty() {
            return Err(Unfit::OF_FDSN);
        }
        if *stands_elsewhere_too {
            return Err(Unfit("a FHIR service stands at one path: references in its answers lead there"));
        }
        if existing_keys.is_some() {
            return Err(Unfit::OF_CKAN);
        }
        if *reads_folder {
            return Err(Unfit("a folder is no FHIR server: name one as upstream"));
        }
        if *require == Require::default() {
            return Err(Unfit(
                "require is missing or empty: say who may enter, as in require = [\"node\"] or [\"node\", \"user\"]",
            ));
        }
        Ok(Self { asks_first: require.person && !require.either })
    }

    /// Clients that wait for the challenge send no body before it, and without one a change means nothing.
    pub(super) fn challenges_first(self) -> bool {
        self.asks_first
    }

    /// Turns a request into its meaning.
    pub(super) fn meaning(request: Request<'_>) -> Result<Meaning, NotUnderstood> {
        let Request { method, rest, query, fields, body, websocket: _ } = request;
        let (accept, prefer) = (joined(fields, &ACCEPT)?, joined(fields, &PREFER)?);
        if joined(fields, &CONTENT_ENCODING)?.is_some_and(|coding| coding != "identity") {
            return Err(NotUnderstood::MediaType("a body that is packed cannot be read".into()));
        }
        let sent = Sent {
            method: method.as_str(),
            path: rest,
            query,
            accept: accept.as_deref(),
            content_type: only(fields, &CONTENT_TYPE)?,
            if_none_exist: only(fields, &IF_NONE_EXIST)?,
            prefer: prefer.as_deref(),
            body,
        };
        let request = ::fhir::Request::read(&sent)?;
        let forward = forward(&request, method, fields, body);
        let effect = if request.changes() { Effect::Change } else { Effect::Read };
        // A Bundle is about what its entries are about: each of them is recorded.
        let (what, about) = match (request.bundle, request.parts.as_slice()) {
            (None, [part]) => (part.pattern.clone(), about(part)),
            _ => ("/".into(), About::default()),
        };
        let concerns = Concerns::Resources(Box::new(Selection { request: Arc::new(request), forward }));
        Ok(Meaning { what, about, entry: Entry::Required, effect, concerns })
    }
}

/// How much of a body is read.
pub(super) fn body(method: &Method) -> BodyWanted {
    if ::fhir::has_body(method.as_str()) { BodyWanted::Whole(::fhir::MAX_BODY) } else { BodyWanted::Nothing }
}

/// Whom a part names.
fn about(part: &Part) -> About {
    About {
        target: Some(part.target.clone()),
        patients: part.patients.iter().map(ToString::to_string).collect(),
    }
}

/// What a part is, in words that name nobody.
fn asked(part: &Part) -> Asked {
    let operation = match &part.interaction {
        ::fhir::Interaction::Operation(name) => Some(name.clone()),
        _ => None,
    };
    Asked::Interaction(Interaction {
        interaction: part.interaction.code().into(),
        operation,
        resource: part.kind.map(|kind| kind.to_string()),
        entries: None,
    })
}

fn forward(request: &::fhir::Request, method: &Method, fields: &HeaderMap, body: &Bytes) -> Forward {
    let (body, content_type) = match &request.body {
        Body::Nothing => (Bytes::new(), None),
        Body::AsItCame(kind) => (body.clone(), Some(*kind)),
        Body::Form(form) => (Bytes::copy_from_slice(form.as_bytes()), Some(::fhir::FORM)),
    };
    let mut own = HeaderMap::new();
    own.insert(ACCEPT, HeaderValue::from_static(::fhir::JSON));
    for name in &CONDITIONS {
        for value in fields.get_all(name) {
            own.append(name, value.clone());
        }
    }
    let criteria = request.if_none_exist.as_ref().and_then(|criteria| HeaderValue::try_from(criteria).ok());
    own.extend(criteria.map(|criteria| (IF_NONE_EXIST, criteria)));
    Forward {
        method: method.clone(),
        target: request.target.clone(),
        body,
        content_type,
        with_conditions: false,
        fields: own,
        websocket: false,
    }
}

/// All values of a field, as one list (RFC 9110 section 5.3).
fn joined(fields: &HeaderMap, name: &HeaderName) -> Result<Option<String>, NotUnderstood> {
    let values = fields.get_all(name).iter().map(|value| value.to_str());
    let values: Vec<&str> = values
        .collect::<Result<_, _>>()
        .map_err(|_| NotUnderstood::Request(format!("the field {name} is no plain text")))?;
    Ok((!values.is_empty()).then(|| values.join(", ")))
}

/// The value of a field that stands there once.
fn only<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, NotUnderstood> {
    let wrong = |what: &str| NotUnderstood::Request(format!("the field {name} {what}"));
    match Once::of(fields, name) {
        Once::No => Ok(None),
        Once::One(value) => value.to_str().map(Some).map_err(|_| wrong("is no plain text")),
        Once::Several => Err(wrong("stands there twice")),
    }
}

impl From<NotRead> for NotUnderstood {
    fn from(why: NotRead) -> Self {
        let said = why.to_string();
        match why {
            NotRead::Method { method, allowed } => Self::Method { method, allowed },
            NotRead::Path(_) => Self::Nowhere(said),
            NotRead::NotAcceptable(_) => Self::NotAcceptable(said),
            NotRead::MediaType(_) => Self::MediaType(said),
            NotRead::Parameter(_) | NotRead::Body(_) => Self::Request(said),
            NotRead::TooMuch(_) => Self::TooMuch(said),
        }
    }
}
