//! Somebody who owns the database changes the log: each way is found and named by `gateward audit verify` with a
//! checkpoint that was kept elsewhere.

mod columns;
mod searched;

use std::path::PathBuf;

use audit_log::PersonalHash;
use serde_json::Value;

pub use self::searched::make_index_anew;
use crate::store_under_test::{self, StoreUnderTest};
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
    take_guards_away(&door);
    (door, file)
}

/// Takes away what guards the log against mistakes, as whoever owns the database can.
pub fn take_guards_away(door: &Installation) {
    let open = match door.database() {
        StoreUnderTest::Sqlite(_) => {
            let triggers = door.database().rows("SELECT name FROM sqlite_schema WHERE type = 'trigger'");
            triggers.iter().map(|row| format!("DROP TRIGGER {};", row[0])).collect::<Vec<_>>().concat()
        }
        StoreUnderTest::Postgres(_) => ["event", "search", "checkpoint", "log_node"]
            .map(|table| format!("ALTER TABLE {table} DISABLE TRIGGER ALL;"))
            .concat(),
    };
    door.database().execute(&open);
}

pub fn checkpoint(door: &Installation) -> String {
    let (note, good) = door.command(&["audit", "checkpoint"]);
    assert!(good, "{note}");
    note
}

pub fn verify(door: &Installation, kept: &std::path::Path) -> (String, bool) {
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
    let entry = audit_log::Entry(store_under_test::bytes(&entry));
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

#[tokio::test(flavor = "multi_thread")]
async fn an_event_put_in_behind_the_end_is_named() {
    let columns = "id, format_version, instance, occurred_at, recorded_at, salt, body, personal_salt, personal, \
                   personal_hash, entry";
    let made = columns.replacen("id", "'00000000-0000-7000-8000-000000000000'", 1);
    found(
        &format!(
            "INSERT INTO event (position, {columns}) SELECT 1000000, {made} FROM event WHERE position = 4"
        ),
        "WRONG: event 1000000 stands where the log has none",
    )
    .await;
}

/// Nothing binds it: searches and reports would show it all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_into_an_erased_event_is_named() {
    let salt = [7; 16];
    let hash = PersonalHash::of(&salt, "{}").0;
    let bytes = |bytes: &[u8]| {
        let hex = data_encoding::HEXLOWER.encode(bytes);
        if store_under_test::is_postgres() { format!("decode('{hex}', 'hex')") } else { format!("x'{hex}'") }
    };
    let whole = format!("personal_salt = {}, personal_hash = {}", bytes(&salt), bytes(&hash));
    let unchecked = if store_under_test::is_postgres() {
        "DO $$ DECLARE named name; BEGIN FOR named IN SELECT conname FROM pg_constraint \
         WHERE conrelid = 'event'::regclass AND contype = 'c' \
         LOOP EXECUTE 'ALTER TABLE event DROP CONSTRAINT ' || quote_ident(named); END LOOP; END $$"
    } else {
        "PRAGMA ignore_check_constraints = ON"
    };
    for put_in in ["body = '{}'", "personal = '{}'", &format!("personal = '{{}}', {whole}")] {
        let (door, file) = kept().await;
        assert!(door.command(&["audit", "erase", "--person", "a@example.org"]).1);
        let (said, good) = verify(&door, &file);
        assert!(good, "{said}");
        let emptied = door.database().value("SELECT min(position) FROM event WHERE body IS NULL");
        door.database()
            .execute(&format!("{unchecked}; UPDATE event SET {put_in} WHERE position = {emptied}"));
        let (said, good) = verify(&door, &file);
        assert!(!good && said.contains("WRONG"), "{put_in}: {said}");
    }
}

