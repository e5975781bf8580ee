//! `gateward store` where one of the two stores, or both, are databases.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::cluster::patience::eventually;
use crate::cluster::{Cluster, OWNER};
use crate::store_under_test::{Held, StoreUnderTest, grants};

/// A folder that the demo made, with a row in each table.
struct Demo(TempDir);

impl Demo {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut demo = gateward();
        demo.args(["demo", "--once", "--public", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--dir"]);
        assert!(demo.arg(folder.path()).output().unwrap().status.success());
        let demo = Self(folder);
        let time = "2026-11-22T04:00:00.000000Z";
        let fingerprint = "f0".repeat(32);
        demo.store().execute(&format!(
            "INSERT INTO instance VALUES ('gone', '{time}', '{time}'); \
             INSERT INTO open_transaction VALUES ('ä', 'gone', 'files', 'SOMEBODY', '{time}'); \
             INSERT INTO placement VALUES ('SOMEBODY', 'active', '{time}', '{time}'); \
             INSERT INTO access_token VALUES ('one', 'ann', 'dcor.example.org', NULL, 'jwt', 'jti', 'c0', '{time}', \
             'pgp', X'00ff', X'01', '/srv/ann.dcor-access.gpg', 'f0', 'ended', 'revoked', '{time}', 'os:root', \
             '{time}', NULL); \
             INSERT INTO token_block VALUES ('id:x', NULL, '{time}', 'os:root'); \
             INSERT INTO user_digest VALUES ('operator', 'FDSN', X'01', 'htdigest', '{time}'); \
             INSERT INTO api_token VALUES ('h0', 't0', 'operator', 'a script', '[]', 1, '{time}', 'os:root', '{time}', \
             NULL); \
             INSERT INTO session VALUES ('h0', 'operator', '{time}', '{time}', '{time}'); \
             INSERT INTO node VALUES ('lab', '[]', '{time}', 'os:root', NULL); \
             INSERT INTO node_credential VALUES ('c0', 'lab', '{fingerprint}', NULL, NULL, NULL, X'00ff', '{time}', '{time}', \
             'os:root', NULL); \
             INSERT INTO fhir_creation VALUES ('fhir Patient/1', 'lab', '{time}'); \
             INSERT INTO opaque_key VALUES ('h0', 'one', X'01', NULL, NULL, 0, NULL, NULL); \
             INSERT INTO feed VALUES ('syslog+udp://a:514', 7, '{time}', NULL, NULL, NULL, NULL, 1); \
             INSERT INTO witnessed VALUES ('gateward/b', 7, X'{fingerprint}', 'note', '{time}'); \
             INSERT INTO existing_key VALUES ('p0', 'ckan', '{time}', '{time}', '192.0.2.1'); \
             INSERT INTO erased_personal VALUES (1000, 1000, 'e0'); \
             UPDATE revocation SET counter = 77"
        ));
        demo.audit(&["hold", "create", "--person", "operator", "--reason", "a trial"]);
        demo.audit(&["erase", "--person", "dora@demo.invalid"]);
        demo.audit(&["checkpoint"]);
        demo
    }

    fn audit(&self, arguments: &[&str]) {
        let mut audit = gateward();
        audit.arg("audit").args(arguments).arg("--config").arg(self.file("gateward.toml"));
        let (status, text) = said(audit.output().unwrap());
        assert_eq!(status, 0, "{text}");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    fn store(&self) -> StoreUnderTest {
        StoreUnderTest::Sqlite(self.file("gateward.db"))
    }
}

fn gateward() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
    for variable in ["GATEWARD_STORE", "GATEWARD_CONFIG", "GATEWARD_KEYRING"] {
        command.env_remove(variable);
    }
    command
}

fn copying(from: &str, to: &str) -> Command {
    let mut command = gateward();
    command.args(["store", "copy", "--from", from, "--to", to]);
    command
}

/// Copies; returns the exit status and what was said.
fn copy(from: &str, to: &str) -> (i32, String) {
    said(copying(from, to).output().unwrap())
}

fn said(output: Output) -> (i32, String) {
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// A fresh database, and the URL by which its owner comes in.
fn database(name: &str) -> (StoreUnderTest, String) {
    let database = Cluster::shared().database_of(OWNER, name);
    let url = Cluster::shared().socket_url_of(OWNER, &database);
    (StoreUnderTest::Postgres(database), url)
}

/// The tables with their columns that both engines have, as SQLite lists them.
fn columns(sqlite: &StoreUnderTest) -> Vec<(String, String)> {
    let sql = "SELECT name, (SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info(tables.name) \
               ORDER BY name)) FROM sqlite_schema AS tables WHERE type = 'table' ORDER BY name";
    sqlite.rows(sql).into_iter().map(|mut row| (row.remove(0), row.remove(0))).collect()
}

/// Whether its rows are the same in a copy: not what is made anew from the events.
fn is_carried(table: &str) -> bool {
    !["schema_state", "log_head", "log_node", "audit_index", "audit_term", "audit_again"].contains(&table)
}

/// Every row of every table but what `store copy` itself adds.
fn everything(store: &StoreUnderTest, columns: &[(String, String)]) -> Vec<Vec<String>> {
    let copied = "SELECT coalesce(min(position), 1000000) FROM search WHERE kind = 'store_copied'";
    let copied = store.value(copied);
    let mut all = Vec::new();
    for (table, columns) in columns.iter().filter(|(table, _)| is_carried(table)) {
        let before = if ["event", "search"].contains(&table.as_str()) {
            format!("WHERE position < {copied}")
        } else {
            String::new()
        };
        let mut rows = store.rows(&format!("SELECT '{table}', {columns} FROM {table} {before}"));
        rows.sort();
        all.extend(rows);
    }
    all
}

fn is_empty(store: &StoreUnderTest) -> bool {
    let tables = ["event", "search", "users", "grants", "temporary_login", "file_policy"];
    tables.iter().all(|table| store.value(&format!("SELECT count(*) FROM {table}")) == "0")
        && store.value("SELECT counter FROM revocation") == "1"
}

#[test]
fn both_engines_have_the_same_tables_and_columns() {
    let demo = Demo::make();
    let (database, url) = database("columns");
    assert_eq!(copy(&demo.path("gateward.db"), &url).0, 0);
    let sql = "SELECT table_name, string_agg(column_name, ',' ORDER BY column_name COLLATE \"C\") \
               FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name ORDER BY table_name COLLATE \"C\"";
    let there = database.rows(sql).into_iter().map(|mut row| (row.remove(0), row.remove(0)));
    assert_eq!(there.collect::<Vec<_>>(), columns(&demo.store()));
}

#[test]
fn an_installation_goes_to_a_database_to_another_and_back_with_every_row() {
    let demo = Demo::make();
    let columns = columns(&demo.store());
    let before = everything(&demo.store(), &columns);
    for (table, _) in columns.iter().filter(|(table, _)| is_carried(table)) {
        assert!(
            before.iter().any(|row| row[0] == *table),
            "there is nothing in {table} that could be left behind"
        );
    }
    let (first, first_url) = database("first");
    let (second, second_url) = database("second");
    let back = StoreUnderTest::Sqlite(demo.file("back.db"));
    for (from, to) in [
        (&demo.path("gateward.db"), &first_url),
        (&first_url, &second_url),
        (&second_url, &demo.path("back.db")),
    ] {
        let (status, text) = copy(from, to);
        assert_eq!(status, 0, "{text}");
        assert!(text.contains("events copied; now set in the configuration"), "{text}");
    }
    for store in [&first, &second, &back] {
        assert_eq!(everything(store, &columns), before);
    }
    // Each has one event more, which says where it came from, and the head stands behind it.
    let kinds = "SELECT count(*) FROM search WHERE kind = 'store_copied'";
    let events = demo.store().value("SELECT count(*) FROM event").parse::<u64>().unwrap();
    for (store, copies) in [(&first, 1), (&second, 2), (&back, 3)] {
        assert_eq!(store.value(kinds), copies.to_string());
        assert_eq!(store.value("SELECT count(*) FROM event"), (events + copies).to_string());
    }
    let head = "SELECT next_position || ' ' || log_head.recorded_at FROM log_head";
    let newest = "SELECT position + 1 || ' ' || recorded_at FROM event ORDER BY position DESC LIMIT 1";
    assert_eq!(second.value(head), second.value(newest));

    // It goes on there: a command appends behind what was copied.
    let mut grant = gateward();
    grant.args(["grant", "create", "--group", "/epos/guests", "--service", "files", "--store", &second_url]);
    let (status, text) = said(grant.arg("--config").arg(demo.file("gateward.toml")).output().unwrap());
    assert_eq!(status, 0, "{text}");
    assert_eq!(second.value("SELECT max(position) FROM event"), (events + 2).to_string());
}

#[test]
fn a_damaged_event_in_a_database_stops_the_copy_which_names_it() {
    let demo = Demo::make();
    let (database, url) = database("damaged");
    assert_eq!(copy(&demo.path("gateward.db"), &url).0, 0);
    database.execute(
        "ALTER TABLE event DISABLE TRIGGER ALL; \
         UPDATE event SET body = replace(body, 'done', 'dune') WHERE position = 3",
    );
    let (status, text) = copy(&url, &demo.path("back.db"));
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("the event at position 3 of postgres://"), "{text}");
    assert!(is_empty(&StoreUnderTest::Sqlite(demo.file("back.db"))));

    // The end cut off: the head knows how many there were.
    let (cut, cut_url) = self::database("cut");
    assert_eq!(copy(&demo.path("gateward.db"), &cut_url).0, 0);
    let last = cut.value("SELECT max(position) FROM event");
    cut.execute(&format!("ALTER TABLE event DISABLE TRIGGER ALL; DELETE FROM event WHERE position = {last}"));
    let (status, text) = copy(&cut_url, &demo.path("back.db"));
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains(&format!("position {last} of")) && text.contains("does not end where its head says"),
        "{text}"
    );
}

