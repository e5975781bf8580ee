//! What an AuditEvent can be found by: the search parameters of FHIR R4, each with the values that stand in a resource.

use std::collections::BTreeSet;

use serde_json::Value;

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
pub(super) const BEGINNINGS: [usize; 6] = [1, 2, 4, 8, 16, 32];

/// Returns what `resource` can be found by.
pub(super) fn keys(resource: &Value) -> BTreeSet<Key> {
    let mut keys = BTreeSet::from([(EVERY, String::new())]);
    for (parameter, value, system) in tokens(resource) {
        keys.extend(token_keys(parameter, value, system));
    }
    for (parameter, text) in texts(resource) {
        let text = folded(text);
        let beginnings = BEGINNINGS.iter().filter_map(|length| beginning(&text, *length));
        keys.extend(beginnings.map(|beginning| (parameter, beginning)));
    }
    for (parameter, literal) in references(resource) {
        keys.extend(reference_keys(literal).map(|key| (parameter, key)));
    }
    for agent in list(resource, "agent") {
        keys.extend(
            list(agent, "policy").filter_map(Value::as_str).map(|policy| ("policy", policy.to_owned())),
        );
    }
    keys
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

fn token_keys(parameter: &'static str, value: &str, system: Option<&str>) -> [Key; 2] {
    [(parameter, value.to_owned()), (parameter, format!("{}|{value}", system.unwrap_or_default()))]
}

/// The address itself, `Type/id` at its end, and the id alone.
fn reference_keys(literal: &str) -> impl Iterator<Item = String> {
    let literal = literal.split("/_history/").next().unwrap_or(literal);
    let mut parts = literal.rsplitn(3, '/');
    let (id, kind) = (parts.next().unwrap_or(literal), parts.next());
    let relative = kind.map(|kind| format!("{kind}/{id}"));
    let id = kind.map(|_| id.to_owned());
    [Some(literal.to_owned()), relative, id].into_iter().flatten()
}

fn tokens(resource: &Value) -> Vec<(&'static str, &str, Option<&str>)> {
    let mut tokens = Vec::new();
    for (name, system) in [
        ("action", "http://hl7.org/fhir/audit-event-action"),
        ("outcome", "http://hl7.org/fhir/audit-event-outcome"),
    ] {
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
        None => literal(reference).is_some_and(|literal| {
            let mut parts = literal.split("/_history/").next().unwrap_or_default().rsplit('/').skip(1);
            parts.next() == Some("Patient")
        }),
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

    #[test]
    fn an_event_is_found_by_codes_identifiers_patients_and_beginnings_of_texts() {
        let resource = json!({
            "resourceType": "AuditEvent", "id": "a-2", "action": "R", "outcome": "0",
            "type": {"system": "urn:t", "code": "rest"},
            "agent": [{"who": {"identifier": {"system": "urn:n", "value": "lab"}}, "name": "Ann Lee",
                       "network": {"address": "10.0.0.7"}, "policy": ["urn:p"]}],
            "source": {"observer": {"identifier": {"value": "cr"}}},
            "entity": [{"what": {"reference": "https://a/fhir/Patient/7"}}, {"what": {"reference": "Observation/9"}}],
        });
        let keys = keys(&resource);
        for (parameter, value) in [
            ("_id", "a-2"),
            ("action", "R"),
            ("action", "http://hl7.org/fhir/audit-event-action|R"),
            ("type", "rest"),
            ("type", "urn:t|rest"),
            ("agent.identifier", "urn:n|lab"),
            ("agent-name", "ann "),
            ("address", "10.0.0.7"),
            ("policy", "urn:p"),
            ("source.identifier", "|cr"),
            ("patient", "Patient/7"),
            ("patient", "7"),
            ("patient", "https://a/fhir/Patient/7"),
            ("entity", "Observation/9"),
            (EVERY, ""),
        ] {
            assert!(keys.contains(&(parameter, value.to_owned())), "{parameter}={value}: {keys:?}");
        }
        assert!(!keys.iter().any(|(parameter, value)| *parameter == "patient" && value.contains('9')));
        assert!(keys.iter().all(|(parameter, _)| PARAMETERS.iter().any(|(name, _)| name == parameter)));
    }
}
