//! Databases by `pg_dump`: equal once restored, counted as they were dumped, and failed when it failed.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backup_manifest::{Dump, DumpFormat, Part};
use gateward::flows::backup::source::{Error, Source};
use gateward::server::backup::programs::Programs;
use gateward::server::backup::source::{Globals, PgDump};
use gateward::store::source_database::SourceDatabase;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::cluster::folder::signal;
use crate::cluster::{Cluster, PASSWORD, PROGRAMS, program, run, spawn};

/// Stops whoever looks at the flag when it is dropped, also where a test fails.
pub struct Stopping<'a>(pub &'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn programs() -> Programs {
    Programs::find(None, |_| None)
}

fn reached_by(url: &str) -> SourceDatabase {
    SourceDatabase { url: url.parse().unwrap(), password: None }
}

fn dump_of(url: &str, format: DumpFormat) -> PgDump {
    PgDump::new(reached_by(url), format, true, &programs())
}

fn poured(source: &mut dyn Source) -> (Vec<u8>, Vec<Part>) {
    let mut out = Vec::new();
    let parts = source.pour(&mut out).unwrap();
    (out, parts)
}

fn the_dump(parts: Vec<Part>) -> Dump {
    match <[Part; 1]>::try_from(parts) {
        Ok([Part::Database(dump)]) => dump,
        other => panic!("{other:?}"),
    }
}

/// Restores a dump into a fresh database of the same server; returns its name.
fn restored(cluster: &Cluster, dump: &[u8], format: DumpFormat) -> String {
    let database = cluster.database("restored");
    let mut command = match format {
        DumpFormat::Custom => cluster.folder().command(program("pg_restore")),
        DumpFormat::Plain => cluster.folder().command(program("psql")),
    };
    match format {
        DumpFormat::Custom => command.args(["--exit-on-error", "--single-transaction"]),
        DumpFormat::Plain => command.args(["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1"]),
    };
    command.arg("--username=postgres").arg(format!("--dbname={database}")).arg("--host");
    command.arg(cluster.socket_folder()).arg(format!("--port={}", cluster.address().port()));
    let mut child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::null()));
    child.stdin.take().unwrap().write_all(dump).unwrap();
    assert!(child.wait().unwrap().success());
    database
}

/// All that `pg_dump` says of a database, without what differs from run to run.
pub fn content(cluster: &Cluster, database: &str) -> String {
    let text = String::from_utf8(cluster.dump(database)).unwrap();
    let lines =
        text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
    lines.collect::<Vec<_>>().join("\n")
}

const STRANGE: &str = r#"
    CREATE SCHEMA "Käse & Co";
    CREATE TABLE plain (id int PRIMARY KEY, text text, bytes bytea);
    INSERT INTO plain SELECT n, repeat(chr(9731), n % 50), decode(md5(n::text), 'hex') FROM generate_series(1, 5000) n;
    CREATE TABLE "Käse & Co"."a ""quoted"" täble" (x int);
    INSERT INTO "Käse & Co"."a ""quoted"" täble" VALUES (1), (2), (NULL);
    CREATE TABLE "user" (x int);
    CREATE TABLE parted (day int, x int) PARTITION BY RANGE (day);
    CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
    CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
    INSERT INTO parted SELECT n, n FROM generate_series(0, 14) n;
    CREATE TABLE father (x int);
    CREATE TABLE child () INHERITS (father);
    INSERT INTO father VALUES (1);
    INSERT INTO child VALUES (2), (3);
    CREATE VIEW seen AS SELECT * FROM plain;
    CREATE MATERIALIZED VIEW kept AS SELECT * FROM plain;
    SELECT lo_from_bytea(0, 'a large object');
"#;

fn expected_rows() -> BTreeMap<String, u64> {
    let rows = [
        ("\"Käse & Co\".\"a \"\"quoted\"\" täble\"", 3),
        ("public.\"user\"", 0),
        ("public.child", 2),
        ("public.father", 1),
        ("public.parted_1", 10),
        ("public.parted_2", 5),
        ("public.plain", 5000),
    ];
    rows.map(|(name, rows)| (name.to_owned(), rows)).into()
}

#[test]
fn a_restored_database_is_equal_and_its_rows_are_counted() {
    let cluster = Cluster::shared();
    let database = cluster.database("strange");
    cluster.psql(&database, STRANGE);
    for format in [DumpFormat::Custom, DumpFormat::Plain] {
        let url = cluster.socket_url_of("postgres", &database);
        let (dump, parts) = poured(&mut dump_of(&url, format));
        let said = the_dump(parts);
        assert_eq!((said.database.as_str(), said.format), (database.as_str(), format));
        assert_eq!((said.rows, said.not_counted), (expected_rows(), Vec::new()));
        assert!(said.server_version.starts_with("15."), "{}", said.server_version);
        assert!(said.program_version.starts_with("15."), "{}", said.program_version);
        let again = restored(cluster, &dump, format);
        assert_eq!(content(cluster, &database), content(cluster, &again));
    }
}