#[test]
fn a_database_that_holds_something_is_not_copied_into() {
    let (one, other) = (Demo::make(), Demo::make());
    let (database, url) = database("taken");
    assert_eq!(copy(&one.path("gateward.db"), &url).0, 0);
    let columns = columns(&one.store());
    let before = everything(&database, &columns);
    let (status, text) = copy(&other.path("gateward.db"), &url);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("is not empty"), "{text}");
    assert_eq!(everything(&database, &columns), before);
}

#[test]
fn nothing_is_copied_from_a_database_while_the_lease_of_a_server_runs() {
    let demo = Demo::make();
    let (database, url) = database("leased");
    assert_eq!(copy(&demo.path("gateward.db"), &url).0, 0);
    let lease = |until: &str| {
        database.execute(&format!(
            "DELETE FROM instance; INSERT INTO instance VALUES ('somebody', gateward_now(), '{until}')"
        ));
    };
    lease("2999-01-01T00:00:00.000000Z");
    let (status, text) = copy(&url, &demo.path("back.db"));
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("stop every server") && text.contains("2999-01-01"), "{text}");
    assert!(!demo.file("back.db").exists());
    lease("2020-01-01T00:00:00.000000Z");
    assert_eq!(copy(&url, &demo.path("back.db")).0, 0);
}

