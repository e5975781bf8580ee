//! Rows of an event, computed beforehand, for whoever writes them by hand.
//!
//! Another benchmark takes it in with `#[path = "../store/row.rs"] mod row;`.
#![allow(dead_code, reason = "shared: no benchmark uses all of it")]

use audit_log::{Event, FORMAT_VERSION, PersonalHash};
use gateward::base::time::stored;
use gateward::store::event::NewEvent;
use jiff::Timestamp;

/// An event's row, whole: what the raw way writes.
pub struct Row {
    pub position: i64,
    pub id: String,
    pub instance: String,
    pub occurred_at: String,
    pub recorded_at: String,
    pub personal_hash: [u8; 32],
    pub entry: [u8; 32],
    pub transaction: Option<String>,
    pub reference: Option<String>,
    pub event: NewEvent,
}

impl Row {
    pub fn new(position: i64, recorded_at: Timestamp, event: NewEvent) -> Self {
        let (id, instance) = (event.id.to_string(), event.instance.to_string());
        let (occurred_at, recorded_at) = (stored(event.occurred_at), stored(recorded_at));
        let personal_hash = PersonalHash::of(&event.personal_salt, &event.personal);
        let covered = Event {
            id: &id,
            format_version: FORMAT_VERSION,
            instance: &instance,
            occurred_at: &occurred_at,
            recorded_at: &recorded_at,
            body: &event.body,
        };
        let entry = covered.entry(&event.salt, personal_hash).0;
        let transaction = event.search.transaction.map(|id| id.to_string());
        let reference = event.search.reference.map(|reference| reference.to_string());
        let personal_hash = personal_hash.0;
        Self {
            position,
            id,
            instance,
            occurred_at,
            recorded_at,
            personal_hash,
            entry,
            transaction,
            reference,
            event,
        }
    }

    /// How many bytes its values have, in both tables.
    pub fn bytes(&self) -> usize {
        let text = [&self.id, &self.instance, &self.occurred_at, &self.recorded_at, &self.recorded_at];
        let search = &self.event.search;
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        text.map(String::len).iter().sum::<usize>()
            + self.event.body.len()
            + self.event.personal.len()
            + (16 + 16 + 32 + 32 + 8 + 8 + 8)
            + search.kind.len()
            + search.outcome.len()
            + of(&search.service)
            + of(&search.who)
            + of(&self.transaction)
            + of(&self.reference)
    }
}
