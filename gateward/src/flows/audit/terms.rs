//! What an AuditEvent can be found by: the search parameters of FHIR R4, each with the values that stand in a resource.

use std::collections::BTreeSet;

use audit_event::codes;
use serde_json::Value;

use super::EVENT;

/// How the values of a parameter are compared (FHIR R4 section 3.1.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A code or identifier, with or without its system.
    Token,
    /// A text that begins so, in any case.
    Text,
    /// What is pointed to: an address, or its end.
    Reference,
    /// An address, to the letter.
    Uri,
}

/// The parameters, but for those about time.
pub(super) const PARAMETERS: [(&str, Sort); 23] = [
    ("_id", Sort::Token),
    ("action", Sort::Token),
    ("address", Sort::Text),
    ("agent", Sort::Reference),
    ("agent-name", Sort::Text),
    ("agent-role", Sort::Token),
    ("agent.identifier", Sort::Token),
    ("altid", Sort::Token),
    ("entity", Sort::Reference),
    ("entity-name", Sort::Text),
    ("entity-role", Sort::Token),
    ("entity-type", Sort::Token),
    ("entity.identifier", Sort::Token),
    ("outcome", Sort::Token),
    ("patient", Sort::Reference),
    ("patient.identifier", Sort::Token),
    ("policy", Sort::Uri),
    ("site", Sort::Token),
    ("source", Sort::Reference),
    ("source.identifier", Sort::Token),
    ("subtype", Sort::Token),
    ("type", Sort::Token),
    // Every event has it: for searches by time alone.
    (EVERY, Sort::Token),
];

/// The parameter that every event has.
pub(super) const EVERY: &str = "*";

/// Finds how a parameter is compared.
pub(super) fn sort_of(parameter: &str) -> Option<Sort> {
    PARAMETERS.iter().find(|(name, _)| *name == parameter && parameter != EVERY).map(|(_, sort)| *sort)
}

/// A parameter and one value of it, as the index has it.
pub(super) type Key = (&'static str, String);

/// How many letters of the beginning of a text stand in the index; what is asked for in between is looked at in the event.
/// Of addresses nearly each: those of one network begin alike, and an IPv4 address has up to 15 letters.
fn beginnings(parameter: &str) -> &'static [usize] {
    match parameter {
        "address" => &[2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 20, 24, 30, 36],
        _ => &[2, 6, 10, 14, 24],
    }
}

/// What the index has in the place of a system that is not in [`systems`].
const ANOTHER: &str = "*";

/// The systems of a parameter that most events have: with one of them a code stands in the index once, with another
/// twice, so that it is found without its system, too. The empty one is none.
fn systems(parameter: &str) -> &'static [&'static str] {
    match parameter {
        "action" => &[ACTION],
        "outcome" => &[OUTCOME],
        "type" => &[codes::DCM, codes::EVENT_TYPE],
        "subtype" => &[codes::DCM, codes::INTERACTION, EVENT],
        "agent-role" => &[codes::DCM, codes::PARTICIPATION, codes::PROVENANCE],
        "entity-role" => &[codes::OBJECT_ROLE],
        "entity-type" => &[codes::ENTITY_TYPE, codes::BALP_ENTITY_TYPE],
        "agent.identifier" => &["", "urn:x-gateward:node", "urn:x-gateward:login", "urn:x-gateward:user"],
        "entity.identifier" => &["", "urn:x-gateward:service"],
        _ => &[""],
    }
}

const ACTION: &str = "http://hl7.org/fhir/audit-event-action";
const OUTCOME: &str = "http://hl7.org/fhir/audit-event-outcome";

/// Returns what stands of `resource` in the index. Whoever changes that has a migration empty the index, so that it is made anew.
pub(super) fn keys(resource: &Value) -> BTreeSet<Key> {
    let mut keys = BTreeSet::from([(EVERY, String::new())]);
    for (parameter, value, system) in tokens(resource) {
        // An event is found by its id without an index, and a patient as the agent or entity that it is.
        if !["_id", "patient.identifier"].contains(&parameter) {
            let system = system.unwrap_or_default();
            keys.insert((parameter, format!("{system}|{value}")));
            keys.extend((!systems(parameter).contains(&system)).then(|| (parameter, another(value))));
        }
    }
    for (parameter, text) in texts(resource) {
        let text = folded(text);
        let beginnings = beginnings(parameter).iter().filter_map(|length| beginning(&text, *length));
        keys.extend(beginnings.map(|beginning| (parameter, beginning)));
    }
    let references = references(resource).into_iter().filter(|(parameter, _)| *parameter != "patient");
    keys.extend(references.map(|(parameter, literal)| (parameter, id_of(literal).to_owned())));
    keys.extend(policies(resource).map(|policy| ("policy", policy.to_owned())));
    keys
}