#[test]
fn a_database_whose_clock_is_behind_the_log_takes_nothing() {
    let demo = Demo::make();
    let (database, url) = database("behind");
    let migrate = gateward().args(["store", "migrate", "--store", &url]).output().unwrap();
    assert!(migrate.status.success());
    database.stop_clock_at("2020-01-01T00:00:00.000000Z");
    let (status, text) = copy(&demo.path("gateward.db"), &url);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("is behind the newest event"), "{text}");
    assert!(is_empty(&database));
}

/// Starts a copy that stops in its middle: the events are over, what searches look at is not, because
/// somebody has locked that table in the database on one side, in `mode`.
fn stuck(from: &str, to: &str, database: &StoreUnderTest, mode: &str) -> (Child, Held) {
    let StoreUnderTest::Postgres(name) = database else { panic!("{database:?}") };
    let lock = Held::by(name, &format!("BEGIN; LOCK TABLE search IN {mode} MODE; SELECT 'held';"));
    let child = copying(from, to).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'search'::regclass";
    eventually("the copy waits", Duration::from_secs(20), || database.value(waiting) == "1");
    (child, lock)
}

#[test]
fn a_copy_that_is_killed_in_the_middle_leaves_nothing_and_can_be_made_again() {
    let demo = Demo::make();
    let file = demo.path("gateward.db");
    let (database, url) = database("killed");
    let migrate = gateward().args(["store", "migrate", "--store", &url]).output().unwrap();
    assert!(migrate.status.success());
    let (mut child, lock) = stuck(&file, &url, &database, "SHARE");
    child.kill().unwrap();
    child.wait().unwrap();
    lock.release();
    assert!(is_empty(&database));
    assert_eq!(copy(&file, &url).0, 0);

    let back = StoreUnderTest::Sqlite(demo.file("back.db"));
    let (mut child, lock) = stuck(&url, &demo.path("back.db"), &database, "ACCESS EXCLUSIVE");
    child.kill().unwrap();
    child.wait().unwrap();
    lock.release();
    assert!(is_empty(&back));
    let again = || copy(&url, &demo.path("back.db"));
    assert_eq!(again().0, 0);
    let columns = columns(&demo.store());
    assert_eq!(everything(&back, &columns), everything(&demo.store(), &columns));
}

