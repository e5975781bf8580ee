//! Whom something is about: how a text names a patient.

use std::fmt;

use crate::query::Query;

/// How many characters of a name are kept: identifiers and foreign addresses have no limit of their own.
const LONGEST: usize = 256;

/// A patient, as something names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Patient {
    /// `Patient/ID` of the server that was asked.
    Id(String),
    /// The same of another server, with its address.
    Elsewhere(String),
    /// A business identifier (R4 section 2.24.0.9): its system, which may be empty, and its value.
    Identifier {
        /// Who gives such identifiers.
        system: String,
        /// The identifier.
        value: String,
    },
}

impl Patient {
    pub(crate) fn id(id: &str) -> Self {
        Self::Id(kept(id))
    }

    pub(crate) fn identifier(system: &str, value: &str) -> Self {
        Self::Identifier { system: kept(system), value: kept(value) }
    }

    /// Takes the value of a token parameter, `system|value` or `value` (R4 section 3.1.1.4.10).
    pub(crate) fn token(text: &str) -> Self {
        let (system, value) = text.split_once('|').unwrap_or(("", text));
        Self::identifier(system, value)
    }

    /// Returns the patients that an address names, as `Location` does.
    pub fn named_by(address: &str) -> Vec<Self> {
        let mut found = Vec::new();
        Self::in_text(address, &mut found);
        found
    }

    /// Appends the patients that `text` names where it stands for itself, as the text of a reference or an address
    /// does: `Patient/ID`, with whatever stands before and behind it, or `Patient?PARAMETERS`.
    pub(crate) fn in_text(text: &str, found: &mut Vec<Self>) {
        // Most texts name nobody.
        let Some(first) = memchr::memmem::find(text.as_bytes(), b"Patient") else { return };
        if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
            return;
        }
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text.split('#').next().unwrap_or_default(), None),
        };
        if let Some(query) = query
            && (path == "Patient" || path.ends_with("/Patient"))
        {
            in_query(query, found);
        }
        let mut before = first.min(path.len());
        // The last one counts: an address may have the word in its base.
        while let Some(next) = path[before..].find("Patient/") {
            let at = before + next;
            let id = path[at + "Patient/".len()..].split('/').next().unwrap_or_default();
            let begins = at == 0 || path.as_bytes()[at - 1] == b'/';
            if begins && !id.is_empty() && !id.starts_with(['$', '_']) {
                let end = at + "Patient/".len() + id.len();
                let elsewhere = path[..at].contains("://");
                found.push(if elsewhere { Self::Elsewhere(kept(&path[..end])) } else { Self::id(id) });
            }
            before = at + "Patient/".len();
        }
    }
}

/// Conditional references (R4 section 3.1.0.11.3).
fn in_query(query: &str, found: &mut Vec<Patient>) {
    let Ok(query) = Query::read(query) else { return };
    for (name, value) in query.pairs() {
        for value in crate::query::values(value) {
            match name {
                "_id" => found.push(Patient::id(&value)),
                "identifier" => found.push(Patient::token(&value)),
                _ => {}
            }
        }
    }
}

fn kept(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

impl fmt::Display for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "Patient/{id}"),
            Self::Elsewhere(address) => f.write_str(address),
            Self::Identifier { system, value } => write!(f, "{system}|{value}"),
        }
    }
}

/// Tells whether `text` is an id (R4 section 2.24.0.1). One of points alone would lead elsewhere in a path.
pub(crate) fn is_id(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (1..=64).contains(&text.len()) && text.bytes().all(good) && !text.bytes().all(|byte| byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        Patient::named_by(text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_reference_names_a_patient_in_all_its_forms() {
        assert_eq!(named("Patient/1"), ["Patient/1"]);
        assert_eq!(named("Patient/1/_history/2"), ["Patient/1"]);
        assert_eq!(named("Patient/1#part"), ["Patient/1"]);
        assert_eq!(named("/fhir/Patient/a-b.c"), ["Patient/a-b.c"]);
        assert_eq!(
            named("https://a.example/fhir/Patient/1/_history/2"),
            ["https://a.example/fhir/Patient/1"]
        );
        assert_eq!(named("https://a.example/Patient/fhir/Patient/1").len(), 2);
        assert_eq!(named("Patient/1/Observation?code=x"), ["Patient/1"]);
        assert_eq!(
            named("Patient?identifier=http%3A%2F%2Fids%7C7&_id=2,3"),
            ["http://ids|7", "Patient/2", "Patient/3"]
        );
        // Not an id of R4, but somebody's all the same.
        assert_eq!(named("Patient/under_score"), ["Patient/under_score"]);
    }

    #[test]
    fn other_texts_name_nobody() {
        for text in [
            "",
            "Patient",
            "Patient/",
            "Patient/$match",
            "Patient/_history",
            "RelatedPatient/1",
            "http://hl7.org/fhir/StructureDefinition/Patient",
            "the chart of Patient/1 was seen",
            "Observation/Patient",
            "Patient?name=Smith",
            "#Patient/1",
        ] {
            assert_eq!(named(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn an_id_leads_to_one_place() {
        for good in ["1", "A-b.9", "..a", &"x".repeat(64)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a_b", "a b", "\u{e9}", "%41", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