/// Returns what the index has of every event that `value` could be meant by: one of these; `None` where it says nothing
/// of this. Whether the event is meant, [`forms`] tell.
pub(super) fn looked_up(parameter: &'static str, sort: Sort, value: &str) -> Option<Vec<Key>> {
    let of = |parameters: &[&'static str], values: &[String]| {
        let keys = parameters.iter().flat_map(|name| values.iter().map(|value| (*name, value.clone())));
        Some(keys.collect())
    };
    match (parameter, sort) {
        ("_id", _) => None,
        ("patient", _) => of(&["agent", "entity"], &[id_of(value).to_owned()]),
        ("patient.identifier", _) => {
            let mut keys = looked_up("agent.identifier", sort, value)?;
            keys.extend(looked_up("entity.identifier", sort, value)?);
            Some(keys)
        }
        (_, Sort::Token) if value.contains('|') => {
            // Or it is a value that has a bar of its own.
            of(&[parameter], &[value.to_owned(), format!("|{value}"), another(value)])
        }
        (_, Sort::Token) => {
            let mut values = vec![another(value)];
            values.extend(systems(parameter).iter().map(|system| format!("{system}|{value}")));
            of(&[parameter], &values)
        }
        (_, Sort::Text) => {
            let value = folded(value);
            let asked = value.chars().count();
            let length = beginnings(parameter).iter().rev().find(|length| **length <= asked)?;
            of(&[parameter], &[beginning(&value, *length)?])
        }
        (_, Sort::Reference) => of(&[parameter], &[id_of(value).to_owned()]),
        (_, Sort::Uri) => of(&[parameter], &[value.to_owned()]),
    }
}

/// Whether an event is meant by `value` wherever the index has what is [`looked_up`] for it.
pub(super) fn is_exact(parameter: &str, sort: Sort, value: &str) -> bool {
    match sort {
        Sort::Token => !["_id", "patient.identifier"].contains(&parameter),
        Sort::Text => beginnings(parameter).contains(&folded(value).chars().count()),
        Sort::Reference => parameter != "patient" && !value.contains('/'),
        Sort::Uri => true,
    }
}

/// Returns all that `resource` is meant by, but for texts: each value in every form in which it may be asked for.
pub(super) fn forms(resource: &Value) -> BTreeSet<Key> {
    let mut forms = BTreeSet::new();
    for (parameter, value, system) in tokens(resource) {
        forms.insert((parameter, value.to_owned()));
        forms.insert((parameter, format!("{}|{value}", system.unwrap_or_default())));
    }
    for (parameter, literal) in references(resource) {
        forms.extend(reference_forms(literal).map(|form| (parameter, form)));
    }
    forms.extend(policies(resource).map(|policy| ("policy", policy.to_owned())));
    forms
}

fn another(value: &str) -> String {
    format!("{ANOTHER}|{value}")
}

fn policies(resource: &Value) -> impl Iterator<Item = &str> {
    list(resource, "agent").flat_map(|agent| list(agent, "policy")).filter_map(Value::as_str)
}

/// The first `length` letters of `text`, if it has so many.
pub(super) fn beginning(text: &str, length: usize) -> Option<String> {
    let beginning: String = text.chars().take(length).collect();
    (beginning.chars().count() == length).then_some(beginning)
}

/// Texts are compared in any case.
pub(super) fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// The texts of `resource`, each with its parameter.
pub(super) fn texts(resource: &Value) -> Vec<(&'static str, &str)> {
    let mut texts = Vec::new();
    for agent in list(resource, "agent") {
        texts.extend(agent["network"]["address"].as_str().map(|text| ("address", text)));
        texts.extend(agent["name"].as_str().map(|text| ("agent-name", text)));
    }
    for entity in list(resource, "entity") {
        texts.extend(entity["name"].as_str().map(|text| ("entity-name", text)));
    }
    texts
}

