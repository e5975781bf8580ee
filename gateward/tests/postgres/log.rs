//! Reads the event log of a database through psql, as an auditor with nothing else would.

use std::collections::HashMap;
use std::time::Duration;

use audit_log::{Event as Covered, PersonalHash};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::cluster::patience::eventually;

/// The log in one database.
#[derive(Clone, Copy)]
pub struct Log<'a> {
    pub server: &'a Cluster,
    pub database: &'a str,
}

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    pub position: u64,
    pub recorded_at: Timestamp,
    pub instance: String,
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

impl Log<'_> {
    /// Reads the events from `position` on.
    pub fn events_from(self, position: u64) -> Vec<Event> {
        let sql = format!(
            "SELECT position, recorded_at, instance, body FROM event WHERE position >= {position} ORDER BY position"
        );
        let rows = self.server.psql(self.database, &sql);
        rows.into_iter()
            .map(|row| Event {
                position: row[0].parse().unwrap(),
                recorded_at: row[1].parse().unwrap(),
                instance: row[2].clone(),
                body: serde_json::from_str(&row[3]).unwrap(),
            })
            .collect()
    }

    pub fn events(self) -> Vec<Event> {
        self.events_from(0)
    }

    /// The position of the next event.
    pub fn length(self) -> u64 {
        self.server.psql(self.database, "SELECT count(*) FROM event")[0][0].parse().unwrap()
    }

    /// Waits until there are `count` events of this kind at `position` or later; returns them.
    #[track_caller]
    pub fn wait_for(self, count: usize, kind: &str, position: u64, within: Duration) -> Vec<Event> {
        eventually(&format!("{count} events {kind}"), within, || {
            let events = self.events_from(position).into_iter().filter(|event| event.kind() == kind);
            Some(events.collect::<Vec<_>>()).filter(|events| events.len() >= count)
        })
    }

    /// Checks what must hold of every log: no gap in the positions, time never back, every body
    /// canonical, every entry the hash of what it covers, a search row for each event, and the head
    /// behind the last.
    #[track_caller]
    pub fn check(self) {
        let rows = self.server.psql(
            self.database,
            "SELECT event.position, id, format_version, instance, occurred_at, event.recorded_at, \
             encode(salt, 'hex'), body, encode(personal_salt, 'hex'), personal, encode(personal_hash, 'hex'), \
             encode(entry, 'hex'), search.kind FROM event LEFT JOIN search \
             ON search.position = event.position ORDER BY event.position",
        );
        let mut last = "";
        for (position, row) in rows.iter().enumerate() {
            let id = &row[1];
            assert_eq!(row[0], position.to_string(), "the positions have a gap");
            assert!(last <= row[5].as_str(), "{id} was recorded before its predecessor");
            let body: Value = serde_json::from_str(&row[7]).unwrap();
            assert_eq!(body.to_string(), row[7], "{id} is not canonical");
            let personal_hash = PersonalHash::of(&bytes(&row[8]), &row[9]);
            assert_eq!(HEXLOWER.encode(&personal_hash.0), row[10], "the personal part of {id}");
            let covered = Covered {
                id,
                format_version: row[2].parse().unwrap(),
                instance: &row[3],
                occurred_at: &row[4],
                recorded_at: &row[5],
                body: &row[7],
            };
            let entry = covered.entry(&bytes(&row[6]), personal_hash);
            assert_eq!(HEXLOWER.encode(&entry.0), row[11], "the entry of {id}");
            assert_eq!(row[12], body["kind"], "the search row of {id}");
            last = &row[5];
        }
        assert!(!rows.is_empty(), "the log is empty");
    }

    /// Checks that everything that was admitted has ended, once; returns the deliveries by transaction.
    #[track_caller]
    pub fn check_transactions(self) -> HashMap<String, String> {
        let mut open = HashMap::new();
        let mut ended = HashMap::new();
        for event in self.events() {
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

    /// How many transactions are open.
    pub fn open(self) -> usize {
        self.server.psql(self.database, "SELECT count(*) FROM open_transaction")[0][0].parse().unwrap()
    }
}

fn bytes(hex: &str) -> [u8; 16] {
    HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
}
