//! Somebody who owns the database changes the log: each way is found and named by `gateward audit verify` with a
//! checkpoint that was kept elsewhere.

use std::path::PathBuf;

use crate::store_under_test::StoreUnderTest;
use crate::support::Installation;

/// An installation whose log was signed, with the checkpoint kept elsewhere and the guards taken away.
async fn kept() -> (Installation, PathBuf) {
    let mut door = Installation::open().await;
    for name in ["a", "b", "c"] {
        let token =
            door.token(&format!("{name}@example.org"), "/epos/demo", jiff::SignedDuration::from_hours(1));
        let login = door.exchange(&token).await;
        door.fetch(&login).await;
    }
    door.stop().await;
    let file = door.path("kept");
    std::fs::write(&file, checkpoint(&door)).unwrap();
    let (said, good) = verify(&door, &file);
    assert!(good && said.contains("all of them are bound"), "{said}");
    let open = match door.database() {
        StoreUnderTest::Sqlite(_) => {
            let triggers = door.database().rows("SELECT name FROM sqlite_schema WHERE type = 'trigger'");
            triggers.iter().map(|row| format!("DROP TRIGGER {};", row[0])).collect::<Vec<_>>().concat()
        }
        StoreUnderTest::Postgres(_) => ["event", "checkpoint", "log_node"]
            .map(|table| format!("ALTER TABLE {table} DISABLE TRIGGER ALL;"))
            .concat(),
    };
    door.database().execute(&open);
    (door, file)
}

fn checkpoint(door: &Installation) -> String {
    let (note, good) = door.command(&["audit", "checkpoint"]);
    assert!(good, "{note}");
    note
}

fn verify(door: &Installation, kept: &std::path::Path) -> (String, bool) {
    door.command(&["audit", "verify", "--checkpoint", kept.to_str().unwrap()])
}

/// Changes the log by `sql`, and finds it named as `named`.
async fn found(sql: &str, named: &str) {
    let (door, file) = kept().await;
    let id = door.database().value("SELECT id FROM event WHERE position = 5");
    door.database().execute(sql);
    let (said, good) = verify(&door, &file);
    assert!(!good && said.contains(&named.replace("ID", &id)), "{sql}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_names_its_event() {
    found(
        "UPDATE event SET body = replace(body, '\"kind\"', '\"kimd\"') WHERE position = 5",
        "WRONG: event 5 (ID): changed: its parts do not make its entry",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_person_names_its_event() {
    found(
        "UPDATE event SET personal = '{\"address\":\"192.0.2.7\"}' WHERE position = 5",
        "WRONG: event 5 (ID): changed: its personal part",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_taken_out_is_named() {
    found("DELETE FROM event WHERE position = 5", "WRONG: event 5: missing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_entry_was_changed_with_it_is_between_two_checkpoints() {
    // Two events change places; each fits its entry, and their times are the same.
    found(
        "UPDATE event SET recorded_at = (SELECT recorded_at FROM event WHERE position = 5) WHERE position IN (5, 6); \
         UPDATE event SET position = -5 WHERE position = 5; UPDATE event SET position = 5 WHERE position = 6; \
         UPDATE event SET position = 6 WHERE position = -5"
            .replace("position = -5", "position = 1000005")
            .as_str(),
        "WRONG: event",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_put_in_is_found() {
    let columns = "id, format_version, instance, occurred_at, recorded_at, salt, body, personal_salt, personal, \
                   personal_hash, entry";
    let made = columns.replacen("id", "'00000000-0000-7000-8000-000000000000'", 1);
    found(
        &format!(
            "UPDATE event SET position = position + 1000000 WHERE position >= 5; \
             INSERT INTO event (position, {columns}) SELECT 5, {made} FROM event WHERE position = 4; \
             UPDATE event SET position = position - 999999 WHERE position >= 1000000"
        ),
        "WRONG: event 5 (00000000-0000-7000-8000-000000000000)",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_events_cut_off_are_missing() {
    let (door, file) = kept().await;
    let size: u64 = door.database().value("SELECT next_position FROM log_head").parse().unwrap();
    door.database().execute(&format!("DELETE FROM event WHERE position >= {}", size - 2));
    let (said, good) = verify(&door, &file);
    let named = format!(
        "WRONG: events {} to {}: missing: there is a checkpoint of {size} events",
        size - 2,
        size - 1
    );
    assert!(!good && said.contains(&named), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_state_of_the_store_is_found_behind_what_was_kept() {
    let (door, _) = kept().await;
    let StoreUnderTest::Sqlite(path) = door.database() else { return };
    let older = std::fs::read(&path).unwrap();
    for _ in 0..3 {
        let opened = door.door().await;
        opened.recorder.note_failure(door.now(), "a test");
        opened.recorder.close_gap(door.now()).await.unwrap();
    }
    let file = door.path("kept later");
    std::fs::write(&file, checkpoint(&door)).unwrap();
    for end in ["-wal", "-shm"] {
        drop(std::fs::remove_file(format!("{}{end}", path.display())));
    }
    std::fs::write(&path, older).unwrap();
    let (said, good) = verify(&door, &file);
    assert!(!good && said.contains("missing: there is a checkpoint of"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_installations_store_is_not_this_one() {
    let (door, _) = kept().await;
    let (_other, file) = kept().await;
    let (said, good) = verify(&door, &file);
    assert!(!good && said.contains("WRONG"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_in_the_store_that_was_changed_is_named() {
    found("UPDATE checkpoint SET note = replace(note, 'gateward', 'Gateward')", "WRONG: the checkpoint of")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_proven_by_a_file_that_needs_the_key_alone() {
    let (door, _) = kept().await;
    let id = door.database().value("SELECT id FROM event WHERE position = 5");
    let (proof, good) = door.command(&["audit", "prove", &id]);
    assert!(good, "{proof}");
    let proof: audit_log::LogProof = proof.parse().unwrap();
    let entry = door.database().value("SELECT entry FROM event WHERE position = 5");
    let entry = audit_log::Entry(crate::store_under_test::bytes(&entry));
    let (key, _) = door.command(&["audit", "key"]);
    proof.verify(&entry, &[key.trim().parse().unwrap()]).unwrap();
    assert_eq!(proof.index, 5);
    assert!(proof.verify(&audit_log::Entry([0; 32]), &[key.trim().parse().unwrap()]).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_after_a_checkpoint_is_verified_from_there() {
    let (door, file) = kept().await;
    let (said, good) = door.command(&["audit", "verify", "--since", file.to_str().unwrap()]);
    assert!(good && said.starts_with("good: 0 events"), "{said}");
    let opened = door.door().await;
    opened.recorder.note_failure(door.now(), "a test");
    opened.recorder.close_gap(door.now()).await.unwrap();
    let (said, good) = door.command(&["audit", "verify", "--since", file.to_str().unwrap()]);
    assert!(good && said.starts_with("good: 1 events"), "{said}");
}