#[test]
fn a_fresh_database_must_be_migrated_by_its_owner_and_then_is_good() {
    let (_, url) = database("fresh");
    let run = |command: &str| said(gateward().args(["store", command, "--store", &url]).output().unwrap());
    let (status, text) = run("status");
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("(PostgreSQL)\nschema    version 0;"), "{text}");
    assert!(text.contains("verdict   it must be migrated: gateward store migrate"), "{text}");
    let known = text.split("this one knows ").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(run("migrate"), (0, format!("{url}: migrated from schema version 0 to {known}\n")));
    let (status, text) = run("status");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("events    none\nrunning   no server"), "{text}");
    assert_eq!(run("migrate"), (0, format!("{url}: nothing to do, its schema has version {known}\n")));
}

/// What it may do, all suites show that run on PostgreSQL; this is what it may not.
#[test]
fn the_role_that_serves_cannot_change_what_is_recorded() {
    let demo = Demo::make();
    let (database, url) = database("served");
    assert_eq!(copy(&demo.path("gateward.db"), &url).0, 0);
    database.execute(&grants());
    for (table, _) in columns(&demo.store()) {
        let may = format!("SELECT has_table_privilege('gateward', '{table}', 'SELECT')");
        assert_eq!(database.value(&may), "t", "docs/postgresql.md grants nothing on {table}");
    }
    for forbidden in [
        "UPDATE event SET entry = ''",
        "UPDATE event SET body = '{}'",
        "UPDATE event SET personal = NULL, personal_salt = NULL",
        "DELETE FROM event",
        "TRUNCATE event",
        "DELETE FROM search",
        "UPDATE search SET who = 'nobody'",
        "DELETE FROM erased_whole",
        "DELETE FROM erasure",
        "ALTER TABLE event DISABLE TRIGGER ALL",
        "DROP TRIGGER event_is_never_changed ON event",
        "DELETE FROM log_head",
        "UPDATE schema_state SET version = 2",
        "UPDATE users SET role = 'admin'",
        "CREATE TABLE mine (text text)",
        "CREATE OR REPLACE FUNCTION gateward_now() RETURNS text LANGUAGE sql RETURN 'x'::text",
    ] {
        let refused = database.try_execute(&format!("SET ROLE gateward; {forbidden}")).unwrap_err();
        let refused_by =
            ["permission denied", "must be owner", "append-only"].iter().any(|said| refused.contains(said));
        assert!(refused_by, "{forbidden}: {refused}");
    }
}
