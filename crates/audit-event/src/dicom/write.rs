//! An event as an audit message.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::spelling::{NOTHING, system_name, user_id, usual_id_type, write_identifier, write_labels};
use crate::coded::{Coded, Concept};
use crate::codes;
use crate::fhir::instant;
use crate::model::{Action, Agent, Called, Entity, Event, NetworkKind, Outcome, Source, Value};
use crate::text::Text;

/// The message that says `event`, one line of XML. Its times are UTC, its order is DICOM's.
///
/// An event of which nobody knows how it ended is spelled as a success: "use if status otherwise unknown or ambiguous"
/// (PS3.15 section A.5.1).
pub fn write(event: &Event) -> String {
    let mut xml = Xml::default();
    xml.open("AuditMessage");
    identification(&mut xml, event);
    for agent in event.agents() {
        participant(&mut xml, agent);
    }
    source(&mut xml, &event.source);
    for entity in event.entities.iter().filter(|entity| says_something(entity)) {
        object(&mut xml, entity);
    }
    xml.close("AuditMessage");
    xml.text
}

fn identification(xml: &mut Xml, event: &Event) {
    xml.open("EventIdentification");
    xml.attribute("EventActionCode", event.action.map(Action::code));
    xml.attribute("EventDateTime", Some(&instant::write(event.recorded)));
    xml.attribute("EventOutcomeIndicator", Some(event.outcome.unwrap_or(Outcome::Success).code()));
    xml.coded("EventID", &event.kind);
    for subtype in &event.subtypes {
        xml.coded("EventTypeCode", subtype);
    }
    if let Some(description) = &event.outcome_description {
        xml.leaf("EventOutcomeDescription", description.as_str());
    }
    for purpose in &event.purposes {
        xml.coded("PurposeOfUse", &one_code(purpose));
    }
    xml.close("EventIdentification");
}

fn participant(xml: &mut Xml, agent: &Agent) {
    xml.open("ActiveParticipant");
    xml.attribute("UserID", Some(user_id(agent.who.as_ref())));
    xml.attribute("AlternativeUserID", agent.alternative_id.as_ref().map(Text::as_str));
    xml.attribute("UserName", agent.name.as_ref().map(Text::as_str));
    xml.attribute("UserIsRequestor", Some(if agent.requestor { "true" } else { "false" }));
    if let Some(network) = &agent.network {
        xml.attribute("NetworkAccessPointID", Some(network.address.as_str()));
        xml.attribute("NetworkAccessPointTypeCode", network.kind.map(NetworkKind::code));
    }
    for role in agent.kind.iter().chain(&agent.roles) {
        xml.coded("RoleIDCode", &one_code(role));
    }
    if let Some(media) = &agent.media {
        xml.open("MediaIdentifier");
        xml.coded("MediaType", media);
        xml.close("MediaIdentifier");
    }
    xml.close("ActiveParticipant");
}

fn source(xml: &mut Xml, source: &Source) {
    xml.open("AuditSourceIdentification");
    xml.attribute("AuditEnterpriseSiteID", source.site.as_ref().map(Text::as_str));
    xml.attribute("AuditSourceID", Some(user_id(Some(&source.observer))));
    for kind in &source.types {
        xml.coded("AuditSourceTypeCode", kind);
    }
    xml.close("AuditSourceIdentification");
}

/// Whether anything of it has a place in an audit message: an id of nothing alone would tell of nothing.
fn says_something(entity: &Entity) -> bool {
    object_id(entity) != NOTHING
        || entity.kind.is_some()
        || role(entity).is_some()
        || lifecycle(entity).is_some()
        || !write_labels(&entity.labels).is_empty()
        || entity.called.is_some()
        || !entity.details.is_empty()
        || entity.description.is_some()
}

fn role(entity: &Entity) -> Option<&str> {
    number(entity.role.as_ref(), codes::OBJECT_ROLE, 24)
}

fn lifecycle(entity: &Entity) -> Option<&str> {
    number(entity.lifecycle.as_ref(), codes::LIFECYCLE, 15)
}