#[test]
fn a_table_that_is_too_large_is_named_and_not_counted() {
    let cluster = Cluster::shared();
    let database = cluster.database("large");
    cluster.psql(
        &database,
        "CREATE TABLE large AS SELECT generate_series(1, 10000) x; CREATE TABLE small (x int)",
    );
    let mut dump =
        dump_of(&cluster.socket_url_of("postgres", &database), DumpFormat::Custom).counting_up_to(8192);
    let said = the_dump(poured(&mut dump).1);
    assert_eq!(said.rows, [("public.small".to_owned(), 0)].into());
    assert_eq!(said.not_counted, ["public.large"]);
}

#[test]
fn rows_are_those_of_the_dump_while_others_write_and_truncate() {
    let cluster = Cluster::shared();
    let database = cluster.database("busy");
    cluster.psql(
        &database,
        "CREATE TABLE grows AS SELECT n, repeat('x', 1000) AS text FROM generate_series(1, 20000) n;
         CREATE TABLE turns AS SELECT generate_series(1, 1000) n",
    );
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _writers = Stopping(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                cluster.psql(&database, "INSERT INTO grows SELECT 0, '' FROM generate_series(1, 17)");
                cluster.psql(&database, "DELETE FROM grows WHERE n % 977 = 3");
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                cluster.psql(&database, "TRUNCATE turns");
                cluster.psql(&database, "INSERT INTO turns SELECT generate_series(1, 1000)");
            }
        });
        for _ in 0..5 {
            let (dump, parts) =
                poured(&mut dump_of(&cluster.socket_url_of("postgres", &database), DumpFormat::Custom));
            let said = the_dump(parts);
            let again = restored(cluster, &dump, DumpFormat::Custom);
            for (table, rows) in &said.rows {
                let counted = cluster.psql(&again, &format!("SELECT count(*) FROM {table}"));
                assert_eq!(counted, [[rows.to_string()]], "{table}");
            }
            assert_eq!(said.rows.len() + said.not_counted.len(), 2);
            assert!(said.rows.contains_key("public.grows"));
        }
    });
}

#[test]
fn a_password_reaches_pg_dump_in_no_argument_and_no_environment() {
    let cluster = Cluster::shared();
    let database = cluster.database("guarded");
    cluster
        .psql(&database, "CREATE TABLE a (x int); ALTER TABLE a OWNER TO gateward; INSERT INTO a VALUES (1)");
    let wrapped = Programs::find(Some(Path::new("/usr/bin")), |_| None);
    for (url, programs) in [(cluster.tcp_url(&database), programs()), (cluster.tls_url(&database), wrapped)] {
        let (_, parts) = poured(&mut PgDump::new(reached_by(&url), DumpFormat::Custom, true, &programs));
        assert_eq!(the_dump(parts).rows, [("public.a".to_owned(), 1)].into());
    }
    // One that looks at itself before it goes on.
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let stand_in = folder.path().join("pg_dump");
    let script = format!(
        "#!/bin/sh\ntr '\\0' '\\n' </proc/$$/environ >>{seen}\ntr '\\0' '\\n' </proc/$$/cmdline >>{seen}\n\
         exec {PROGRAMS}/pg_dump \"$@\"\n",
        seen = seen.display()
    );
    std::fs::write(&stand_in, script).unwrap();
    run(std::process::Command::new("chmod").arg("755").arg(&stand_in));
    let programs = Programs::find(Some(folder.path()), |_| None);
    let mut dump = PgDump::new(reached_by(&cluster.tcp_url(&database)), DumpFormat::Custom, true, &programs);
    poured(&mut dump);
    let seen = std::fs::read_to_string(&seen).unwrap();
    assert!(seen.contains("PGPASSFILE=/dev/stdin") && seen.contains("--snapshot="), "{seen}");
    assert!(!seen.contains(PASSWORD), "{seen}");
}

/// Takes what it is given, and does something once after so many bytes.
struct At<'a> {
    left: usize,
    act: Option<Box<dyn FnOnce() + 'a>>,
}