/// An address without the version that it names.
fn unversioned(literal: &str) -> &str {
    literal.split("/_history/").next().unwrap_or(literal)
}

/// The id that an address ends with.
fn id_of(literal: &str) -> &str {
    unversioned(literal).rsplit('/').next().unwrap_or(literal)
}

/// The address itself, `Type/id` at its end, and the id alone.
fn reference_forms(literal: &str) -> impl Iterator<Item = String> {
    let literal = unversioned(literal);
    let mut parts = literal.rsplitn(3, '/');
    let (id, kind) = (parts.next().unwrap_or(literal), parts.next());
    let relative = kind.map(|kind| format!("{kind}/{id}"));
    let id = kind.map(|_| id.to_owned());
    [Some(literal.to_owned()), relative, id].into_iter().flatten()
}

fn tokens(resource: &Value) -> Vec<(&'static str, &str, Option<&str>)> {
    let mut tokens = Vec::new();
    for (name, system) in [("action", ACTION), ("outcome", OUTCOME)] {
        tokens.extend(resource[name].as_str().map(|value| (name, value, Some(system))));
    }
    tokens.extend(resource["id"].as_str().map(|id| ("_id", id, None)));
    tokens.extend(coding("type", &resource["type"]));
    tokens.extend(list(resource, "subtype").filter_map(|one| coding("subtype", one)));
    let source = &resource["source"];
    tokens.extend(source["site"].as_str().map(|site| ("site", site, None)));
    tokens.extend(identifier("source.identifier", &source["observer"]));
    for agent in list(resource, "agent") {
        tokens.extend(identifier("agent.identifier", &agent["who"]));
        tokens.extend(agent["altId"].as_str().map(|id| ("altid", id, None)));
        let kinds = std::iter::once(&agent["type"]).chain(list(agent, "role"));
        tokens
            .extend(kinds.flat_map(|kind| list(kind, "coding")).filter_map(|one| coding("agent-role", one)));
        if is_patient(&agent["who"]) {
            tokens.extend(identifier("patient.identifier", &agent["who"]));
        }
    }
    for entity in list(resource, "entity") {
        tokens.extend(identifier("entity.identifier", &entity["what"]));
        tokens.extend(coding("entity-role", &entity["role"]));
        tokens.extend(coding("entity-type", &entity["type"]));
        if is_patient(&entity["what"]) {
            tokens.extend(identifier("patient.identifier", &entity["what"]));
        }
    }
    tokens
}

fn references(resource: &Value) -> Vec<(&'static str, &str)> {
    let mut references = Vec::new();
    references.extend(literal(&resource["source"]["observer"]).map(|one| ("source", one)));
    for agent in list(resource, "agent") {
        references.extend(literal(&agent["who"]).map(|one| ("agent", one)));
        references
            .extend(literal(&agent["who"]).filter(|_| is_patient(&agent["who"])).map(|one| ("patient", one)));
    }
    for entity in list(resource, "entity") {
        references.extend(literal(&entity["what"]).map(|one| ("entity", one)));
        references.extend(
            literal(&entity["what"]).filter(|_| is_patient(&entity["what"])).map(|one| ("patient", one)),
        );
    }
    references
}

fn is_patient(reference: &Value) -> bool {
    match reference["type"].as_str() {
        Some(kind) => kind == "Patient",
        None => literal(reference)
            .is_some_and(|literal| unversioned(literal).rsplit('/').nth(1) == Some("Patient")),
    }
}

fn literal(reference: &Value) -> Option<&str> {
    reference["reference"].as_str()
}

fn identifier<'v>(
    parameter: &'static str,
    reference: &'v Value,
) -> Option<(&'static str, &'v str, Option<&'v str>)> {
    let identifier = &reference["identifier"];
    Some((parameter, identifier["value"].as_str()?, identifier["system"].as_str()))
}

fn coding<'v>(
    parameter: &'static str,
    coding: &'v Value,
) -> Option<(&'static str, &'v str, Option<&'v str>)> {
    Some((parameter, coding["code"].as_str()?, coding["system"].as_str()))
}

