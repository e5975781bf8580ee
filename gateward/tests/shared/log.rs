//! Reads the event log from outside, as an auditor with nothing but the store would.
#![allow(dead_code, reason = "shared: no test target uses all of it")]

use std::collections::HashMap;
use std::time::Duration;

use audit_log::{Event as Covered, PersonalHash};
use jiff::Timestamp;
use serde_json::Value;

use super::cluster::Cluster;
use super::cluster::patience::eventually;
use super::store_under_test::{StoreUnderTest, bytes};

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

/// One database of a PostgreSQL server.
#[derive(Clone, Copy)]
pub struct Database<'a> {
    pub server: &'a Cluster,
    pub name: &'a str,
}

impl Log for Database<'_> {
    #[track_caller]
    fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        self.server.psql(self.name, sql)
    }
}

impl Log for StoreUnderTest {
    #[track_caller]
    fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        self.rows(sql)
    }
}

/// The event log of a store.
pub trait Log {
    /// Reads rows, as [`StoreUnderTest::rows`] writes them.
    fn rows(&self, sql: &str) -> Vec<Vec<String>>;

    /// Reads the events from `position` on.
    #[track_caller]
    fn events_from(&self, position: u64) -> Vec<Event> {
        let sql = "SELECT position, recorded_at, instance, body FROM event WHERE position >=";
        let rows = self.rows(&format!("{sql} {position} ORDER BY position"));
        let event = |row: Vec<String>| Event {
            position: row[0].parse().unwrap(),
            recorded_at: row[1].parse().unwrap(),
            instance: row[2].clone(),
            body: serde_json::from_str(&row[3]).unwrap(),
        };
        rows.into_iter().map(event).collect()
    }

    #[track_caller]
    fn events(&self) -> Vec<Event> {
        self.events_from(0)
    }

    /// How many events there are: the position of the next.
    #[track_caller]
    fn length(&self) -> u64 {
        self.rows("SELECT count(*) FROM event")[0][0].parse().unwrap()
    }

    /// Waits for an event of this kind at `position` or later; returns the first.
    #[track_caller]
    fn wait_for(&self, kind: &str, position: u64, within: Duration) -> Event {
        self.wait_for_all(1, kind, position, within).swap_remove(0)
    }

    /// Waits until there are `count` events of this kind at `position` or later; returns them.
    #[track_caller]
    fn wait_for_all(&self, count: usize, kind: &str, position: u64, within: Duration) -> Vec<Event> {
        eventually(&format!("{count} events {kind}"), within, || {
            let events = self.events_from(position).into_iter().filter(|event| event.kind() == kind);
            Some(events.collect::<Vec<_>>()).filter(|events| events.len() >= count)
        })
    }

    /// How many transactions are open.
    #[track_caller]
    fn open(&self) -> usize {
        self.rows("SELECT count(*) FROM open_transaction")[0][0].parse().unwrap()
    }

    /// Checks what must hold of every log: no gap in the positions, time never back, every body
    /// canonical and every personal part JSON, every entry the hash of what it covers, and a search row
    /// for each event.
    #[track_caller]
    fn check(&self) {
        let rows = self.rows(
            "SELECT event.position, id, format_version, instance, occurred_at, event.recorded_at, salt, body, \
             personal_salt, personal, personal_hash, entry, search.kind FROM event LEFT JOIN search \
             ON search.position = event.position ORDER BY event.position",
        );
        let mut last = "";
        for (next, row) in rows.iter().enumerate() {
            let (id, body, personal) = (&row[1], &row[7], &row[9]);
            assert_eq!(row[0], next.to_string(), "the positions have a gap");
            assert!(last <= row[5].as_str(), "{id} was recorded before its predecessor");
            if body.is_empty() {
                let all = [&row[6], &row[8], personal];
                assert!(all.iter().all(|part| part.is_empty()), "{id} is half erased");
                assert_eq!(row[12], "erased", "the search row of {id}");
                last = &row[5];
                continue;
            }
            let parsed: Value = serde_json::from_str(body).unwrap();
            assert_eq!(&parsed.to_string(), body, "{id} is not canonical");
            let personal_hash = PersonalHash(bytes(&row[10]));
            if !personal.is_empty() {
                serde_json::from_str::<Value>(personal).unwrap();
                let made = PersonalHash::of(&bytes(&row[8]), personal);
                assert_eq!(made, personal_hash, "the personal part of {id}");
            }
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
    #[track_caller]
    fn check_transactions(&self) -> HashMap<String, String> {
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
}
