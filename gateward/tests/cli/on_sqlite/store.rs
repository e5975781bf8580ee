//! `store`: what it is, bringing it up to date, moving it. On SQLite; the target `postgres` does the same
//! with a database.

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Installation, Ran, gateward, objects};

fn copy(from: &str, to: &str) -> Ran {
    gateward(&["store", "copy", "--from", from, "--to", to], &[], b"")
}

/// Every row of every table but those that `store copy` makes anew.
fn everything(store: &str) -> Vec<String> {
    let database = Connection::open(store).unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' \
         AND name NOT IN ('schema_state', 'audit_index', 'audit_term', 'audit_again', 'log_head', 'log_node') ORDER BY name";
    let tables: Vec<String> = {
        let mut tables = database.prepare(tables).unwrap();
        tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let mut all = Vec::new();
    for table in tables {
        let mut rows = database.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..columns).map(|column| row.get::<_, rusqlite::types::Value>(column).unwrap());
            all.push(format!("{table} {:?}", cells.collect::<Vec<_>>()));
        }
    }
    all
}

/// The newest schema of SQLite that the program knows: one for each migration.
fn known() -> usize {
    std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/migrations/sqlite")).unwrap().count()
}

#[test]
fn the_status_says_what_the_store_is_and_holds() {
    let installation = Installation::new();
    let ran = installation.run(&["store", "status"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let [store, schema, events, running] = lines[..] else { panic!("{lines:?}") };
    assert_eq!(store, format!("store     {} (SQLite)", installation.path("gateward.db")));
    let database = Connection::open(installation.file("gateward.db")).unwrap();
    let oldest =
        database.query_row("SELECT oldest_binary FROM schema_state", [], |row| row.get::<_, i64>(0)).unwrap();
    let known = known();
    assert_eq!(
        schema,
        format!(
            "schema    version {known}; serves programs that know {oldest} or later; this one knows {known}"
        )
    );
    assert!(events.starts_with("events    7, the newest of 20"), "{events}");
    assert_eq!(running, "running   no server");

    let row = "'somebody', '2026-11-22T04:00:00.000000Z', '2999-01-01T00:00:00.000000Z'";
    database.execute(&format!("INSERT INTO instance VALUES ({row})"), []).unwrap();
    let status = &installation.json(&["store", "status"])[0];
    assert_eq!(status["running"][0]["instance"], "somebody");
    assert_eq!(
        (&status["events"], &status["version"], &status["verdict"]),
        (&7.into(), &known.into(), &Value::Null)
    );
}

#[test]
fn an_old_store_is_said_to_be_old_until_it_is_migrated_and_looking_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("old.db").display().to_string();
    let first = include_str!("../../../src/store/migrations/sqlite/0001.sql");
    Connection::open(&store).unwrap().execute_batch(first).unwrap();
    let known = known();
    let named = ["--store", store.as_str()];
    let run = |command: &str| gateward(&[&["store", command], &named[..]].concat(), &[], b"");
    for _ in 0..2 {
        let ran = run("status");
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        let schema = format!("version 1; serves programs that know 1 or later; this one knows {known}");
        assert!(
            [schema.as_str(), "events    none"].iter().all(|said| ran.stdout.contains(said)),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stdout.ends_with("verdict   it must be migrated: gateward store migrate\n"),
            "{}",
            ran.stdout
        );
    }
    let migrated = run("migrate");
    assert_eq!(
        (migrated.status, migrated.stdout),
        (0, format!("{store}: migrated from schema version 1 to {known}\n"))
    );
    assert_eq!(run("status").status, 0);
    let again = run("migrate");
    assert_eq!(
        (again.status, again.stdout),
        (0, format!("{store}: nothing to do, its schema has version {known}\n"))
    );
}

#[test]
fn a_store_of_a_newer_program_is_refused_and_said_to_be_newer() {
    let installation = Installation::new();
    let database = Connection::open(installation.file("gateward.db")).unwrap();
    database.execute("UPDATE schema_state SET version = 999, oldest_binary = 999", []).unwrap();
    let status = installation.run(&["store", "status"]);
    assert_eq!(status.status, 1);
    assert!(status.stdout.contains("verdict   it needs a newer gateward"), "{}", status.stdout);
    let migrate = installation.run(&["store", "migrate"]);
    assert_eq!(migrate.status, 1);
    assert!(migrate.stderr.contains("needs a newer gateward"), "{}", migrate.stderr);
}

#[test]
fn what_names_the_store_suffices_and_a_flag_wins_over_the_environment() {
    let installation = Installation::new();
    let store = installation.path("gateward.db");
    let named = |arguments: &[&str], environment: &str| {
        let command = [&["store", "status", "--format", "json", "--config", "/nowhere"], arguments].concat();
        objects(&gateward(&command, &[("GATEWARD_STORE", environment)], b""))[0]["store"].clone()
    };
    assert_eq!(named(&[], &store), store.as_str());
    assert_eq!(named(&["--store", &store], "/nowhere.db"), store.as_str());
    let wrong = gateward(&["store", "status"], &[("GATEWARD_STORE", "postgres://g:secret@/x")], b"");
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("a password does not stand in a URL"), "{}", wrong.stderr);
}

