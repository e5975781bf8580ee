//! The accounting of disclosures that a person may ask for: who was told of them, when, by what right; and
//! what was done in somebody's name.
//!
//! The log is read once. What is said of an answer stands in other events of the same transaction, which
//! are looked up where one of them concerns the person.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::flows::retention::holds::all_names;
use crate::flows::retention::names::{Names, NotAName};
use crate::store::event::{self, Filter, Recorded, Search};
use crate::store::{Error, Reader};

/// Whom a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// A patient: `Patient/ID`, `ID`, `SYSTEM|VALUE` or the address that another server has for them.
    Patient(String),
    /// A user, temporary login, node (`node:NAME`), mail address, pseudonym, or what a CKAN or an OIDC issuer calls them;
    /// by a mail address or a pseudonym the temporary logins are found, too, that the log gives them.
    Person(String),
}

/// One thing that concerns them: a request with all that is known of it, or something done to an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// When it was recorded first.
    pub at: String,
    /// The transaction, or the event where it is alone.
    pub id: String,
    /// The kind of the event that says most.
    pub kind: String,
    /// `done`, `refused`, `failed`.
    pub outcome: String,
    /// The service.
    pub service: Option<String>,
    /// The person or machine that asked, as the log names them.
    pub who: Option<String>,
    /// The machine.
    pub node: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// What was asked: method and target.
    pub what: String,
    /// The person is named in an answer that was released.
    pub named_in_answer: bool,
    /// Why it was refused, or what went wrong.
    pub why: Option<String>,
    /// Under what a refused caller asks.
    pub reference: Option<String>,
}

/// Gathers what concerns somebody, oldest first.
///
/// # Errors
///
/// [`Error::Unreachable`]; [`Error::Damaged`] at an event that this program did not write.
pub async fn gather(reader: &Reader, whom: &Whom, filter: Filter) -> Result<Vec<Entry>, Error> {
    let names = names(reader, whom).await?;
    let mut search = Search::begin(reader, filter).await?;
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let page = search.page().await?;
        if page.is_empty() {
            return Ok(entries);
        }
        for recorded in &page {
            let event = Said::read(recorded)?;
            if !event.concerns(whom, &names) {
                continue;
            }
            let key = event.text("transaction").unwrap_or(&recorded.id).to_owned();
            let at = if let Some(at) = places.get(&key) {
                *at
            } else {
                entries.push(begun(reader, recorded, &event).await?);
                places.insert(key, entries.len() - 1);
                entries.len() - 1
            };
            event.add_to(&mut entries[at], whom);
        }
    }
}

/// All that the log calls whom the report is about.
async fn names(reader: &Reader, whom: &Whom) -> Result<Vec<String>, Error> {
    match whom {
        Whom::Patient(patient) => Ok(vec![patient.clone()]),
        Whom::Person(person) => match Names::new(person) {
            Ok(names) => Ok(all_names(reader, names).await?.all().to_vec()),
            // Too short or too long for anybody who is learnt of by mail.
            Err(NotAName) => Ok(vec![person.clone()]),
        },
    }
}

/// Begins the entry of a transaction with all that stands in the log of it.
async fn begun(reader: &Reader, recorded: &Recorded, event: &Said) -> Result<Entry, Error> {
    let mut entry = event.entry(recorded);
    let Some(transaction) = event.text("transaction") else { return Ok(entry) };
    for other in event::show(reader, transaction).await? {
        let said = Said::read(&other)?;
        match said.text("kind") {
            Some("admitted" | "released" | "verified") => {
                let first = said.entry(&other);
                entry = Entry { named_in_answer: entry.named_in_answer, ..first };
            }
            // An answer that was cut, or of which nothing is known, has its word at the end.
            Some("ended") if said.text("outcome") != Some("done") => {
                let why = said.text("detail").or(said.text("delivery")).map(str::to_owned);
                entry = Entry { outcome: said.text("outcome").unwrap_or_default().to_owned(), why, ..entry };
            }
            _ => {}
        }
    }
    Ok(entry)
}

/// What an event says.
struct Said {
    body: Value,
    personal: Value,
}