fn list<'v>(of: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    of[name].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource() -> Value {
        json!({
            "resourceType": "AuditEvent", "id": "a-2", "action": "R", "outcome": "0",
            "type": {"system": "urn:t", "code": "rest"},
            "agent": [{"who": {"identifier": {"system": "urn:n", "value": "lab"}}, "name": "Ann Lee",
                       "network": {"address": "10.0.0.7"}, "policy": ["urn:p"]}],
            "source": {"observer": {"identifier": {"value": "cr"}}},
            "entity": [{"what": {"reference": "https://a/fhir/Patient/7"}}, {"what": {"reference": "Observation/9"}},
                       {"what": {"type": "Patient", "identifier": {"system": "urn:mrn", "value": "4|2"}}}],
        })
    }

    #[test]
    fn an_event_is_meant_by_codes_identifiers_and_patients() {
        let resource = resource();
        let (keys, forms) = (keys(&resource), forms(&resource));
        for (parameter, value) in [
            ("_id", "a-2"),
            ("action", "R"),
            ("action", "http://hl7.org/fhir/audit-event-action|R"),
            ("type", "rest"),
            ("type", "urn:t|rest"),
            ("agent.identifier", "urn:n|lab"),
            ("policy", "urn:p"),
            ("source.identifier", "|cr"),
            ("patient", "Patient/7"),
            ("patient", "7"),
            ("patient", "https://a/fhir/Patient/7"),
            ("entity", "Observation/9"),
        ] {
            assert!(forms.contains(&(parameter, value.to_owned())), "{parameter}={value}: {forms:?}");
        }
        assert!(!forms.iter().any(|(parameter, value)| *parameter == "patient" && value.contains('9')));
        assert!(keys.contains(&("agent-name", "ann le".to_owned())), "{keys:?}");
        assert!(keys.contains(&(EVERY, String::new())));
        let known = |key: &Key| PARAMETERS.iter().any(|(name, _)| *name == key.0);
        assert!(keys.iter().chain(&forms).all(known));
    }

    #[test]
    fn whatever_an_event_is_meant_by_leads_to_it_in_the_index() {
        let resource = resource();
        let (keys, forms) = (keys(&resource), forms(&resource));
        for (parameter, value) in &forms {
            let sort = sort_of(parameter).unwrap();
            let found = looked_up(parameter, sort, value);
            let leads = found.is_none_or(|any| any.iter().any(|key| keys.contains(key)));
            assert!(leads, "{parameter}={value}: {keys:?}");
        }
        for text in ["An", "ann l", "ann lee", "10.0.0.7", "10."] {
            let parameter = if text.starts_with('1') { "address" } else { "agent-name" };
            let found = looked_up(parameter, Sort::Text, text).unwrap();
            assert!(found.iter().any(|key| keys.contains(key)), "{text}");
        }
        assert_eq!(looked_up("agent-name", Sort::Text, "a"), None);
        // Whole addresses of one network are told apart by the index alone.
        for address in ["10.0.0.7", "192.0.2.19", "203.0.113.250"] {
            assert!(is_exact("address", Sort::Text, address), "{address}");
        }
    }

    #[test]
    fn what_is_exact_in_the_index_is_what_is_meant() {
        let (keys, forms) = (keys(&resource()), forms(&resource()));
        for (parameter, value) in [
            ("type", "rest"),
            ("type", "urn:t|rest"),
            ("type", "http://dicom.nema.org/resources/ontology/DCM|rest"),
            ("type", "urn:other|rest"),
            ("action", "http://hl7.org/fhir/audit-event-outcome|R"),
            ("agent.identifier", "|lab"),
            ("agent.identifier", "lab"),
            ("entity", "9"),
            ("entity", "8"),
        ] {
            let sort = sort_of(parameter).unwrap();
            assert!(is_exact(parameter, sort, value), "{parameter}={value}");
            let found = looked_up(parameter, sort, value).unwrap().iter().any(|key| keys.contains(key));
            assert_eq!(found, forms.contains(&(parameter, value.to_owned())), "{parameter}={value}");
        }
        assert!(!is_exact("entity", Sort::Reference, "Observation/9"));
    }
}
