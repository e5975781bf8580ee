//! Who took part, who saw it, and what it was about, as a message says it.

use super::read::{Error, Part, text};
use super::spelling::{NOTHING, read_identifier, read_labels, same, usual_id_type};
use crate::coded::{Coded, Concept};
use crate::codes;
use crate::model::{Agent, Called, Detail, Entity, Network, NetworkKind, Source, Value};
use crate::reference::{Identifier, Reference};
use crate::text::{Octets, Text, Uri};

pub(super) fn participant(mut part: Part<'_, '_>) -> Result<Agent, Error> {
    let who = reference(part.required("UserID")?);
    let alternative_id = part.attribute("AlternativeUserID").and_then(Text::exactly);
    let name = part.attribute("UserName").and_then(Text::exactly);
    // RFC 3881 section 5.2.4: without a word, it was the one who asked.
    let requestor = match part.attribute("UserIsRequestor") {
        None | Some("true" | "1") => true,
        Some("false" | "0") => false,
        Some(_) => return Err(part.wrong("@UserIsRequestor is neither true nor false")),
    };
    let network = network(&mut part)?;
    let mut roles = part.all("RoleIDCode", |mut code| Ok(Concept::from(code.coded()?)))?.into_iter();
    let kind = roles.next();
    let roles: Vec<_> = roles.collect();
    let media = part.all("MediaIdentifier", |mut media| {
        let kind = media.one("MediaType")?.coded()?;
        media.done()?;
        Ok(kind)
    })?;
    if media.len() > 1 {
        return Err(part.wrong("more than one MediaIdentifier"));
    }
    part.done()?;
    let media = media.into_iter().next();
    Ok(Agent { kind, roles, who, alternative_id, name, requestor, media, network, ..Agent::default() })
}

fn network(part: &mut Part<'_, '_>) -> Result<Option<Network>, Error> {
    let address = part.attribute("NetworkAccessPointID").and_then(Text::exactly);
    let kind = part.attribute("NetworkAccessPointTypeCode").map(NetworkKind::from_code);
    if kind == Some(None) {
        return Err(part.wrong("@NetworkAccessPointTypeCode is none of 1 to 5"));
    }
    Ok(address.map(|address| Network { address, kind: kind.flatten() }))
}

pub(super) fn source(mut part: Part<'_, '_>) -> Result<Source, Error> {
    let site = part.attribute("AuditEnterpriseSiteID").and_then(Text::exactly);
    let id = part.required("AuditSourceID")?;
    let observer = reference(id).unwrap_or_else(|| Reference::called(NOTHING));
    // A widely used sender has the type in attributes of this element.
    let of_its_own = part.coded_if_any();
    let mut types = part.all("AuditSourceTypeCode", |mut code| {
        let coded = code.coded_if_any();
        // RFC 3881, and early DICOM, have it as text.
        let spelled = code.raw_text().trim();
        let coded = coded.or_else(|| (!spelled.is_empty()).then(|| Coded::new(None, spelled, None)));
        let coded = coded.ok_or_else(|| code.wrong("no @csd-code"))?;
        code.done()?;
        Ok(coded)
    })?;
    types.extend(of_its_own);
    part.done()?;
    Ok(Source {
        site,
        observer,
        types: types.into_iter().map(|kind| with_system(kind, codes::SOURCE_TYPE, 9)).collect(),
    })
}

/// A number from 1 to `last` without a system is one of `system`, as RFC 3881 has it.
fn with_system(coded: Coded, system: &str, last: u8) -> Coded {
    let is_a_number = (1..=last).any(|number| number.to_string() == coded.code());
    if coded.system().is_none() && is_a_number {
        Coded::new(Uri::some(system), coded.code(), coded.display().cloned())
    } else {
        coded
    }
}

/// An object. One that says nothing is none.
pub(super) fn object(mut part: Part<'_, '_>) -> Result<Option<Entity>, Error> {
    let mut entity = Entity {
        kind: number(&mut part, "ParticipantObjectTypeCode", codes::ENTITY_TYPE, 4)?,
        role: number(&mut part, "ParticipantObjectTypeCodeRole", codes::OBJECT_ROLE, 24)?,
        lifecycle: number(&mut part, "ParticipantObjectDataLifeCycle", codes::LIFECYCLE, 15)?,
        labels: read_labels(part.attribute("ParticipantObjectSensitivity").unwrap_or_default()),
        ..Entity::default()
    };
    let id = part.required("ParticipantObjectID")?;
    let id_type = with_system(part.one("ParticipantObjectIDTypeCode")?.coded()?, codes::RFC_3881, 12);
    let mut called = part.all("ParticipantObjectName", |name| Ok(text(name)?.map(Called::Name)))?;
    called.extend(part.all("ParticipantObjectQuery", |mut query| {
        query.done()?;
        Ok(Octets::some(query.base64(query.raw_text())?).map(Called::Query))
    })?);
    if called.len() > 1 {
        return Err(part.wrong("more than one ParticipantObjectName or ParticipantObjectQuery"));
    }
    entity.called = called.into_iter().flatten().next();
    let details = part.all("ParticipantObjectDetail", detail)?;
    entity.details = details.into_iter().flatten().collect();
    let descriptions = part.all("ParticipantObjectDescription", text)?;
    let descriptions: Vec<_> = descriptions.iter().flatten().map(Text::as_str).collect();
    entity.description = Text::exactly(&descriptions.join("\n"));
    part.done()?;
    meant(&mut entity, id, id_type);
    if entity == Entity::default() {
        part.leave_out();
        return Ok(None);
    }
    Ok(Some(entity))
}

/// Says of an entity what is meant by its id.
fn meant(entity: &mut Entity, id: &str, id_type: Coded) {
    if id.trim().is_empty() || id == NOTHING {
        return;
    }
    if id_type.is(codes::URI) {
        entity.what = Text::exactly(id).map(Reference::to);
        return;
    }
    let identifier = read_identifier(id);
    if id_type.is_of(codes::BALP_ENTITY_TYPE) {
        entity.what = Some(Reference::known_as(identifier));
        entity.kind = Some(id_type);
        return;
    }
    entity.what = Some(Reference::known_as(identifier.clone()));
    if !same(&id_type, &usual_id_type(entity)) {
        let kind = Some(Concept::from(id_type));
        entity.what = Some(Reference::known_as(Identifier { kind, ..identifier }));
    }
}

fn detail(mut part: Part<'_, '_>) -> Result<Option<Detail>, Error> {
    let kind = Text::from(part.required("type")?);
    let value = part.required("value")?;
    let bytes = part.base64(value)?;
    part.done()?;
    let text = str::from_utf8(&bytes).ok().and_then(Text::exactly).map(Value::Text);
    let value = text.or_else(|| Octets::some(bytes).map(Value::Binary));
    Ok(value.map(|value| Detail { kind, value }))
}

/// One of the numbers from 1 to `last`.
fn number(
    part: &mut Part<'_, '_>,
    name: &'static str,
    system: &str,
    last: u8,
) -> Result<Option<Coded>, Error> {
    let Some(code) = part.attribute(name) else { return Ok(None) };
    if !(1..=last).any(|number| number.to_string() == code) {
        return Err(part.wrong(&format!("@{name} is no number from 1 to {last}")));
    }
    Ok(Some(Coded::new(Uri::some(system), code, None)))
}

fn reference(id: &str) -> Option<Reference> {
    let id = Text::exactly(id).filter(|id| id.as_str() != NOTHING && !id.as_str().trim().is_empty());
    id.map(|id| Reference::known_as(Identifier::from(id)))
}
