//! A request, read completely: what it asks for, part by part, and how the upstream is asked for that.

use crate::form::{FORM, JSON, PATCH, check_accepted, content_type};
use crate::json::{At, Fields, Found, Seen};
use crate::part::{Sent, part};
use crate::path::{Place, Scope};
use crate::query::Query;
use crate::walk::{Entries, Step, Walk};
use crate::{NotJson, NotUnderstood, Part, Reach, ResourceType, bundle};

/// Longest body that is read, in bytes.
pub const MAX_BODY: usize = 16 * 1024 * 1024;

/// A request as it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// How.
    pub method: &'a str,
    /// Below the service's path, not decoded; empty or with a slash before it.
    pub path: &'a str,
    /// What follows the question mark, not decoded.
    pub query: Option<&'a str>,
    /// `Accept`
    pub accept: Option<&'a str>,
    /// `Content-Type`
    pub content_type: Option<&'a str>,
    /// `If-None-Exist` (R4 section 3.1.0.8.1)
    pub if_none_exist: Option<&'a str>,
    /// `Prefer`
    pub prefer: Option<&'a str>,
    /// All of the body.
    pub body: &'a [u8],
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Each thing that it asks for: one, or as many as a Bundle has entries.
    pub parts: Vec<Part>,
    /// Whether it is a Bundle.
    pub bundle: Option<Bundle>,
    /// What the upstream is asked, below the service.
    pub target: String,
    /// What is sent along.
    pub body: Body,
    /// `If-None-Exist` as it is sent.
    pub if_none_exist: Option<String>,
}

/// What becomes of a Bundle's entries when one of them fails (R4 section 3.1.0.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bundle {
    /// The others go on.
    Batch,
    /// None is done.
    Transaction,
}

/// What is sent along with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Nothing,
    /// The body that came, of this content type: it can be read in one way only.
    AsItCame(&'static str),
    /// A form, written anew.
    Form(String),
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// [`NotUnderstood`], whoever asks.
    pub fn read(asked: &Asked<'_>) -> Result<Self, NotUnderstood> {
        if asked.body.len() > MAX_BODY {
            return Err(NotUnderstood::TooMuch(format!("the body is longer than {MAX_BODY} bytes")));
        }
        let place = Place::read(asked.path)?;
        let mut query = Query::read(asked.query.unwrap_or_default())?;
        check_accepted(asked.accept, &query)?;
        // Its answer would be fetched elsewhere, later.
        if asked.prefer.is_some_and(|prefer| prefer.to_ascii_lowercase().contains("respond-async")) {
            return Err(NotUnderstood::Parameter(
                "Prefer: respond-async is not taken: wait for the answer".into(),
            ));
        }
        query.keep(|name| name != "_format");
        if asked.method == "POST" && place == Place::Base {
            return Self::bundle(asked, &query);
        }
        Self::one(asked, &place, &query)
    }

    fn bundle(asked: &Asked<'_>, query: &Query) -> Result<Self, NotUnderstood> {
        if !query.is_empty() {
            return Err(NotUnderstood::Parameter("a Bundle takes no parameters but _format".into()));
        }
        let form = content_type(asked.content_type, &[JSON])?;
        let (kind, parts) = bundle::read(asked.body)?;
        Ok(Self {
            parts,
            bundle: Some(kind),
            target: "/".into(),
            body: Body::AsItCame(form),
            if_none_exist: None,
        })
    }

    fn one(asked: &Asked<'_>, place: &Place, query: &Query) -> Result<Self, NotUnderstood> {
        let target = written(place, query);
        let if_none_exist = asked.if_none_exist.map(Query::read).transpose()?;
        let mut criteria = query.clone();
        let mut sent = Sent::default();
        let body = match (asked.method, place) {
            ("POST", Place::Search(_)) => {
                let form = form(asked)?;
                criteria.append(&form);
                Body::Form(form.write())
            }
            ("POST", Place::Operation(..)) if asked.body.is_empty() => Body::Nothing,
            ("POST" | "PUT", _) => {
                let form = content_type(asked.content_type, &[JSON])?;
                sent = resource(asked.body)?;
                Body::AsItCame(form)
            }
            ("PATCH", _) => {
                let form = content_type(asked.content_type, &[PATCH, JSON])?;
                sent = if form == PATCH { patch(asked.body)? } else { resource(asked.body)? };
                Body::AsItCame(form)
            }
            _ if asked.body.is_empty() => Body::Nothing,
            _ => return Err(NotUnderstood::Body(format!("{} takes none", asked.method))),
        };
        // Its target says what a form asks for, too, as if that stood behind the question mark.
        let part = part(asked.method, place, &criteria, if_none_exist.as_ref(), sent)?;
        let if_none_exist = if_none_exist.map(|criteria| criteria.write());
        Ok(Self { parts: vec![part], bundle: None, target, body, if_none_exist })
    }

    /// Tells whether it may change something. A Bundle counts as if it did.
    pub fn changes(&self) -> bool {
        self.bundle.is_some() || self.parts.iter().any(|part| part.interaction.changes())
    }

    /// Tells whether an answer may hold a resource of the type with this name. Any may say what went
    /// wrong, and what holds others is judged by these.
    pub fn may_give(&self, kind: &str) -> bool {
        let Some(kind) = ResourceType::named(kind) else {
            // A type that R4 does not have is nobody's to grant.
            return self.parts.iter().any(|part| part.gives == Reach::Every);
        };
        [ResourceType::OPERATION_OUTCOME, ResourceType::BUNDLE].contains(&kind)
            || self.parts.iter().any(|part| part.gives.has(kind))
    }
}

