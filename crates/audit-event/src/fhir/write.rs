//! An event as an AuditEvent.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value as Json, json};

use super::instant;
use crate::coded::{Coded, Concept};
use crate::model::{Agent, Called, Detail, Entity, Event, Network, Source, Value};
use crate::profile;
use crate::reference::{Identifier, Reference};
use crate::text::{Text, Uri};

/// The resource that says `event`. `meta.profile` names a profile of BALP where the event meets it.
///
/// Entities that say nothing at all are left out: FHIR has none.
pub fn write(event: &Event) -> Json {
    let mut resource = object("AuditEvent");
    put(&mut resource, "id", event.id.as_ref().map(|id| id.as_str().into()));
    if let Some(profile) = profile::met(event) {
        resource.insert("meta".to_owned(), json!({ "profile": [profile.url()] }));
    }
    put(&mut resource, "type", Some(coding(&event.kind)));
    put_all(&mut resource, "subtype", event.subtypes.iter().map(coding));
    put(&mut resource, "action", event.action.map(|action| action.code().into()));
    put(
        &mut resource,
        "period",
        event.period.map(|period| {
            let mut said = Map::new();
            put(&mut said, "start", period.start().map(|time| instant::write(time).into()));
            put(&mut said, "end", period.end().map(|time| instant::write(time).into()));
            said.into()
        }),
    );
    put(&mut resource, "recorded", Some(instant::write(event.recorded).into()));
    put(&mut resource, "outcome", event.outcome.map(|outcome| outcome.code().into()));
    put(&mut resource, "outcomeDesc", event.outcome_description.as_ref().map(text));
    put_all(&mut resource, "purposeOfEvent", event.purposes.iter().map(concept));
    put_all(&mut resource, "agent", event.agents().iter().map(agent));
    put(&mut resource, "source", Some(source(&event.source)));
    let says_something = |entity: &&Entity| **entity != Entity::default();
    put_all(&mut resource, "entity", event.entities.iter().filter(says_something).map(entity));
    resource.into()
}

fn agent(agent: &Agent) -> Json {
    let mut said = Map::new();
    put(&mut said, "type", agent.kind.as_ref().map(concept));
    put_all(&mut said, "role", agent.roles.iter().map(concept));
    put(&mut said, "who", agent.who.as_ref().map(reference));
    put(&mut said, "altId", agent.alternative_id.as_ref().map(text));
    put(&mut said, "name", agent.name.as_ref().map(text));
    put(&mut said, "requestor", Some(agent.requestor.into()));
    put_all(&mut said, "policy", agent.policies.iter().map(uri));
    put(&mut said, "media", agent.media.as_ref().map(coding));
    put(&mut said, "network", agent.network.as_ref().map(network));
    put_all(&mut said, "purposeOfUse", agent.purposes.iter().map(concept));
    said.into()
}

fn network(network: &Network) -> Json {
    let mut said = Map::new();
    put(&mut said, "address", Some(text(&network.address)));
    put(&mut said, "type", network.kind.map(|kind| kind.code().into()));
    said.into()
}

fn source(source: &Source) -> Json {
    let mut said = Map::new();
    put(&mut said, "site", source.site.as_ref().map(text));
    put(&mut said, "observer", Some(reference(&source.observer)));
    put_all(&mut said, "type", source.types.iter().map(coding));
    said.into()
}

fn entity(entity: &Entity) -> Json {
    let mut said = Map::new();
    put(&mut said, "what", entity.what.as_ref().map(reference));
    put(&mut said, "type", entity.kind.as_ref().map(coding));
    put(&mut said, "role", entity.role.as_ref().map(coding));
    put(&mut said, "lifecycle", entity.lifecycle.as_ref().map(coding));
    put_all(&mut said, "securityLabel", entity.labels.iter().map(coding));
    match &entity.called {
        Some(Called::Name(name)) => put(&mut said, "name", Some(text(name))),
        Some(Called::Query(query)) => {
            put(&mut said, "query", Some(BASE64_STANDARD.encode(query.as_bytes()).into()));
        }
        None => {}
    }
    put(&mut said, "description", entity.description.as_ref().map(text));
    put_all(&mut said, "detail", entity.details.iter().map(detail));
    said.into()
}

fn detail(detail: &Detail) -> Json {
    let mut said = Map::new();
    put(&mut said, "type", Some(text(&detail.kind)));
    match &detail.value {
        Value::Text(value) => put(&mut said, "valueString", Some(text(value))),
        Value::Binary(value) => {
            put(&mut said, "valueBase64Binary", Some(BASE64_STANDARD.encode(value.as_bytes()).into()));
        }
    }
    said.into()
}

fn coding(coded: &Coded) -> Json {
    let mut said = Map::new();
    put(&mut said, "system", coded.system().map(uri));
    put(&mut said, "code", Some(coded.code().into()));
    put(&mut said, "display", coded.display().map(text));
    said.into()
}

fn concept(concept: &Concept) -> Json {
    let mut said = Map::new();
    put_all(&mut said, "coding", concept.codings().iter().map(coding));
    put(&mut said, "text", concept.text().map(text));
    said.into()
}

fn reference(reference: &Reference) -> Json {
    let mut said = Map::new();
    put(&mut said, "reference", reference.literal().map(text));
    put(&mut said, "type", reference.kind().map(uri));
    put(&mut said, "identifier", reference.identifier().map(identifier));
    put(&mut said, "display", reference.display().map(text));
    said.into()
}

fn identifier(identifier: &Identifier) -> Json {
    let mut said = Map::new();
    put(&mut said, "type", identifier.kind.as_ref().map(concept));
    put(&mut said, "system", identifier.system.as_ref().map(uri));
    put(&mut said, "value", Some(text(&identifier.value)));
    said.into()
}

fn object(resource_type: &str) -> Map<String, Json> {
    Map::from_iter([("resourceType".to_owned(), resource_type.into())])
}

fn text(text: &Text) -> Json {
    text.as_str().into()
}

fn uri(uri: &Uri) -> Json {
    uri.as_str().into()
}

fn put(object: &mut Map<String, Json>, name: &str, value: Option<Json>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value);
    }
}

/// FHIR has no empty lists.
fn put_all(object: &mut Map<String, Json>, name: &str, values: impl Iterator<Item = Json>) {
    let values: Vec<Json> = values.collect();
    put(object, name, (!values.is_empty()).then_some(values.into()));
}
