//! What a person is found by in the log, and whether an event names them.
//!
//! A name is found where it stands whole: `a@example.org` not in `aa@example.org`, `Patient/12` not in
//! `Patient/123`. Whoever is named by a mail address is found by the pseudonyms and temporary logins, too, that
//! events give them.

use data_encoding::BASE64;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::base::id::LoginName;
use crate::store::event::Recorded;

/// How many bytes a name may have.
const LONGEST: usize = 512;

/// How many ways a person may be found by: more logins than anybody had.
const MOST: usize = 10_000;

/// Fields of a body that are words of ours, whoever the person is.
const OUR_WORDS: [&str; 12] = [
    "kind",
    "outcome",
    "service",
    "method",
    "by",
    "delivery",
    "transaction",
    "reference",
    "erasure",
    "hold",
    "version",
    "mode",
];

/// Kinds whose body says what was done to the log itself: it stays, or nothing would say why the rest is gone.
const KEPT: [&str; 5] = ["log_expired", "person_erased", "hold_created", "hold_released", "log_recovered"];

/// Why something is no name to find a person by: the operator's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 3 to {LONGEST} bytes, no blank at its ends and no control characters")]
pub struct NotAName;

/// What a person is found by; the first is what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(Vec<String>);

/// What of an event tells of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its personal part.
    pub in_personal: bool,
    /// What it says happened.
    pub in_body: bool,
}

impl Found {
    /// Whether nothing does.
    pub fn nowhere(self) -> bool {
        !self.in_personal && !self.in_body
    }
}

/// An event taken apart, once for all that is asked of it.
#[derive(Debug)]
pub struct Parts {
    body: Map<String, Value>,
    personal: Map<String, Value>,
}

impl Parts {
    /// Takes `event` apart; what this program did not write has no parts.
    pub fn of(event: &Recorded) -> Self {
        let object = |text: &str| serde_json::from_str(text).unwrap_or_default();
        Self {
            body: object(event.body()),
            personal: event.personal.as_deref().map(object).unwrap_or_default(),
        }
    }

    fn kind(&self) -> &str {
        self.body.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether what the event says happened stays, whatever goes.
    pub fn body_stays(&self) -> bool {
        KEPT.contains(&self.kind())
    }
}

impl Names {
    /// Begins with the one that was asked for.
    ///
    /// # Errors
    ///
    /// [`NotAName`].
    pub fn new(name: &str) -> Result<Self, NotAName> {
        let fits = (3..=LONGEST).contains(&name.len()) && name.trim() == name;
        if fits && !name.chars().any(char::is_control) {
            Ok(Self(vec![name.to_owned()]))
        } else {
            Err(NotAName)
        }
    }

    /// Reads what [`Names::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|names: &Vec<String>| !names.is_empty()).map(Self)
    }

    /// Writes all of them.
    pub fn to_text(&self) -> String {
        Value::from(self.0.clone()).to_string()
    }

    /// The one that was asked for.
    pub fn asked(&self) -> &str {
        &self.0[0]
    }

    /// All of them.
    pub fn all(&self) -> &[String] {
        &self.0
    }

    /// Finds out where an event names the person, and learns by what else it calls them.
    pub fn find(&mut self, event: &Parts) -> Found {
        self.learn(event);
        let ours = |field: &&String| OUR_WORDS.contains(&field.as_str());
        let in_body = event.body.iter().any(|(field, value)| !ours(&field) && self.are_in(value));
        Found { in_personal: self.are_in_personal(&event.personal), in_body }
    }

    fn are_in_personal(&self, personal: &Map<String, Value>) -> bool {
        personal.iter().any(|(field, value)| match field.as_str() {
            // References: those of another server's patients end alike.
            "patients" | "created" => value.as_array().is_some_and(|all| {
                // An identifier without a system has nothing before its bar.
                let is_one = |one: &str, name: &String| one == name || one.strip_prefix('|') == Some(name);
                all.iter().filter_map(Value::as_str).any(|one| self.0.iter().any(|name| is_one(one, name)))
            }),
            "message" => value.as_str().is_some_and(|text| self.are_in_message(text.as_bytes())),
            "message_base64" => value
                .as_str()
                .is_some_and(|text| self.are_in_message(&BASE64.decode(text.as_bytes()).unwrap_or_default())),
            "resource" => value.as_str().is_some_and(|text| {
                self.are_in(value)
                    || serde_json::from_str(text).is_ok_and(|resource| self.are_told(&resource))
            }),
            _ => self.are_in(value),
        })
    }

