//! Every column of the log changed in turn, a byte of it: each is found and named.

use std::path::Path;

use gateward::flows::record::{Happened, What};

use super::{checkpoint, kept, take_guards_away, verify};
use crate::store_under_test::StoreUnderTest;
use crate::support::Installation;

/// The value as SQL spells it; bytes as they are read.
fn literal(door: &Installation, value: &str) -> String {
    match (door.database(), value.strip_prefix("\\x")) {
        (StoreUnderTest::Sqlite(_), Some(digits)) => format!("X'{digits}'"),
        _ => format!("'{}'", value.replace('\'', "''")),
    }
}

/// The same, with one bit of the last byte flipped.
fn flipped(value: &str) -> String {
    let (rest, last) = value.split_at(value.len() - 1);
    let digit = last.as_bytes()[0];
    let last = if value.starts_with("\\x") {
        char::from_digit(char::from(digit).to_digit(16).unwrap() ^ 1, 16).unwrap()
    } else {
        char::from(digit ^ 1)
    };
    format!("{rest}{last}")
}

/// Changes the log by `sql`, finds it named, and changes it back.
fn named(door: &Installation, kept: &Path, [sql, back]: [&str; 2], named: &[&str]) {
    door.database().execute(sql);
    let (said, good) = verify(door, kept);
    assert!(!good && said.contains("WRONG"), "{sql}: {said}");
    assert!(named.iter().all(|named| said.contains(named)), "{sql}: {said}");
    door.database().execute(back);
}

/// Flips a bit of one value, and finds it named.
fn flip(door: &Installation, kept: &Path, (table, column, row): (&str, &str, &str), found: &[&str]) {
    let value = door.database().value(&format!("SELECT {column} FROM {table} WHERE {row}"));
    let set = |value: &str| format!("UPDATE {table} SET {column} = {} WHERE {row}", literal(door, value));
    named(door, kept, [&set(&flipped(&value)), &set(&value)], found);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_flipped_in_any_column_of_an_event_names_the_event() {
    let (door, file) = kept().await;
    let (entry, personal) = ("changed: its parts do not make its entry", "changed: its personal part");
    for (column, fault) in [
        ("id", entry),
        ("format_version", "of format 0"),
        ("instance", entry),
        ("occurred_at", entry),
        ("recorded_at", entry),
        ("salt", entry),
        ("body", entry),
        ("personal_salt", personal),
        ("personal", personal),
        ("personal_hash", personal),
        ("entry", entry),
    ] {
        flip(&door, &file, ("event", column, "position = 5"), &["event 5 (", fault]);
    }
    let [gone, back] = [(5, 1_000_005), (1_000_005, 5)]
        .map(|(from, to)| format!("UPDATE event SET position = {to} WHERE position = {from}"));
    named(&door, &file, [&gone, &back], &["event 5: missing"]);
    let (said, good) = verify(&door, &file);
    assert!(good, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_flipped_beside_the_events_is_named_as_what_it_is() {
    let (door, file) = kept().await;
    let head = "the events are not those that the head of the log was made from";
    flip(&door, &file, ("log_head", "edge", "one = 1"), &[head]);
    let size = door.database().value("SELECT max(size) FROM checkpoint");
    let row = format!("size = {size}");
    for column in ["root", "origin", "note"] {
        flip(
            &door,
            &file,
            ("checkpoint", column, &row),
            &[&format!("the checkpoint of {size} events in the store")],
        );
    }
    let grown = format!("UPDATE checkpoint SET size = 1000000 WHERE {row}");
    let back = format!("UPDATE checkpoint SET size = {size} WHERE size = 1000000");
    named(&door, &file, [&grown, &back], &["the checkpoint of 1000000 events in the store"]);
    let (said, good) = verify(&door, &file);
    assert!(good, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_whose_nodes_were_changed_swapped_or_taken_out_is_named_by_the_events_below() {
    let mut door = Installation::open().await;
    door.stop().await;
    let (opened, time) = (door.door().await, door.now().to_string());
    let what = What::Gap { refused: 1, since: time.clone(), until: time, reason: "a test".into() };
    let many = vec![Happened::done(what); 600];
    opened.recorder.commit(None, Vec::new(), &many, door.now()).await.unwrap();
    let file = door.path("kept");
    std::fs::write(&file, checkpoint(&door)).unwrap();
    take_guards_away(&door);
    for (number, events) in [("0", "WRONG: events 0 to 255"), ("1", "WRONG: events 256 to 511")] {
        let row = format!("level = 1 AND number = {number}");
        flip(&door, &file, ("log_node", "hash", &row), &[events]);
    }
    let swap = "UPDATE log_node SET number = number + 1000; \
                UPDATE log_node SET number = 1001 - number WHERE level = 1";
    named(&door, &file, [swap, swap], &["WRONG: events 0 to 255"]);
    let (said, good) = verify(&door, &file);
    assert!(good, "{said}");
    door.database().execute("DELETE FROM log_node WHERE level = 1 AND number = 1");
    let (said, good) = verify(&door, &file);
    assert!(!good && said.contains("WRONG: events 256 to 511"), "{said}");
}