impl Write for At<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.left = self.left.saturating_sub(bytes.len());
        if self.left == 0
            && let Some(act) = self.act.take()
        {
            act();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Dumps 20 MB that do not compress, acting after 90 % of them; returns how it ended.
fn disturbed(cluster: &Cluster, database: &str, act: impl FnOnce()) -> String {
    let url = cluster.socket_url_of("postgres", database);
    let mut dump = PgDump::new(reached_by(&url), DumpFormat::Custom, false, &programs());
    let act: Box<dyn FnOnce() + '_> = Box::new(act);
    let mut out = At { left: 18_000_000, act: Some(act) };
    match dump.pour(&mut out) {
        Err(Error::Failed { what, why }) => {
            assert_eq!(what, format!("pg_dump of {database}"));
            why
        }
        other => panic!("{other:?}, with {} bytes to go", out.left),
    }
}

/// The `pg_dump` that we started for this database.
fn pg_dump_of(database: &str) -> Pid {
    let told = format!("PGDATABASE={database}\0");
    let is_it = |process: &Path| {
        let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        name == "pg_dump\n" && String::from_utf8_lossy(&environment).contains(&told)
    };
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<_> = processes.filter(|process| is_it(process)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    Pid::from_raw(found[0].file_name().unwrap().to_str().unwrap().parse().unwrap())
}

const TWENTY_MB: &str =
    "CREATE TABLE large AS SELECT n, repeat(md5(n::text), 31) AS text FROM generate_series(1, 20000) n";

#[test]
fn a_pg_dump_that_is_killed_at_ninety_percent_is_a_failure() {
    let cluster = Cluster::start();
    let database = cluster.database("killed");
    cluster.psql(&database, TWENTY_MB);
    let why = disturbed(&cluster, &database, || {
        signal(Some(pg_dump_of(&database)), Signal::SIGKILL);
    });
    assert!(why.starts_with("signal: 9 (SIGKILL)"), "{why}");
}

#[test]
fn a_server_that_stops_in_the_middle_is_a_failure_that_says_so() {
    let cluster = Cluster::start();
    let database = cluster.database("stopped");
    cluster.psql(&database, TWENTY_MB);
    let why = disturbed(&cluster, &database, || cluster.kill());
    assert!(why.contains("exit status: 1") && why.contains("server"), "{why}");
}

#[test]
fn a_session_that_is_ended_in_the_middle_is_a_failure_that_says_so() {
    let cluster = Cluster::start();
    let database = cluster.database("ended");
    cluster.psql(&database, TWENTY_MB);
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_dump'";
    let why = disturbed(&cluster, &database, || drop(cluster.psql("postgres", end)));
    assert!(why.contains("exit status: 1"), "{why}");
}

#[test]
fn a_table_that_nobody_lets_us_read_is_a_failure_that_names_it() {
    let cluster = Cluster::shared();
    let database = cluster.database("closed");
    cluster.psql(&database, "CREATE TABLE secret (x int)");
    let ended = dump_of(&cluster.socket_url(&database), DumpFormat::Custom).pour(&mut Vec::new());
    let why = ended.unwrap_err().to_string();
    assert!(why.contains("permission denied for table secret"), "{why}");
}

#[test]
fn tables_come_and_go_while_they_are_dumped() {
    let cluster = Cluster::shared();
    let database = cluster.database("coming");
    cluster.psql(&database, &format!("{TWENTY_MB}; CREATE TABLE dropped AS SELECT 1 AS x"));
    let url = cluster.socket_url_of("postgres", &database);
    let mut dump = PgDump::new(reached_by(&url), DumpFormat::Custom, false, &programs());
    std::thread::scope(|scope| {
        let drops = || {
            // Waits for pg_dump's lock, and ours.
            scope.spawn(|| cluster.psql(&database, "DROP TABLE dropped; CREATE TABLE come (x int)"));
            std::thread::sleep(Duration::from_millis(200));
        };
        let mut out = At { left: 1, act: Some(Box::new(drops)) };
        let said = the_dump(dump.pour(&mut out).unwrap());
        assert_eq!(said.rows.get("public.large"), Some(&20_000));
        assert!(!said.rows.contains_key("public.come"));
        let dropped = said.rows.get("public.dropped").copied();
        assert!(dropped == Some(1) || said.not_counted == ["public.dropped"], "{said:?}");
    });
}

#[test]
fn when_nobody_takes_the_stream_the_dump_ends_at_once() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let cluster = Cluster::shared();
    let database = cluster.database("untaken");
    cluster.psql(&database, TWENTY_MB);
    let ended = dump_of(&cluster.socket_url_of("postgres", &database), DumpFormat::Custom).pour(&mut Full);
    assert!(matches!(ended, Err(Error::Output(_))), "{ended:?}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let cluster = Cluster::start();
    let database = cluster.database("gone");
    cluster.stop();
    let ended = dump_of(&cluster.socket_url(&database), DumpFormat::Custom).pour(&mut Vec::new());
    let why = ended.unwrap_err().to_string();
    let socket = format!("{}/.s.PGSQL.{}", cluster.socket_folder().display(), cluster.address().port());
    assert!(why.starts_with(&format!("pg_dump of {database}: {socket}: ")), "{why}");
}

#[test]
fn globals_have_the_roles_and_no_passwords() {
    let cluster = Cluster::shared();
    let database = cluster.database("globals");
    let url = cluster.socket_url(&database);
    // Debian's own commands find the right version by themselves.
    let wrapped = Programs::find(Some(Path::new("/usr/bin")), |_| None);
    let (text, parts) = poured(&mut Globals::new(reached_by(&url), &wrapped));
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("CREATE ROLE gateward;"), "{text}");
    assert!(!text.contains("PASSWORD") && !text.contains("SCRAM"), "{text}");
    assert!(
        matches!(&parts[..], [Part::Globals { entry: None, server_version }] if server_version.starts_with("15."))
    );
}
