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
    /// does: `Patient/ID`, with whatever stands before and behind it, or `Patient?PARAMETERS`. Says whether there were any.
    pub(crate) fn in_text(text: &str, found: &mut impl Extend<Self>) -> bool {
        // Most texts name nobody.
        if memchr::memmem::find(text.as_bytes(), b"Patient").is_none() {
            return false;
        }
        // Servers drop blanks around it.
        let text = text.trim_matches(|char: char| char <= ' ' || char.is_whitespace());
        if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
            return false;
        }
        let mut names = false;
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text.split('#').next().unwrap_or_default(), None),
        };
        if let Some(query) = query
            && path.trim_end_matches('/').rsplit('/').next() == Some("Patient")
        {
            names |= in_query(query, found);
        }
        // Looked for once: a text may name very many.
        let base = memchr::memmem::find(path.as_bytes(), b"://").map_or(path.len(), |at| at + "://".len());
        let mut before = 0;
        // The last one counts: an address may have the word in its base.
        while let Some(next) = path[before..].find("Patient/") {
            let at = before + next;
            let id = path[at + "Patient/".len()..].split('/').next().unwrap_or_default();
            let begins = at == 0 || path.as_bytes()[at - 1] == b'/';
            if begins && !id.is_empty() && !id.starts_with(['$', '_']) {
                let end = at + "Patient/".len() + id.len();
                found.extend([if at >= base { Self::Elsewhere(kept(&path[..end])) } else { Self::id(id) }]);
                names = true;
            }
            before = at + "Patient/".len();
        }
        names
    }
}

/// Patients as they are found; the same one may stand here often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Patients {
    found: Vec<Patient>,
    /// When there are more, not all of them are kept, nor their order.
    at_most: Option<usize>,
}

impl Patients {
    pub(crate) fn at_most(at_most: usize) -> Self {
        Self { found: Vec::new(), at_most: Some(at_most) }
    }

    pub(crate) fn push(&mut self, patient: Patient) {
        self.found.push(patient);
        if let Some(at_most) = self.at_most
            && self.found.len() > 2 * at_most + 1
        {
            self.found.sort();
            self.found.dedup();
            // One more than there may be says that there are too many.
            self.found.truncate(at_most + 1);
        }
    }
}

impl Extend<Patient> for Patients {
    fn extend<I: IntoIterator<Item = Patient>>(&mut self, patients: I) {
        patients.into_iter().for_each(|patient| self.push(patient));
    }
}

impl IntoIterator for Patients {
    type Item = Patient;
    type IntoIter = std::vec::IntoIter<Patient>;

    fn into_iter(self) -> Self::IntoIter {
        self.found.into_iter()
    }
}

/// Conditional references (R4 section 3.1.0.11.3).
fn in_query(query: &str, found: &mut impl Extend<Patient>) -> bool {
    let Ok(query) = Query::read(query) else { return false };
    let mut names = false;
    for (name, value) in query.pairs() {
        for value in crate::query::values(value) {
            let patient = match name {
                "_id" => Some(Patient::id(&value)),
                "identifier" => Some(Patient::token(&value)),
                _ => None,
            };
            names |= patient.is_some();
            found.extend(patient);
        }
    }
    names
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
        for text in [" Patient/7", "Patient/7\n", "\t/fhir/Patient/7\u{a0}", "\u{1}Patient/7"] {
            assert_eq!(named(text), ["Patient/7"], "{text:?}");
        }
        assert_eq!(named("/Patient/?identifier=7"), ["|7"]);
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
