//! The store that the installations of a test program have: a SQLite file, or a PostgreSQL database
//! where `GATEWARD_TEST_STORE=postgres`. Whatever a test does, it does on either.
//!
//! On PostgreSQL its tables belong to another role; the one that serves has what docs/postgresql.md grants
//! it and nothing more.
//!
//! A test that is about SQLite itself stands in a module named `on_sqlite`, which `./test` leaves out
//! of the run on PostgreSQL.
#![allow(dead_code, reason = "shared: no test target uses all of it")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command};
use std::time::Duration;

use gateward::store::Store;
use gateward::store::event::{Filter, Recorded, Search};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::cluster::{self, Cluster, OWNER};

/// The store of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUnderTest {
    /// The file.
    Sqlite(PathBuf),
    /// The database in the cluster that all tests of the program share.
    Postgres(String),
}

use StoreUnderTest::{Postgres, Sqlite};

/// Whether this run of the tests is on PostgreSQL.
#[expect(clippy::disallowed_methods, reason = "whoever starts the tests says on which engine they run")]
pub fn is_postgres() -> bool {
    match std::env::var("GATEWARD_TEST_STORE").as_deref() {
        Err(_) | Ok("sqlite") => false,
        Ok("postgres") => true,
        Ok(other) => panic!("GATEWARD_TEST_STORE is {other:?}: take sqlite or postgres"),
    }
}

/// Moves the installation of the configuration at `config`, whose store is a fresh SQLite file, to
/// the engine of this run. Returns where it is then.
#[track_caller]
pub fn settle(config: &Path) -> StoreUnderTest {
    let file = StoreUnderTest::of(config);
    let Sqlite(path) = &file else { panic!("{} is settled already", config.display()) };
    if !is_postgres() {
        return file;
    }
    let cluster = Cluster::shared();
    let database = cluster.database_of(OWNER, "installation");
    let mut copy = Command::new(env!("CARGO_BIN_EXE_gateward"));
    copy.args(["store", "copy", "--from"]).arg(path).args(["--to", &cluster.socket_url_of(OWNER, &database)]);
    cluster::run(copy.env_remove("GATEWARD_STORE"));
    cluster.psql(&database, &grants());
    let url = cluster.socket_url(&database);
    // Whoever still looks for it shall not find it.
    for end in ["", "-wal", "-shm", ".serve-lock"] {
        drop(std::fs::remove_file(format!("{}{end}", path.display())));
    }
    let text = std::fs::read_to_string(config).unwrap();
    let line = text.lines().find(|line| line.starts_with("store = ")).unwrap();
    std::fs::write(config, text.replace(line, &format!("store = \"{url}\""))).unwrap();
    Postgres(database)
}

/// What docs/postgresql.md grants the role that serves.
pub fn grants() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/postgresql.md");
    let page = std::fs::read_to_string(page).unwrap();
    let grants: Vec<&str> = page.lines().filter(|line| line.starts_with("GRANT ")).collect();
    assert!(grants.len() > 3, "{page}");
    grants.join("\n")
}

impl StoreUnderTest {
    /// The one that the configuration at `config` names.
    #[track_caller]
    pub fn of(config: &Path) -> Self {
        let text = std::fs::read_to_string(config).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("store = ")).expect("a store");
        let store = line.trim().trim_matches('"');
        match store.split_once('?').and_then(|(url, _)| url.strip_prefix("postgres://")) {
            Some(url) => Postgres(url.rsplit('/').next().unwrap().to_owned()),
            None => Sqlite(config.parent().unwrap().join(store)),
        }
    }

    /// Reads rows: each column as text, bytes as `\x` and hexadecimal digits, nothing for NULL.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        match self {
            Sqlite(path) => sqlite_rows(path, sql).unwrap(),
            Postgres(database) => Cluster::shared().psql(database, sql),
        }
    }

    /// Reads the one value that there is.
    #[track_caller]
    pub fn value(&self, sql: &str) -> String {
        let mut rows = self.rows(sql);
        assert!(rows.len() == 1 && rows[0].len() == 1, "{sql}: {rows:?}");
        rows.remove(0).remove(0)
    }

    /// Changes something past the program.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.try_execute(sql).unwrap();
    }

    /// The same; says why it is refused.
    pub fn try_execute(&self, sql: &str) -> Result<(), String> {
        match self {
            Sqlite(path) => open(path).execute_batch(sql).map_err(|error| error.to_string()),
            Postgres(database) => Cluster::shared().try_psql(database, sql).map(drop),
        }
    }

    /// Everything that it holds, as bytes: of a file, those on the disk.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Sqlite(path) => ["", "-wal"].map(|end| format!("{}{end}", path.display())).iter().fold(
                Vec::new(),
                |mut all, file| {
                    all.extend(std::fs::read(file).unwrap_or_default());
                    all
                },
            ),
            Postgres(database) => Cluster::shared().dump(database),
        }
    }

    /// All that stands in it now, as a backup has it.
    pub fn keep(&self) -> Kept {
        match self {
            Sqlite(path) => {
                let folder = tempfile::tempdir().unwrap();
                open(path).execute("VACUUM INTO ?1", [folder.path().join("kept").to_str().unwrap()]).unwrap();
                Kept::Sqlite(folder)
            }
            Postgres(database) => Kept::Postgres(Cluster::shared().dump_rows(database)),
        }
    }

    /// Puts back what was kept, in one transaction and past every guard, also under a server that runs.
    pub fn put_back(&self, kept: &Kept) {
        match (self, kept) {
            (Sqlite(path), Kept::Sqlite(folder)) => put_back_rows(&open(path), &folder.path().join("kept")),
            (Postgres(database), Kept::Postgres(rows)) => {
                let tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'";
                let tables: Vec<String> =
                    self.rows(tables).into_iter().map(|mut row| row.remove(0)).collect();
                let tables = tables.join(", ");
                let sql = format!(
                    "BEGIN; SET session_replication_role = replica; TRUNCATE {tables};\n{rows}\nCOMMIT;"
                );
                Cluster::shared().psql(database, &sql);
            }
            _ => panic!("kept from another engine"),
        }
    }

    /// Lets nobody write until what is returned is dropped.
    pub fn hold(&self) -> Held {
        match self {
            Sqlite(path) => {
                let connection = open(path);
                connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                Held::Sqlite(connection)
            }
            Postgres(database) => Held::by(database, "BEGIN; SELECT 'held' FROM log_head FOR UPDATE;"),
        }
    }

    /// Makes it as it is before anybody ever used it.
    pub fn make_anew(&self) {
        match self {
            Sqlite(path) => {
                for end in ["", "-wal", "-shm", ".serve-lock"] {
                    drop(std::fs::remove_file(format!("{}{end}", path.display())));
                }
                std::fs::File::create(path).unwrap();
            }
            Postgres(database) => {
                let cluster = Cluster::shared();
                cluster.psql("postgres", &format!("DROP DATABASE {database} WITH (FORCE)"));
                cluster.psql("postgres", &format!("CREATE DATABASE {database} OWNER {OWNER}"));
                let mut migrate = Command::new(env!("CARGO_BIN_EXE_gateward"));
                migrate.args(["store", "migrate", "--store", &cluster.socket_url_of(OWNER, database)]);
                cluster::run(&mut migrate);
                cluster.psql(database, &grants());
            }
        }
    }

    /// Whether time is told by it, and not by each machine.
    pub fn has_a_clock(&self) -> bool {
        matches!(self, Postgres(_))
    }

    /// Stops the database's clock at `now`, as the store writes times; a file has none.
    pub fn stop_clock_at(&self, now: &str) {
        if let Postgres(database) = self {
            let sql = format!(
                "CREATE OR REPLACE FUNCTION gateward_now() RETURNS text LANGUAGE sql VOLATILE RETURN '{now}'::text"
            );
            Cluster::shared().psql(database, &sql);
        }
    }
}

