//! Reads the event log from outside, as an auditor with nothing but the file would.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use audit_log::{Event as Covered, PersonalHash};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, params};
use serde_json::Value;

use crate::support::eventually;

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

fn open(store: &Path) -> Connection {
    let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection.pragma_update(None, "query_only", "on").unwrap();
    connection
}

/// Reads the events from `position` on.
pub fn events_from(store: &Path, position: u64) -> Vec<Event> {
    let connection = open(store);
    let mut statement = connection
        .prepare("SELECT position, recorded_at, body FROM event WHERE position >= ?1 ORDER BY position")
        .unwrap();
    let rows = statement
        .query_map(params![i64::try_from(position).unwrap()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })
        .unwrap();
    rows.map(|row| {
        let (position, recorded_at, body) = row.unwrap();
        Event {
            position: position.unsigned_abs(),
            recorded_at: recorded_at.parse().unwrap(),
            body: serde_json::from_str(&body).unwrap(),
        }
    })
    .collect()
}

pub fn events(store: &Path) -> Vec<Event> {
    events_from(store, 0)
}

/// How many events there are: the position of the next.
pub fn length(store: &Path) -> u64 {
    let count: i64 = open(store).query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
    count.unsigned_abs()
}

/// Waits for an event of this kind at `position` or later.
pub fn wait_for(store: &Path, kind: &str, position: u64, within: Duration) -> Event {
    eventually(&format!("an event {kind}"), within, || {
        events_from(store, position).into_iter().find(|event| event.kind() == kind)
    })
}

/// Checks what must hold of every log: no gap in the positions, time never back, every body and
/// personal part JSON, every entry the hash of what it covers, and a search row for each event.
pub fn check(store: &Path) {
    let connection = open(store);
    let mut statement = connection
        .prepare(
            "SELECT event.position, id, format_version, instance, occurred_at, event.recorded_at, salt, body, \
             personal_salt, personal, personal_hash, entry, search.kind FROM event LEFT JOIN search \
             ON search.position = event.position ORDER BY event.position",
        )
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut next = 0;
    let mut last = String::new();
    while let Some(row) = rows.next().unwrap() {
        let text = |column: usize| row.get::<_, String>(column).unwrap();
        assert_eq!(row.get::<_, i64>(0).unwrap(), next, "the positions have a gap");
        next += 1;
        let (id, instance, occurred_at, recorded_at, body) = (text(1), text(3), text(4), text(5), text(7));
        assert!(last <= recorded_at, "{id} was recorded before its predecessor");
        let parsed: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(parsed.to_string(), body, "{id} is not canonical");
        let personal = text(9);
        serde_json::from_str::<Value>(&personal).unwrap();
        let personal_hash = PersonalHash::of(&row.get(8).unwrap(), &personal);
        assert_eq!(personal_hash.0, row.get::<_, [u8; 32]>(10).unwrap(), "the personal part of {id}");
        let covered = Covered {
            id: &id,
            format_version: row.get(2).unwrap(),
            instance: &instance,
            occurred_at: &occurred_at,
            recorded_at: &recorded_at,
            body: &body,
        };
        let entry = covered.entry(&row.get(6).unwrap(), personal_hash);
        assert_eq!(entry.0, row.get::<_, [u8; 32]>(11).unwrap(), "the entry of {id}");
        assert_eq!(text(12), parsed["kind"], "the search row of {id}");
        last = recorded_at;
    }
    assert!(next > 0, "the log is empty");
}

/// Checks that everything that was admitted has ended, once; returns the deliveries by transaction.
pub fn check_transactions(store: &Path) -> HashMap<String, String> {
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
