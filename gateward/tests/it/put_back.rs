//! An older state of the log is put back while the server runs: nothing is written on top of it, and what is missing
//! is named by a checkpoint that was kept elsewhere.

use std::path::Path;

use jiff::SignedDuration;

use crate::store_under_test::StoreUnderTest;
use crate::support::Installation;
use crate::tampering::{checkpoint, take_guards_away, verify};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

async fn visit(door: &Installation, mail: &str) {
    let login = door.exchange(&door.token(mail, "/epos/demo", HOUR)).await;
    door.fetch(&login).await;
}

/// The door is shut, nothing is appended, and what is missing behind `kept` is named.
async fn refused_and_named(door: &Installation, kept: &Path) {
    let events = || door.database().value("SELECT count(*) FROM event");
    let before = events();
    let token = door.token("c@example.org", "/epos/demo", HOUR);
    let answer = door.connect().await.post("/auth", token).await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(events(), before, "nothing is written on top of what was put back");
    let (said, good) = verify(door, kept);
    assert!(!good && said.contains("missing: there is a checkpoint of"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_older_dump_put_back_under_the_running_server_are_refused_and_named() {
    let door = Installation::open().await;
    visit(&door, "a@example.org").await;
    let older = door.database().rows("SELECT next_position, recorded_at, edge FROM log_head").remove(0);
    visit(&door, "b@example.org").await;
    let kept = door.path("kept");
    std::fs::write(&kept, checkpoint(&door)).unwrap();
    take_guards_away(&door);
    let edge = match door.database() {
        StoreUnderTest::Sqlite(_) => format!("X'{}'", older[2].trim_start_matches("\\x")),
        StoreUnderTest::Postgres(_) => format!("'{}'", older[2]),
    };
    let (next, at) = (&older[0], &older[1]);
    door.database().execute(&format!(
        "DELETE FROM event WHERE position >= {next}; DELETE FROM search WHERE position >= {next}; \
         DELETE FROM checkpoint WHERE size > {next}; \
         UPDATE log_head SET next_position = {next}, recorded_at = '{at}', edge = {edge}"
    ));
    refused_and_named(&door, &kept).await;
    let signed = door.database().value("SELECT coalesce(max(size), 0) FROM checkpoint");
    assert!(signed.parse::<u64>().unwrap() <= next.parse().unwrap(), "no fork was signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_file_put_in_the_place_of_the_stores_under_the_running_server_is_refused_and_named() {
    let mut door = Installation::open().await;
    let StoreUnderTest::Sqlite(path) = door.database() else { return };
    visit(&door, "a@example.org").await;
    door.stop().await;
    std::fs::copy(&path, door.path("older")).unwrap();
    door.start().await;
    visit(&door, "b@example.org").await;
    let kept = door.path("kept");
    std::fs::write(&kept, checkpoint(&door)).unwrap();
    for end in ["-wal", "-shm"] {
        drop(std::fs::remove_file(format!("{}{end}", path.display())));
    }
    std::fs::rename(door.path("older"), &path).unwrap();
    refused_and_named(&door, &kept).await;
}