/// Everything that `filter` finds, oldest first.
pub async fn recorded(store: &Store, filter: Filter) -> Vec<Recorded> {
    let mut search = Search::begin(&store.reader, filter).await.unwrap();
    let mut events = Vec::new();
    loop {
        let page = search.page().await.unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

fn open(path: &Path) -> Connection {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection
}

/// Takes all rows of the file `kept` for those that are there.
fn put_back_rows(connection: &Connection, kept: &Path) {
    let names = |kind: &str| {
        let sql =
            format!("SELECT name, sql FROM main.sqlite_schema WHERE type = '{kind}' AND sql IS NOT NULL");
        let mut statement = connection.prepare(&sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
        rows.unwrap().collect::<Result<Vec<_>, _>>().unwrap()
    };
    connection.execute("ATTACH ?1 AS kept", [kept.to_str().unwrap()]).unwrap();
    let mut sql = "PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE;".to_owned();
    let triggers = names("trigger");
    sql.extend(triggers.iter().map(|(name, _)| format!("DROP TRIGGER {name};\n")));
    sql.extend(names("table").iter().map(|(table, _)| {
        format!("DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM kept.{table};\n")
    }));
    sql.extend(triggers.iter().map(|(_, made)| format!("{made};\n")));
    connection.execute_batch(&(sql + "COMMIT; DETACH kept;")).unwrap();
}

fn sqlite_rows(path: &Path, sql: &str) -> rusqlite::Result<Vec<Vec<String>>> {
    let connection = open(path);
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push((0..columns).map(|column| row.get_ref(column).map(text)).collect::<Result<_, _>>()?);
    }
    Ok(all)
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
        ValueRef::Blob(bytes) => {
            bytes.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
        }
    }
}

/// Reads bytes as [`StoreUnderTest::rows`] writes them.
#[track_caller]
pub fn bytes<const N: usize>(text: &str) -> [u8; N] {
    let digits = text.strip_prefix("\\x").expect("bytes");
    assert_eq!(digits.len(), 2 * N, "{text}");
    std::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
}

/// What a store held once.
pub enum Kept {
    Sqlite(tempfile::TempDir),
    Postgres(String),
}

/// Nobody else writes while this is there.
pub enum Held {
    Sqlite(Connection),
    Postgres(Child, Option<ChildStdin>),
}

impl Held {
    /// Holds what `sql` locks in a database; it ends by saying `held`.
    pub fn by(database: &str, sql: &str) -> Self {
        let mut psql = Cluster::shared().interactive_psql(database);
        let mut stdin = psql.stdin.take().unwrap();
        writeln!(stdin, "{sql}").unwrap();
        let mut said = String::new();
        BufReader::new(psql.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "held");
        Self::Postgres(psql, Some(stdin))
    }

    pub fn release(self) {
        drop(self);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch("ROLLBACK").unwrap(),
            Self::Postgres(psql, stdin) => {
                // At the end of its input it leaves, and the transaction with it.
                drop(stdin.take());
                drop(psql.wait());
            }
        }
    }
}
