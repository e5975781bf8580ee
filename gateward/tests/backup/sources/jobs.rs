//! Whole jobs, from their lines in the configuration to what programs read in the stream.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use backup_manifest::Part;
use gateward::base::backup::Inside;
use gateward::server::backup::programs::Programs;
use gateward::server::backup::source::{Own, Planned, Surroundings, source_of};

use super::databases::{Stopping, content};
use crate::cluster::{Cluster, PASSWORD, program, run};

const KEY: &str = "C83815158DF0077272F19E1E4169CE9D00970757";

fn planned(job: &str, own: Option<&Own>) -> Planned {
    let job = format!("name = \"job\"\nrecipients = [\"{KEY}\"]\nfolder = \"/nowhere\"\n{job}");
    let programs = Programs::find(None, |_| None);
    let now = jiff::Timestamp::UNIX_EPOCH;
    source_of(&toml::from_str(&job).unwrap(), &Surroundings { programs: &programs, own, apart: &[], now })
        .unwrap()
}

/// Pours a job into a file, for programs to read.
fn poured(mut planned: Planned, into: &Path) -> Vec<Part> {
    let mut out = std::fs::File::create(into).unwrap();
    planned.source.pour(&mut out).unwrap()
}

fn tar(archive: &Path, arguments: &[&str]) -> Command {
    let mut tar = Command::new("tar");
    tar.arg("--file").arg(archive).args(arguments);
    tar
}

#[test]
fn an_instance_of_ckan_is_its_database_and_its_files_in_one_archive() {
    let cluster = Cluster::shared();
    let database = cluster.database("ckan");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // More than one piece.
    cluster.psql(
        &database,
        "CREATE TABLE resource AS
             SELECT n, (SELECT string_agg(md5(random()::text || g), '') FROM generate_series(n, n + 99) g) AS text
             FROM generate_series(1, 6000) n;
         ALTER TABLE resource OWNER TO gateward",
    );
    std::fs::create_dir_all(at("storage/resources/ab1")).unwrap();
    std::fs::write(at("storage/resources/ab1/whole"), "whole").unwrap();
    std::fs::write(at("storage/resources/ab1/half~"), "ha").unwrap();
    let url =
        format!("postgresql://gateward:{}@{}/{database}", PASSWORD.replace(' ', "%%20"), cluster.address());
    let ini = format!("[app:main]\nsqlalchemy.url = {url}\nckan.storage_path = %(here)s/storage\n");
    std::fs::write(at("ckan.ini"), ini).unwrap();

    let planned = planned(&format!("ckan_ini = {:?}\nglobals = true", at("ckan.ini")), None);
    assert_eq!(planned.inside, Inside::Archive);
    let archive = at("archive.tar");
    let parts = poured(planned, &archive);
    let [
        Part::Globals { entry: Some(globals), .. },
        Part::Database(dump),
        Part::Files { entry, files: 1, bytes: 5, .. },
    ] = &parts[..]
    else {
        panic!("{parts:?}")
    };
    assert_eq!(dump.rows, [("public.resource".to_owned(), 6000)].into());
    let name = dump.entry.clone().unwrap();
    let listed = run(&mut tar(&archive, &["--list", "--quoting-style=literal"]));
    let storage = &at("storage").display().to_string();
    let pieces: Vec<_> = listed.lines().filter(|line| line.starts_with("database/")).collect();
    assert!(pieces.len() > 1, "{listed}");
    for (number, piece) in pieces.iter().enumerate() {
        assert_eq!(**piece, format!("{name}.{number:06}"));
    }
    let others: Vec<_> = listed.lines().filter(|line| !line.starts_with("database/")).collect();
    let beneath = |name: &str| format!("files{storage}/{name}");
    let expected = [
        "globals.sql".into(),
        beneath(""),
        beneath("resources/"),
        beneath("resources/ab1/"),
        beneath("resources/ab1/whole"),
    ];
    assert_eq!(
        (others, globals.as_str(), entry),
        (expected.iter().map(String::as_str).collect(), "globals.sql", &format!("files{storage}"))
    );

    // As the text beside a backup says it is restored.
    let again = cluster.database("restored");
    let mut database_alone =
        tar(&archive, &["--extract", "--to-stdout", "database/"]).stdout(Stdio::piped()).spawn();
    let mut restore = cluster.folder().command(program("pg_restore"));
    restore.args(["--exit-on-error", "--username=postgres", &format!("--dbname={again}"), "--host"]);
    restore.arg(cluster.socket_folder()).arg(format!("--port={}", cluster.address().port()));
    run(restore.stdin(database_alone.as_mut().unwrap().stdout.take().unwrap()));
    assert!(database_alone.unwrap().wait().unwrap().success());
    assert_eq!(content(cluster, &database), content(cluster, &again));
}