#[test]
fn the_environment_wins_over_the_file_for_every_command() {
    let installation = Installation::new();
    let other = installation.path("other.db");
    assert_eq!(copy(&installation.path("gateward.db"), &other).status, 0);
    let config = installation.config();
    let search = ["audit", "search", "--config", &config];
    let searched = gateward(&search, &[("GATEWARD_STORE", &other)], b"");
    assert!(searched.stdout.lines().last().unwrap().contains("store_copied"), "{}", searched.stdout);
    assert!(!gateward(&search, &[], b"").stdout.contains("store_copied"));
}

#[test]
fn a_copy_has_every_row_and_says_where_it_comes_from() {
    let installation = Installation::new();
    let (from, to) = (installation.path("gateward.db"), installation.path("other.db"));
    installation.run(&["login", "revoke", "--token-id", "some-token"]);
    let before = everything(&from);
    let ran = copy(&from, &to);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "progress is for terminals");
    let events = before.iter().filter(|row| row.starts_with("event ")).count();
    assert_eq!(
        ran.stdout,
        format!("{events} events copied; now set in the configuration: store = \"{to}\"\n")
    );
    assert_eq!(everything(&from), before, "what was copied from is as it was");
    let mut after = everything(&to);
    let new: Vec<String> = after.extract_if(.., |row| row.contains("store_copied")).collect();
    assert_eq!(after, before);
    assert_eq!(new.len(), 2, "an event, and what searches find it by: {new:?}");

    // It goes on where the other one ended.
    installation.change("store = \"gateward.db\"", "store = \"other.db\"");
    let log = installation.json(&["audit", "search"]);
    let last = log.last().unwrap();
    assert_eq!(last["position"], events);
    assert_eq!(last["body"]["events"], events);
    assert_eq!((&last["body"]["from"], &last["body"]["to"]), (&from.into(), &to.into()));
    assert_eq!(installation.run(&["grant", "list"]).stdout.lines().count(), 1);
}

#[test]
fn a_store_that_holds_something_is_not_copied_into() {
    let (installation, other) = (Installation::new(), Installation::new());
    let (from, to) = (installation.path("gateward.db"), other.path("gateward.db"));
    let before = everything(&to);
    let ran = copy(&from, &to);
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.contains("is not empty"), "{}", ran.stderr);
    assert_eq!(everything(&to), before);
    let same = copy(&from, &from);
    assert_eq!(same.status, 2);
    assert!(same.stderr.contains("name the same store"), "{}", same.stderr);
}

#[test]
fn a_damaged_event_stops_the_copy_which_names_it() {
    for (damage, position, why) in [
        ("UPDATE event SET body = replace(body, 'done', 'dune') WHERE position = 3", 3, "its entry"),
        ("UPDATE event SET personal = '{}' WHERE position = 4", 4, "its entry"),
        ("DELETE FROM event WHERE position = 2", 2, "it is not there"),
        (
            "UPDATE event SET recorded_at = '2000-01-01T00:00:00.000000Z' WHERE position = 5",
            5,
            "its predecessor",
        ),
    ] {
        let installation = Installation::new();
        let (from, to) = (installation.path("gateward.db"), installation.path("other.db"));
        let database = Connection::open(&from).unwrap();
        let guards = "DROP TRIGGER event_is_never_changed; DROP TRIGGER event_is_never_deleted;";
        database.execute_batch(&format!("{guards} {damage}")).unwrap();
        let ran = copy(&from, &to);
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{damage}");
        assert!(
            ran.stderr.contains(&format!("the event at position {position} of {from}")),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
        assert_eq!(everything(&to), ["revocation [Integer(1), Integer(1)]"], "{damage}");
    }
}

#[test]
fn nothing_is_copied_from_where_a_server_runs_or_nothing_is() {
    let installation = Installation::new();
    let (from, to) = (installation.path("gateward.db"), installation.path("other.db"));
    let lock = std::fs::File::open(format!("{from}.serve-lock")).unwrap();
    lock.lock().unwrap();
    let ran = copy(&from, &to);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("another gateward serves on"), "{}", ran.stderr);
    drop(lock);
    let ran = copy(&installation.path("nothing.db"), &to);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("there is no store"), "{}", ran.stderr);
    assert!(!installation.file("other.db").exists());
    assert!(!installation.file("nothing.db.serve-lock").exists());
}
