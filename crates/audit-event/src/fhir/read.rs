//! An AuditEvent as an event.

use super::datatypes::{coding, concept, period, reference};
use super::instant;
use super::json::Json;
use super::node::Node;
use crate::model::{
    Action, Agent, Called, Detail, Entity, Event, Network, NetworkKind, Outcome, Source, Value,
};
use crate::profile;
use crate::text::{Id, Uri};
use crate::{Coded, Read};

/// The largest resource that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// Why bytes are no AuditEvent: the sender's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// They are no JSON, or some that can be read in two ways.
    #[error("not JSON that is read here: {0}")]
    NotJson(String),
    /// More than is read at once.
    #[error("too many {0}")]
    TooMuch(&'static str),
    /// JSON, but not as R4 has an AuditEvent.
    #[error("{at}: {why}")]
    Wrong {
        /// Where, as FHIRPath.
        at: String,
        /// What is wrong there.
        why: String,
    },
}

impl Error {
    pub(super) fn wrong(at: String, why: &str) -> Self {
        Self::Wrong { at, why: why.to_owned() }
    }
}

/// Reads a resource: JSON of [`MAX_BYTES`] at most, an AuditEvent of R4 in every element that the model has a place for.
///
/// What it has besides is named in [`Read::left_out`]: narrative, extensions, versions of code systems, a `meta` that is more than a
/// profile which the event meets. A coding without a code and a reference without a target are left out, too.
///
/// # Errors
///
/// [`Error`] says where the resource is not what it should be, also where an element changes what all else means. Nothing
/// is made of a resource that is wrong in part.
pub fn read(resource: &[u8]) -> Result<Read, Error> {
    if resource.len() > MAX_BYTES {
        return Err(Error::TooMuch("bytes"));
    }
    let json: Json = serde_json::from_slice(resource).map_err(|error| Error::NotJson(error.to_string()))?;
    let mut left_out = Vec::new();
    let mut node = Node::new("AuditEvent".to_owned(), &json, &mut left_out)?;
    if node.member("resourceType") != Some(&Json::Text("AuditEvent".to_owned())) {
        return Err(node.wrong_in("resourceType", "not AuditEvent"));
    }
    let id = node.spelled("id", Id::exactly, "no id: 1 to 64 letters, digits, - and .")?;
    let kind = node.one("type", required_coding)?;
    let kind = node.required("type", kind)?;
    let recorded =
        node.spelled("recorded", instant::read, "no instant with a zone, as 2026-11-21T20:30:00Z is")?;
    let recorded = node.required("recorded", recorded)?;
    let source = node.one("source", source)?;
    let source = node.required("source", source)?;
    let mut agents = node.all("agent", agent)?.into_iter();
    let first = node.required("agent", agents.next())?;

    let mut event = Event::new(kind, recorded, first, source);
    agents.for_each(|agent| event.add_agent(agent));
    event.id = id;
    event.subtypes = node.all("subtype", coding)?.into_iter().flatten().collect();
    event.action = node.spelled("action", Action::from_code, "none of C, R, U, D, E")?;
    event.period = node.one("period", period)?.flatten();
    event.outcome = node.spelled("outcome", Outcome::from_code, "none of 0, 4, 8, 12")?;
    event.outcome_description = node.text("outcomeDesc")?;
    event.purposes = node.all("purposeOfEvent", concept)?.into_iter().flatten().collect();
    event.entities = node.all("entity", entity)?.into_iter().flatten().collect();
    let meta = node.member("meta");
    if meta.is_some_and(|meta| !is_profile_that_is_met(meta, &event)) {
        node.leave_out("meta")?;
    }
    node.done(&["language", "text", "contained"])?;
    Ok(Read { event, left_out })
}

/// Tells whether `meta` says no more than the writer would.
fn is_profile_that_is_met(meta: &Json, event: &Event) -> bool {
    let Some(profile) = profile::met(event) else { return false };
    let profiles = Json::List(vec![Json::Text(profile.url().to_owned())]);
    *meta == Json::Object(vec![("profile".to_owned(), profiles)])
}