#[test]
fn gatewards_own_is_its_configuration_its_keyring_and_its_store_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let sqlite = |file: &str, sql: &str| run(Command::new("sqlite3").arg(at(file)).arg(sql));
    sqlite(
        "store.db",
        "PRAGMA journal_mode = wal; CREATE TABLE a (x); CREATE TABLE b (x INTEGER PRIMARY KEY, y);",
    );
    sqlite(
        "store.db",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20000) INSERT INTO b SELECT x, hex(randomblob(100)) FROM n;",
    );
    std::fs::write(at("gateward.toml"), "store = ...").unwrap();
    std::fs::write(at("keyring.toml"), "key = ...").unwrap();
    let store = at("store.db").display().to_string().parse().unwrap();
    let own = Own { configuration: at("gateward.toml"), keyring: at("keyring.toml"), store };
    let stop = AtomicBool::new(false);
    let parts = std::thread::scope(|scope| {
        let _writer = Stopping(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                sqlite("store.db", "PRAGMA busy_timeout = 5000; INSERT INTO a VALUES (1); DELETE FROM b WHERE x IN (SELECT x FROM b LIMIT 100);");
            }
        });
        poured(planned("gateward = true", Some(&own)), &at("archive.tar"))
    });
    run(tar(&at("archive.tar"), &["--extract", "--directory"]).arg(folder.path()));
    assert_eq!(std::fs::read_to_string(at("gateward/gateward.toml")).unwrap(), "store = ...");
    assert_eq!(std::fs::read_to_string(at("gateward/keyring.toml")).unwrap(), "key = ...");
    let Some(Part::Sqlite { entry, bytes, rows }) = parts.last() else { panic!("{parts:?}") };
    assert_eq!(std::fs::metadata(at(entry)).unwrap().len(), *bytes);
    assert_eq!(sqlite(entry, "PRAGMA integrity_check").trim(), "ok");
    for table in ["a", "b"] {
        assert_eq!(sqlite(entry, &format!("SELECT count(*) FROM {table}")).trim(), rows[table].to_string());
    }
}

#[test]
fn a_store_in_postgresql_goes_as_a_dump() {
    let cluster = Cluster::shared();
    let database = cluster.database("own");
    cluster.psql(
        &database,
        "CREATE TABLE event AS SELECT generate_series(1, 100) n; ALTER TABLE event OWNER TO gateward",
    );
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("gateward.toml"), "").unwrap();
    std::fs::write(at("keyring.toml"), "").unwrap();
    let store = cluster.socket_url(&database).parse().unwrap();
    let own = Own { configuration: at("gateward.toml"), keyring: at("keyring.toml"), store };
    let parts = poured(planned("gateward = true", Some(&own)), &at("archive.tar"));
    let Some(Part::Database(dump)) = parts.last() else { panic!("{parts:?}") };
    assert_eq!((dump.entry.as_deref(), dump.rows["public.event"]), (Some("gateward/store.pgc"), 100));
    let listed = run(&mut tar(&at("archive.tar"), &["--list"]));
    assert_eq!(listed, "gateward/gateward.toml\ngateward/keyring.toml\ngateward/store.pgc.000000\n");
}