fn object(xml: &mut Xml, entity: &Entity) {
    xml.open("ParticipantObjectIdentification");
    xml.attribute("ParticipantObjectID", Some(&object_id(entity)));
    let other = entity.kind.as_ref().map(|_| codes::OTHER.code);
    xml.attribute("ParticipantObjectTypeCode", number(entity.kind.as_ref(), codes::ENTITY_TYPE, 4).or(other));
    xml.attribute("ParticipantObjectTypeCodeRole", role(entity));
    xml.attribute("ParticipantObjectDataLifeCycle", lifecycle(entity));
    let labels = write_labels(&entity.labels);
    xml.attribute("ParticipantObjectSensitivity", (!labels.is_empty()).then_some(&labels));
    xml.coded("ParticipantObjectIDTypeCode", &id_type(entity));
    match &entity.called {
        Some(Called::Name(name)) => xml.leaf("ParticipantObjectName", name.as_str()),
        Some(Called::Query(query)) => {
            xml.leaf("ParticipantObjectQuery", &BASE64_STANDARD.encode(query.as_bytes()));
        }
        None => {}
    }
    for detail in &entity.details {
        let value = match &detail.value {
            Value::Text(text) => text.as_str().as_bytes(),
            Value::Binary(bytes) => bytes.as_bytes(),
        };
        xml.open("ParticipantObjectDetail");
        xml.attribute("type", Some(detail.kind.as_str()));
        xml.attribute("value", Some(&BASE64_STANDARD.encode(value)));
        xml.close("ParticipantObjectDetail");
    }
    if let Some(description) = &entity.description {
        xml.leaf("ParticipantObjectDescription", description.as_str());
    }
    xml.close("ParticipantObjectIdentification");
}

fn object_id(entity: &Entity) -> String {
    let Some(what) = &entity.what else { return NOTHING.to_owned() };
    what.identifier().map_or_else(|| user_id(Some(what)).to_owned(), write_identifier)
}

/// What an entity's id is: by the identifier's own word, by BALP's, or as it usually is.
fn id_type(entity: &Entity) -> Coded {
    let identifier = entity.what.as_ref().and_then(|what| what.identifier());
    if let Some(kind) = identifier.and_then(|identifier| identifier.kind.as_ref()) {
        return one_code(kind);
    }
    match &entity.kind {
        Some(kind) if identifier.is_some() && kind.is_of(codes::BALP_ENTITY_TYPE) => kind.clone(),
        _ => usual_id_type(entity),
    }
}

/// The code, where it is one of the numbers from 1 to `last` that DICOM has, too.
fn number<'a>(coded: Option<&'a Coded>, system: &str, last: u8) -> Option<&'a str> {
    let code = coded.filter(|coded| coded.is_of(system))?.code();
    let is_a_number = (1..=last).any(|number| number.to_string() == code);
    is_a_number.then_some(code)
}

/// A message has one code for each meaning: the first.
fn one_code(concept: &Concept) -> Coded {
    let told = || Coded::new(None, concept.text().map_or(NOTHING, Text::as_str), None);
    concept.codings().first().cloned().unwrap_or_else(told)
}

/// Text that is growing.
#[derive(Debug)]
struct Xml {
    text: String,
    in_tag: bool,
}

impl Default for Xml {
    fn default() -> Self {
        Self { text: r#"<?xml version="1.0" encoding="UTF-8"?>"#.to_owned(), in_tag: false }
    }
}

impl Xml {
    fn open(&mut self, name: &str) {
        self.end_tag();
        let _ = write!(self.text, "<{name}");
        self.in_tag = true;
    }

    fn attribute(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            let _ = write!(self.text, " {name}=\"");
            self.escape(value);
            self.text.push('"');
        }
    }

    fn close(&mut self, name: &str) {
        if std::mem::take(&mut self.in_tag) {
            self.text.push_str("/>");
        } else {
            let _ = write!(self.text, "</{name}>");
        }
    }

    fn leaf(&mut self, name: &str, value: &str) {
        self.open(name);
        self.end_tag();
        self.escape(value);
        self.close(name);
    }

    fn coded(&mut self, name: &str, coded: &Coded) {
        self.open(name);
        self.attribute("csd-code", Some(coded.code()));
        self.attribute("codeSystemName", Some(system_name(coded.system())));
        let display = coded.display().map(Text::as_str);
        // An original text has to be there; one that only repeats the code says that there is none.
        self.attribute("displayName", display.filter(|display| *display == coded.code()));
        self.attribute("originalText", Some(display.unwrap_or(coded.code())));
        self.close(name);
    }

    fn end_tag(&mut self) {
        if std::mem::take(&mut self.in_tag) {
            self.text.push('>');
        }
    }

    /// Tabs and line ends, too: a reader may turn them into spaces (XML 1.0 sections 2.11 and 3.3.3).
    fn escape(&mut self, value: &str) {
        for char in value.chars() {
            match char {
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '&' => self.text.push_str("&amp;"),
                '"' => self.text.push_str("&quot;"),
                '\t' | '\n' | '\r' => {
                    let _ = write!(self.text, "&#{};", u32::from(char));
                }
                _ => self.text.push(char),
            }
        }
    }
}