fn required_coding(node: Node<'_, '_>) -> Result<Coded, Error> {
    let at = node.at.clone();
    coding(node)?.ok_or_else(|| Error::wrong(at, "a coding without a code says too little here"))
}

fn agent(mut node: Node<'_, '_>) -> Result<Agent, Error> {
    let requestor = match node.member("requestor") {
        Some(Json::Bool(requestor)) => *requestor,
        Some(_) => return Err(node.wrong_in("requestor", "neither true nor false")),
        None => return Err(node.wrong_in("requestor", "missing")),
    };
    let agent = Agent {
        kind: node.one("type", concept)?.flatten(),
        roles: node.all("role", concept)?.into_iter().flatten().collect(),
        who: node.one("who", reference)?.flatten(),
        alternative_id: node.text("altId")?,
        name: node.text("name")?,
        requestor,
        policies: policies(&mut node)?,
        media: node.one("media", coding)?.flatten(),
        network: node.one("network", network)?.flatten(),
        purposes: node.all("purposeOfUse", concept)?.into_iter().flatten().collect(),
    };
    node.done(&["location"])?;
    Ok(agent)
}

fn policies(node: &mut Node<'_, '_>) -> Result<Vec<Uri>, Error> {
    let policies = node.list("policy")?.iter().map(|policy| match policy {
        Json::Text(text) => Uri::exactly(text),
        _ => None,
    });
    policies.collect::<Option<_>>().ok_or_else(|| node.wrong_in("policy", "empty, with spaces, or no string"))
}

/// Where in a network; a sort of address without an address is left out.
fn network(mut node: Node<'_, '_>) -> Result<Option<Network>, Error> {
    let kind = node.spelled("type", NetworkKind::from_code, "none of 1 to 5")?;
    let Some(address) = node.text("address")? else {
        node.leave_out("")?;
        return Ok(None);
    };
    node.done(&[])?;
    Ok(Some(Network { address, kind }))
}

fn source(mut node: Node<'_, '_>) -> Result<Source, Error> {
    let observer = node.one("observer", reference)?.flatten();
    let source = Source {
        site: node.text("site")?,
        observer: node.required("observer", observer)?,
        types: node.all("type", coding)?.into_iter().flatten().collect(),
    };
    node.done(&[])?;
    Ok(source)
}

/// An entity. One of which nothing is left is none.
fn entity(mut node: Node<'_, '_>) -> Result<Option<Entity>, Error> {
    let called = match (node.text("name")?, node.base64("query")?) {
        (Some(_), Some(_)) => return Err(node.wrong_in("query", "beside a name (sev-1)")),
        (name, query) => name.map(Called::Name).or(query.map(Called::Query)),
    };
    let entity = Entity {
        what: node.one("what", reference)?.flatten(),
        kind: node.one("type", coding)?.flatten(),
        role: node.one("role", coding)?.flatten(),
        lifecycle: node.one("lifecycle", coding)?.flatten(),
        labels: node.all("securityLabel", coding)?.into_iter().flatten().collect(),
        called,
        description: node.text("description")?,
        details: node.all("detail", detail)?,
    };
    node.done(&[])?;
    Ok((entity != Entity::default()).then_some(entity))
}

fn detail(mut node: Node<'_, '_>) -> Result<Detail, Error> {
    let kind = node.text("type")?;
    let kind = node.required("type", kind)?;
    let value = match (node.text("valueString")?, node.base64("valueBase64Binary")?) {
        (Some(_), Some(_)) => return Err(node.wrong_in("value", "there twice")),
        (text, binary) => node.required("value", text.map(Value::Text).or(binary.map(Value::Binary)))?,
    };
    node.done(&[])?;
    Ok(Detail { kind, value })
}