/// Puts in the row of a log that goes on from this one, and says that a million events were lost.
pub fn put_in_another_log(door: &Installation) {
    let origin = door.database().value("SELECT origin FROM log");
    door.database().execute(&format!(
        "INSERT INTO log (number, origin, began_at, took_over, old_origin, old_size, old_root) SELECT 2, \
         'gateward/00000000000000000000000000000000', began_at, 1, '{origin}', 1000000, root FROM log, \
         (SELECT root FROM checkpoint ORDER BY size DESC LIMIT 1) AS newest"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_no_event_tells_of_is_named() {
    let (door, _) = kept().await;
    put_in_another_log(&door);
    let (said, good) = door.command(&["audit", "verify"]);
    assert!(!good && said.contains("no event says that this log goes on from another one"), "{said}");
}

/// Whoever may append to it appends the old checkpoint of a store that they put back.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_file_of_many_checkpoints_the_largest_counts_wherever_it_stands() {
    let (mut door, file) = kept().await;
    let older = std::fs::read_to_string(&file).unwrap();
    let before = door.database().keep();
    door.start().await;
    let login =
        door.exchange(&door.token("d@example.org", "/epos/demo", jiff::SignedDuration::from_hours(1))).await;
    door.fetch(&login).await;
    door.stop().await;
    let newer = door.command(&["audit", "checkpoint"]).0;
    let half = newer[..newer.len() / 2].to_owned();
    door.database().put_back(&before);
    for text in
        [format!("{older}\n{newer}"), format!("{newer}\n{older}"), format!("{newer}\n{older}\n{half}")]
    {
        std::fs::write(&file, &text).unwrap();
        let (said, good) = verify(&door, &file);
        assert!(!good && said.contains("missing: there is a checkpoint of"), "{text}: {said}");
    }
    std::fs::write(&file, format!("{older}\n{half}")).unwrap();
    let (said, good) = verify(&door, &file);
    assert!(good, "half a note is passed over: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_without_any_checkpoint_is_not_called_good() {
    let (door, _) = kept().await;
    let export = door.path("export");
    let to = export.to_str().unwrap();
    assert!(door.command(&["audit", "export", "--format", "ndjson", "--out", to]).1);
    let text = std::fs::read_to_string(&export).unwrap();
    let (events, last) = text.trim_end().rsplit_once('\n').unwrap();
    let mut last: Value = serde_json::from_str(last).unwrap();
    last.as_object_mut().unwrap().retain(|name, _| !["checkpoint", "consistency"].contains(&name.as_str()));
    std::fs::write(&export, format!("{events}\n{last}\n")).unwrap();
    let key = door.command(&["audit", "key"]).0;
    let done = door.run(&["audit", "verify", "--export", to, "--key", key.trim_end()]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("anybody can write such a file"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proof_is_given_that_does_not_hold() {
    let (door, _) = kept().await;
    let id = door.database().value("SELECT id FROM event WHERE position = 5");
    assert!(door.command(&["audit", "prove", &id]).1);
    let other = "(SELECT entry FROM event WHERE position = 4)";
    door.database().execute(&format!("UPDATE event SET entry = {other} WHERE position = 5"));
    let done = door.run(&["audit", "prove", &id]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && done.stdout.is_empty(), "{said}");
    assert!(said.contains("the proof does not hold") || said.contains("nothing is signed"), "{said}");
}

/// Empties an event and says in the tables beside the log that the erasure `by` took it.
fn emptied_by_hand(position: &str, by: &str) -> String {
    format!(
        "UPDATE event SET salt = NULL, body = NULL, personal_salt = NULL, personal = NULL WHERE position = \
         {position}; INSERT INTO erased_whole (first_position, last_position, erasure) VALUES ({position}, {position}, '{by}')"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_emptied_by_hand_is_named_whatever_stands_beside_the_log() {
    let named = "event 5 (ID): a part of it is missing, and no erasure is recorded for it";
    for parts in [
        "personal_salt = NULL, personal = NULL",
        "salt = NULL, body = NULL, personal_salt = NULL, personal = NULL",
    ] {
        found(&format!("UPDATE event SET {parts} WHERE position = 5"), named).await;
    }
    let named = "event 5: a part of it is missing, and no erasure is recorded for it";
    found(&emptied_by_hand("5", "00000000-0000-7000-8000-000000000000"), named).await;
    found(
        "UPDATE event SET personal_salt = NULL, personal = NULL WHERE position = 5; \
         INSERT INTO erased_personal (first_position, last_position, erasure) VALUES (5, 5, 'mine')",
        named,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_took_other_events_covers_none_that_was_emptied_by_hand() {
    let (door, file) = kept().await;
    let (said, good) = door.command(&["audit", "erase", "--person", "a@example.org"]);
    assert!(good, "{said}");
    let (said, good) = verify(&door, &file);
    assert!(good && said.contains("everything but their place"), "{said}");
    let export = door.path("export");
    let (said, good) =
        door.command(&["audit", "export", "--format", "ndjson", "--out", export.to_str().unwrap()]);
    assert!(good, "{said}");
    let key = door.command(&["audit", "key"]).0;
    let of_export = |export: &std::path::Path| {
        let [export, kept] = [export, &file].map(|path| path.to_str().unwrap());
        door.command(&["audit", "verify", "--export", export, "--key", key.trim(), "--checkpoint", kept])
    };
    assert!(of_export(&export).1);

    let taken = door.database().value("SELECT erasure FROM erased_whole LIMIT 1");
    let whole =
        door.database().value("SELECT min(position) FROM event WHERE position > 4 AND body IS NOT NULL");
    door.database().execute(&emptied_by_hand(&whole, &taken));
    let (said, good) = verify(&door, &file);
    let named = format!("event {whole}: a part of it is missing, and no erasure is recorded for it");
    assert!(!good && said.contains(&named), "{said}");
    let export = door.path("export of what was emptied");
    let (said, good) =
        door.command(&["audit", "export", "--format", "ndjson", "--out", export.to_str().unwrap()]);
    assert!(good, "{said}");
    let (said, good) = of_export(&export);
    assert!(!good && !said.contains("good"), "{said}");
}