/// Fields in which a body names a person, or an account.
const NAMING: [&str; 6] = ["who", "subject", "user", "login", "granted_to", "node"];

impl Said {
    fn read(recorded: &Recorded) -> Result<Self, Error> {
        let parse = |text: &str| {
            serde_json::from_str(text).map_err(|error| Error::Damaged {
                table: "event",
                reason: format!("event {}: {error}", recorded.id),
            })
        };
        let personal = recorded.personal.as_deref().map(parse).transpose()?.unwrap_or(Value::Null);
        let body = recorded.body.as_deref().map(parse).transpose()?.unwrap_or(Value::Null);
        Ok(Self { body, personal })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }

    fn personal(&self, name: &str) -> Option<&str> {
        self.personal[name].as_str()
    }

    fn concerns(&self, whom: &Whom, names: &[String]) -> bool {
        match whom {
            Whom::Patient(patient) => self.patients().any(|named| names_patient(named, patient)),
            Whom::Person(person) => {
                let in_body = NAMING.iter().filter_map(|name| self.text(name));
                let in_person = ["mail", "user", "claimed"].iter().filter_map(|name| self.personal(name));
                let machine = person.strip_prefix("node:");
                in_body.chain(in_person).any(|one| names.iter().any(|name| name == one))
                    || machine.is_some_and(|name| self.text("node") == Some(name))
            }
        }
    }

    fn patients(&self) -> impl Iterator<Item = &str> {
        let list =
            |name: &str| self.personal[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        // Whatever has a patient's number and is none, an observation for example, is not they.
        let is_a_patient = |created: &&str| created.starts_with("Patient/");
        list("patients").chain(list("created").filter(is_a_patient))
    }

    fn entry(&self, recorded: &Recorded) -> Entry {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        // What was sealed says nothing to people; the path is there without parameters.
        let target = self.personal("target").filter(|_| self.text("sealed_to").is_none());
        let target = target.or(self.text("path"));
        let what = match (self.text("method"), target) {
            (Some(method), Some(target)) => format!("{method} {target}"),
            (None, Some(target)) => target.to_owned(),
            _ => String::new(),
        };
        Entry {
            at: recorded.recorded_at.clone(),
            id: self.text("transaction").unwrap_or(&recorded.id).to_owned(),
            kind: self.text("kind").unwrap_or_default().to_owned(),
            outcome: self.text("outcome").unwrap_or_default().to_owned(),
            service: owned(self.text("service")),
            who: owned(self.text("who")),
            node: owned(self.text("node")),
            address: owned(self.personal("address")),
            what,
            named_in_answer: false,
            why: owned(self.text("detail").or(self.personal("detail")).or(self.text("reason"))),
            reference: owned(self.text("reference")),
        }
    }

    /// Adds what this event says of the person to the entry of its transaction.
    fn add_to(&self, entry: &mut Entry, whom: &Whom) {
        let of_answer = matches!(self.text("kind"), Some("disclosed" | "resources_created"));
        if matches!(whom, Whom::Patient(_)) && of_answer {
            entry.named_in_answer = true;
        }
    }
}

/// Whether `named`, as the log has it, is the patient `asked` for.
fn names_patient(named: &str, asked: &str) -> bool {
    let ends_so = |mark: char| named.rsplit_once(mark).is_some_and(|(_, id)| id == asked);
    named == asked
        || named
            .strip_suffix(asked)
            .is_some_and(|before| asked.starts_with("Patient/") && before.ends_with('/'))
        || (!asked.contains(['/', '|']) && (ends_so('/') || ends_so('|')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_is_found_by_every_name_that_the_log_has_for_them() {
        for (named, asked) in [
            ("Patient/p1", "Patient/p1"),
            ("Patient/p1", "p1"),
            ("urn:mrn|7", "7"),
            ("urn:mrn|7", "urn:mrn|7"),
            ("https://other/fhir/Patient/p1", "Patient/p1"),
        ] {
            assert!(names_patient(named, asked), "{named} {asked}");
        }
        for (named, asked) in [("Patient/p11", "p1"), ("Patient/ap1", "p1"), ("xPatient/p1", "Patient/p1")] {
            assert!(!names_patient(named, asked), "{named} {asked}");
        }
    }
}