/// Writes a path below the service without what could name somebody, also one that leads nowhere.
pub fn pattern(path: &str) -> String {
    Place::read(path).map_or_else(|_| "/?".into(), |place| place.pattern())
}

/// Writes what is asked of the upstream.
pub(crate) fn written(place: &Place, query: &Query) -> String {
    if query.is_empty() { place.to_string() } else { format!("{place}?{}", query.write()) }
}

/// Tells whether a body is wanted of a request like this; of others it is dropped.
pub fn has_body(method: &str) -> bool {
    ["POST", "PUT", "PATCH"].contains(&method)
}

fn form(asked: &Asked<'_>) -> Result<Query, NotUnderstood> {
    if asked.body.is_empty() {
        return Ok(Query::default());
    }
    content_type(asked.content_type, &[FORM])?;
    let text = std::str::from_utf8(asked.body).map_err(|_| NotUnderstood::Body("it is not UTF-8".into()))?;
    let mut form = Query::read(text)?;
    check_accepted(asked.accept, &form)?;
    form.keep(|name| name != "_format");
    Ok(form)
}

/// Reads one resource.
fn resource(body: &[u8]) -> Result<Sent, NotUnderstood> {
    let mut walk = Walk::new(Entries::OfBundles);
    walk.found = Found::in_request();
    walk.push(body);
    let read = (|| {
        while !matches!(walk.step()?, Step::Waits) {}
        walk.finish()
    })();
    read.map_err(not_json)?;
    let Walk { fields, found, .. } = walk;
    Ok(Sent { resource: Some(Box::new(fields)), found })
}

/// Reads a patch (RFC 6902).
fn patch(body: &[u8]) -> Result<Sent, NotUnderstood> {
    let mut found = Found::in_request();
    match crate::json::read(body, At::TOP, 0, &mut found).map_err(not_json)? {
        Seen::List(_) => Ok(Sent { resource: None::<Box<Fields>>, found }),
        Seen::Object(_) | Seen::Text(_) | Seen::Other => {
            Err(NotUnderstood::Body("a JSON Patch is a list of operations".into()))
        }
    }
}

pub(crate) fn not_json(error: NotJson) -> NotUnderstood {
    NotUnderstood::Body(error.to_string())
}

/// The methods that mean something at a place.
pub(crate) fn allowed(place: &Place) -> &'static str {
    match place {
        Place::Metadata | Place::History(_) | Place::Version(..) | Place::Compartment(..) => "GET, HEAD",
        Place::Search(_) => "POST",
        Place::Operation(Scope::Compartment(..), _) => "",
        Place::Base | Place::Operation(..) => "GET, HEAD, POST",
        Place::Type(_) => "GET, HEAD, POST, PUT, PATCH, DELETE",
        Place::Instance(..) => "GET, HEAD, PUT, PATCH, DELETE",
    }
}
