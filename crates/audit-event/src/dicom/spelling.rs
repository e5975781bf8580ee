//! How codes and identifiers are spelled in a message, both ways.

use crate::coded::Coded;
use crate::codes::{self, Code};
use crate::model::{Called, Entity};
use crate::reference::{Identifier, Reference};
use crate::text::{Text, Uri};

/// Systems that have names of their own here: their addresses, names, and object identifiers.
const NAMES: [(&str, &str, &str); 2] =
    [(codes::DCM, "DCM", "1.2.840.10008.2.16.4"), (codes::RFC_3881, "RFC-3881", "")];

/// What a message says where something has to stand and nothing is known.
pub(super) const NOTHING: &str = "-";

/// The codeSystemName of a system.
pub(super) fn system_name(system: Option<&Uri>) -> &str {
    let address = system.map_or("", Uri::as_str);
    NAMES.iter().find(|(uri, ..)| *uri == address).map_or(address, |(_, name, _)| name)
}

/// The system with this codeSystemName, or else with this object identifier.
pub(super) fn system(name: &str, oid: &str) -> Option<Uri> {
    let is_known = |entry: &&(&str, &str, &str)| {
        entry.1 == name || (!oid.is_empty() && (entry.2 == oid || entry.2 == name))
    };
    if let Some((address, ..)) = NAMES.iter().find(is_known) {
        return Uri::some(address);
    }
    Uri::some(name)
        .or_else(|| Uri::some(oid).map(|oid| Uri::from(format!("urn:oid:{}", oid.as_str()).as_str())))
}

/// Which sort of identifier it is that `entity` is meant by, where the identifier does not say so itself.
pub(super) fn usual_id_type(entity: &Entity) -> Coded {
    let plays = |role: Code| entity.role.as_ref().is_some_and(|coded| coded.is(role));
    let is_a = |kind: Code| entity.kind.as_ref().is_some_and(|coded| coded.is(kind));
    match &entity.what {
        None if matches!(entity.called, Some(Called::Query(_))) => codes::SEARCH_CRITERIA.into(),
        Some(what) if what.identifier().is_none() && what.literal().is_some() => codes::URI.into(),
        Some(_) if plays(codes::ROLE_PATIENT) => codes::PATIENT_NUMBER.into(),
        Some(_) if is_a(codes::PERSON) => codes::USER_IDENTIFIER.into(),
        _ => codes::UNSPECIFIED.into(),
    }
}

/// Tells whether these codes mean the same.
pub(super) fn same(one: &Coded, other: &Coded) -> bool {
    one.system() == other.system() && one.code() == other.code()
}

/// An identifier with its system, as HL7 v2 has it (CX): `7^^^&1.2.3&ISO`. Without one it stands alone.
pub(super) fn write_identifier(identifier: &Identifier) -> String {
    let value = identifier.value.as_str();
    let Some(system) = identifier.system.as_ref().map(Uri::as_str) else { return value.to_owned() };
    match system.strip_prefix("urn:oid:") {
        Some(oid) => format!("{}^^^&{}&ISO", escaped(value), escaped(oid)),
        None => format!("{}^^^&{}&URI", escaped(value), escaped(system)),
    }
}

/// The identifier that is spelled so.
pub(super) fn read_identifier(spelled: &str) -> Identifier {
    let with_system = || {
        let (value, rest) = spelled.split_once("^^^&")?;
        let (system, kind) = rest.rsplit_once('&')?;
        if value.is_empty() || value.contains(['^', '&']) || system.contains(['^', '&']) {
            return None;
        }
        let system = unescaped(system);
        let system = match kind {
            "ISO" => Uri::exactly(&format!("urn:oid:{system}"))?,
            "URI" => Uri::exactly(&system)?,
            _ => return None,
        };
        Some(Identifier { system: Some(system), value: Text::exactly(&unescaped(value))?, kind: None })
    };
    with_system().unwrap_or_else(|| Identifier::plain(spelled))
}

/// HL7 v2 section 2.7.1: its separators are spelled out where they mean themselves.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\E\\").replace('^', "\\S\\").replace('&', "\\T\\")
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    while let Some(escape) = parts.next() {
        match escape {
            "E" => plain.push('\\'),
            "S" => plain.push('^'),
            "T" => plain.push('&'),
            other => {
                plain.push('\\');
                plain.push_str(other);
                continue;
            }
        }
        plain.push_str(parts.next().unwrap_or_default());
    }
    plain
}

/// What a person or program is known by: a message has one text for it.
pub(super) fn user_id(who: Option<&Reference>) -> &str {
    let Some(who) = who else { return NOTHING };
    let identifier = who.identifier().map(|identifier| &identifier.value);
    identifier.or(who.literal()).or(who.display()).map_or(NOTHING, Text::as_str)
}

/// Labels in the one text that a message has for them: `system|code`, with commas between.
pub(super) fn write_labels(labels: &[Coded]) -> String {
    let spelled = labels.iter().map(|label| match label.system() {
        Some(system) => format!("{}|{}", system.as_str(), label.code()),
        None => label.code().to_owned(),
    });
    spelled.collect::<Vec<_>>().join(",")
}

/// The labels that are spelled so.
pub(super) fn read_labels(spelled: &str) -> Vec<Coded> {
    let label = |part: &str| match part.split_once('|') {
        Some((system, code)) => Coded::new(Uri::some(system), code, None),
        None => Coded::new(None, part, None),
    };
    spelled.split(',').filter(|part| !part.trim().is_empty()).map(label).collect()
}
