//! Somebody changes what searches look at, and not the events: found, named, and mended as the documents say.

use std::path::Path;

use super::{kept, verify};
use crate::store_under_test::StoreUnderTest;
use crate::support::Installation;

/// The statements of docs/audit.md that begin with this line.
fn documented(begin: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/audit.md")).unwrap();
    let (_, rest) = page.split_once(&format!("```sql\n{begin}")).expect(begin);
    rest.split_once('\n').unwrap().1.split_once("```").unwrap().0.to_owned()
}

fn mend(door: &Installation) {
    let begin = match door.database() {
        StoreUnderTest::Sqlite(_) => "-- `search`, SQLite",
        StoreUnderTest::Postgres(_) => "-- `search`, PostgreSQL",
    };
    door.database().execute(&documented(begin));
}

fn wrong(door: &Installation, kept: &Path, sql: &str, named: &str) {
    door.database().execute(sql);
    let (said, good) = verify(door, kept);
    assert!(!good && said.contains(named), "{sql}: {said}");
    mend(door);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_hidden_from_searches_is_named_and_the_documents_say_how_it_is_found_again() {
    let (door, file) = kept().await;
    let whole = "SELECT min(position) FROM search WHERE service IS NOT NULL AND who IS NOT NULL";
    let position = door.database().value(whole);
    let id = door.database().value(&format!("SELECT id FROM event WHERE position = {position}"));
    for (column, value) in [
        ("recorded_at", "'2020-01-01T00:00:00.000000Z'"),
        ("kind", "'started'"),
        ("outcome", "'erased'"),
        ("service", "NULL"),
        ("service", "'another'"),
        ("who", "NULL"),
        ("transaction_id", "'another'"),
        ("reference", "'ABCDE-FGHIJ'"),
    ] {
        let sql = format!("UPDATE search SET {column} = {value} WHERE position = {position}");
        wrong(
            &door,
            &file,
            &sql,
            &format!("WRONG: event {position} ({id}): `{column}` in its row of `search`"),
        );
    }
    let gone = format!("DELETE FROM search WHERE position = {position}");
    let named = format!("WRONG: event {position} ({id}): its row of `search` is missing");
    wrong(&door, &file, &gone, &named);
    for place in ["-1", "1000000"] {
        // By its time it is the first of all, and searches begin behind it.
        let sql = format!(
            "INSERT INTO search (position, recorded_at, kind, outcome) VALUES ({place}, '2020', 'started', 'done')"
        );
        wrong(&door, &file, &sql, &format!("WRONG: `search` has a row {place}, and the log no such event"));
    }
    let (said, good) = verify(&door, &file);
    assert!(good, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_searches_look_at_goes_with_an_erasure_and_is_made_anew_as_that_left_it() {
    let (door, file) = kept().await;
    let (said, good) = door.command(&["audit", "erase", "--person", "a@example.org"]);
    assert!(good, "{said}");
    let rows = || door.database().rows("SELECT * FROM search ORDER BY position");
    let before = rows();
    assert!(before.iter().any(|row| row[2] == "erased"));
    mend(&door);
    assert_eq!(rows(), before);
    let (said, good) = verify(&door, &file);
    assert!(good, "{said}");
    let sql = "UPDATE search SET who = 'a' WHERE kind = 'erased'";
    wrong(&door, &file, sql, "`who` in its row of `search` is not what it says");
}

/// Makes the index of the FHIR interface anew, as docs/audit.md says.
pub fn make_index_anew(door: &Installation) {
    door.database().execute(&documented("-- the index of the FHIR interface"));
}