    /// Whether a message of syslog that somebody else sent names them: as it stands there, or as it is read.
    fn are_in_message(&self, message: &[u8]) -> bool {
        let text = String::from_utf8_lossy(message);
        self.0.iter().any(|name| stands_in(name, &text))
            || syslog::Message::read(message)
                .ok()
                .and_then(|message| audit_event::dicom::read(&message.content?).ok())
                .is_some_and(|read| self.are_told(&audit_event::fhir::write(&read.event)))
    }

    /// Whether an AuditEvent names them, in its queries and details, too, which are in Base64.
    fn are_told(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => {
                let written: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
                let bytes = BASE64.decode(&written).unwrap_or_default();
                let decoded = String::from_utf8_lossy(&bytes);
                self.0.iter().any(|name| stands_in(name, text) || stands_in(name, &decoded))
            }
            Value::Array(values) => values.iter().any(|value| self.are_told(value)),
            Value::Object(fields) => fields.values().any(|value| self.are_told(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn are_in(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.0.iter().any(|name| stands_in(name, text)),
            Value::Array(values) => values.iter().any(|value| self.are_in(value)),
            Value::Object(fields) => fields.values().any(|value| self.are_in(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Takes the pseudonym and the temporary login of an event that says itself that it is the person's.
    fn learn(&mut self, event: &Parts) {
        let text = |part: &Map<String, Value>, field: &str| {
            part.get(field).and_then(Value::as_str).map(str::to_owned)
        };
        let own = [
            text(&event.personal, "mail"),
            text(&event.personal, "user"),
            text(&event.body, "who"),
            text(&event.body, "subject"),
        ];
        let is_theirs = |own: &String| self.0.iter().any(|name| name.eq_ignore_ascii_case(own));
        if !own.iter().flatten().any(is_theirs) {
            return;
        }
        let login = text(&event.body, "who").filter(|who| who.parse::<LoginName>().is_ok());
        for learned in [text(&event.body, "subject"), login].into_iter().flatten() {
            if self.0.len() < MOST && !self.0.contains(&learned) {
                self.0.push(learned);
            }
        }
    }
}

/// Whether `name` stands whole in `text`, or in what it is without percent signs (RFC 3986 section 2.1).
fn stands_in(name: &str, text: &str) -> bool {
    if stands_plainly_in(name, text) {
        return true;
    }
    text.contains('%') && stands_plainly_in(name, &percent_decode_str(text).decode_utf8_lossy())
}

fn stands_plainly_in(name: &str, text: &str) -> bool {
    if text.len() < name.len() {
        return false;
    }
    // References tell capitals from small letters, addresses of people do not.
    let (text, name) = if name.contains(['/', '|']) {
        (text.to_owned(), name.to_owned())
    } else {
        (text.to_lowercase(), name.to_lowercase())
    };
    text.match_indices(&name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + name.len()..].chars();
        let begins = before.is_none_or(|letter| !letter.is_alphanumeric() && !"._-+@".contains(letter))
            // `os:karl` is another one than `karl`.
            && !text[..at].ends_with("os:");
        let ends = match after.next() {
            None => true,
            // The end of a sentence.
            Some('.') => !after.next().is_some_and(char::is_alphanumeric),
            Some(letter) => !letter.is_alphanumeric() && !"_-@".contains(letter),
        };
        begins && ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(body: &str, personal: &str) -> Parts {
        let recorded = Recorded {
            position: 0,
            id: String::new(),
            instance: String::new(),
            occurred_at: String::new(),
            recorded_at: String::new(),
            body: Some(body.to_owned()),
            personal: Some(personal.to_owned()),
        };
        Parts::of(&recorded)
    }

    #[test]
    fn a_name_is_found_whole_however_it_is_spelled_and_in_no_other_name() {
        for (name, text) in [
            ("a@example.org", "A@Example.org"),
            ("a@example.org", "mailto:a@example.org."),
            ("a@example.org", "/find?mail=a%40example.org&x=1"),
            ("Patient/12", "/Patient/12/_history/1"),
            ("urn:mrn|7", "/Patient?identifier=urn%3Amrn%7C7"),
            ("karl", "CN=karl,O=x"),
            ("os:karl", "os:karl"),
        ] {
            assert!(stands_in(name, text), "{name} in {text}");
        }
        for (name, text) in [
            ("a@example.org", "aa@example.org"),
            ("a@example.org", "b.a@example.org"),
            ("a@example.org", "a@example.org.au"),
            ("Patient/12", "/Patient/123"),
            ("Patient/12", "/patient/12"),
            ("karl", "os:karl"),
            ("karl", "karl-heinz"),
        ] {
            assert!(!stands_in(name, text), "{name} in {text}");
        }
    }

    #[test]
    fn whoever_is_named_by_mail_is_found_by_pseudonym_and_login_afterwards() {
        let mut names = Names::new("a@example.org").unwrap();
        let later = event(r#"{"kind":"ended","who":"ABCDEFGHIJ0123"}"#, "{}");
        assert!(names.find(&later).nowhere());
        let exchanged = event(
            r#"{"kind":"exchanged","subject":"00ff","who":"ABCDEFGHIJ0123"}"#,
            r#"{"mail":"A@example.org"}"#,
        );
        assert!(names.find(&exchanged).in_personal);
        assert_eq!(names.find(&later), Found { in_personal: false, in_body: true });
        assert_eq!(Names::parse(&names.to_text()), Some(names));
    }

    #[test]
    fn a_patient_is_who_a_reference_names_exactly() {
        let mut names = Names::new("Patient/1").unwrap();
        let others = event("{}", r#"{"patients":["http://other.example.org/Patient/1","Patient/10"]}"#);
        assert!(names.find(&others).nowhere());
        let theirs = event(r#"{"who":"ABCDEFGHIJ0123"}"#, r#"{"patients":["Patient/2","Patient/1"]}"#);
        assert_eq!(names.find(&theirs), Found { in_personal: true, in_body: false });
        assert_eq!(names.all(), ["Patient/1"], "who asked about a patient is somebody else");
    }

    #[test]
    fn what_others_sent_names_a_patient_however_it_is_written() {
        let query = BASE64.encode(b"Patient?identifier=urn:mrn|4711");
        let message = |participant: &str| {
            let text = format!(
                "<85>1 - - - - IHE+RFC-3881 - <AuditMessage><EventIdentification EventActionCode=\"E\" \
                 EventDateTime=\"2026-11-21T20:30:00Z\" EventOutcomeIndicator=\"0\"><EventID csd-code=\"110112\" \
                 codeSystemName=\"DCM\" originalText=\"Query\"/></EventIdentification><ActiveParticipant UserID=\"x\" \
                 UserIsRequestor=\"true\"/><AuditSourceIdentification AuditSourceID=\"y\"/>{participant}</AuditMessage>"
            );
            serde_json::json!({ "message": text }).to_string()
        };
        let participant = |id: &str, query: &str| {
            format!(
                "<ParticipantObjectIdentification ParticipantObjectID=\"{id}\" ParticipantObjectTypeCode=\"1\">\
                 <ParticipantObjectIDTypeCode csd-code=\"2\" codeSystemName=\"RFC-3881\" originalText=\"n\"/>\
                 <ParticipantObjectQuery>{query}</ParticipantObjectQuery></ParticipantObjectIdentification>"
            )
        };
        let resource = |entity: &str| {
            let text = format!(r#"{{"resourceType":"AuditEvent","entity":[{entity}]}}"#);
            serde_json::json!({ "resource": text }).to_string()
        };
        let (folded, escaped) = query.split_at(8);
        let entities =
            [format!(r#"{{"query":"{folded}\n{escaped}"}}"#), r#"{"name":"urn:mrn\u007c4711"}"#.into()];
        let theirs = [
            message(&participant("1", &query)),
            message(&participant("urn:mrn&#124;4711", "")),
            resource(&entities[0]),
            resource(&entities[1]),
            r#"{"patients":["urn:mrn|4711"]}"#.into(),
        ];
        let find = |name: &str, personal: &str| Names::new(name).unwrap().find(&event("{}", personal));
        for personal in &theirs {
            assert!(find("urn:mrn|4711", personal).in_personal, "{personal}");
            assert!(find("urn:mrn|471", personal).nowhere(), "{personal}");
        }
        assert!(find("4711", r#"{"patients":["|4711"]}"#).in_personal);
        assert!(find("4711", r#"{"patients":["urn:other|4711"]}"#).nowhere());
    }

    #[test]
    fn a_word_of_ours_names_nobody() {
        let mut names = Names::new("done").unwrap();
        assert!(names.find(&event(r#"{"kind":"started","outcome":"done"}"#, "{}")).nowhere());
        assert!(Names::new("ab").is_err() && Names::new(" abc").is_err() && Names::new("a\nbc").is_err());
    }
}
