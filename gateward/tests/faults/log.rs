//! Reads the event log from outside, as an auditor with nothing but the store would.

use std::collections::HashMap;
use std::time::Duration;

use audit_log::{Event as Covered, PersonalHash};
use jiff::Timestamp;
use serde_json::Value;

use crate::cluster::patience::eventually;
use crate::store_under_test::{StoreUnderTest, bytes};

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    pub position: u64,
    pub recorded_at: Timestamp,
    pub body: Value,
}

impl Event {
    pub fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    pub fn kind(&self) -> &str {
        self.text("kind")
    }
}

/// Reads the events from `position` on.
pub fn events_from(store: &StoreUnderTest, position: u64) -> Vec<Event> {
    let sql = "SELECT position, recorded_at, body FROM event WHERE position >=";
    let rows = store.rows(&format!("{sql} {position} ORDER BY position"));
    let event = |row: Vec<String>| Event {
        position: row[0].parse().unwrap(),
        recorded_at: row[1].parse().unwrap(),
        body: serde_json::from_str(&row[2]).unwrap(),
    };
    rows.into_iter().map(event).collect()
}

pub fn events(store: &StoreUnderTest) -> Vec<Event> {
    events_from(store, 0)
}

/// How many events there are: the position of the next.
pub fn length(store: &StoreUnderTest) -> u64 {
    store.value("SELECT count(*) FROM event").parse().unwrap()
}

/// Waits for an event of this kind at `position` or later.
pub fn wait_for(store: &StoreUnderTest, kind: &str, position: u64, within: Duration) -> Event {
    eventually(&format!("an event {kind}"), within, || {
        events_from(store, position).into_iter().find(|event| event.kind() == kind)
    })
}

/// Checks what must hold of every log: no gap in the positions, time never back, every body and
/// personal part JSON, every entry the hash of what it covers, and a search row for each event.
pub fn check(store: &StoreUnderTest) {
    let rows = store.rows(
        "SELECT event.position, id, format_version, instance, occurred_at, event.recorded_at, salt, body, \
         personal_salt, personal, personal_hash, entry, search.kind FROM event LEFT JOIN search \
         ON search.position = event.position ORDER BY event.position",
    );
    let mut last = "";
    for (next, row) in rows.iter().enumerate() {
        let (id, body, personal) = (&row[1], &row[7], &row[9]);
        assert_eq!(row[0], next.to_string(), "the positions have a gap");
        assert!(last <= row[5].as_str(), "{id} was recorded before its predecessor");
        let parsed: Value = serde_json::from_str(body).unwrap();
        assert_eq!(&parsed.to_string(), body, "{id} is not canonical");
        serde_json::from_str::<Value>(personal).unwrap();
        let personal_hash = PersonalHash::of(&bytes(&row[8]), personal);
        assert_eq!(personal_hash.0, bytes(&row[10]), "the personal part of {id}");
        let covered = Covered {
            id,
            format_version: row[2].parse().unwrap(),
            instance: &row[3],
            occurred_at: &row[4],
            recorded_at: &row[5],
            body,
        };
        let entry = covered.entry(&bytes(&row[6]), personal_hash);
        assert_eq!(entry.0, bytes(&row[11]), "the entry of {id}");
        assert_eq!(row[12], parsed["kind"], "the search row of {id}");
        last = &row[5];
    }
    assert!(!rows.is_empty(), "the log is empty");
}

/// Checks that everything that was admitted has ended, once; returns the deliveries by transaction.
pub fn check_transactions(store: &StoreUnderTest) -> HashMap<String, String> {
    let mut open = HashMap::new();
    let mut ended = HashMap::new();
    for event in events(store) {
        let transaction = event.text("transaction").to_owned();
        match event.kind() {
            "admitted" => assert!(open.insert(transaction, event.position).is_none(), "admitted twice"),
            "ended" => {
                assert!(open.remove(&transaction).is_some(), "{transaction} ended twice or never began");
                ended.insert(transaction, event.text("delivery").to_owned());
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "admitted and never ended: {open:?}");
    ended
}
