//! A real CKAN of our own, from `target/venv-ckan`: on a free loopback port, in a temporary folder, on a
//! database of the tests' PostgreSQL. It has neither Redis nor Solr, and says so in its log.
//!
//! ```ignore
//! let ckan = Site::shared();
//! ckan.post("api_token_list", &ckan.key, &json!({ "user_id": "admin" }));
//! ```
//!
//! The database is made once for each test program, and copied for each CKAN. What CKAN signs with is
//! the same everywhere, so that one key of the administrator's is right at all of them. Nothing of a
//! CKAN outlives the test program.
#![allow(dead_code, reason = "the whole of a CKAN, of which tests use what they need")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::cluster::Cluster;
use super::cluster::folder::{Folder, signal};
use super::cluster::patience::eventually;
use super::cluster::ports::free_port;
pub use super::prepared::{ADMINISTRATOR, USER, program};
use super::prepared::{Prepared, ckan, copy, database_url, good, prepared, spawn};

/// How long CKAN may take to start: a second and a half on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A CKAN; stopped, and its folder removed, when dropped.
#[derive(Debug)]
pub struct Site {
    server: Mutex<Option<Child>>,
    port: u16,
    tls: bool,
    /// The administrator's API token.
    pub key: String,
    /// An API token of [`USER`]'s.
    pub ordinary_key: String,
    database: String,
    folder: Folder,
}

/// A table that is held still until this is dropped.
#[derive(Debug)]
pub struct Held {
    psql: Child,
    _stdin: ChildStdin,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.psql.kill().unwrap();
        self.psql.wait().unwrap();
    }
}

impl Site {
    /// The CKAN that all tests of a program share; it ends with the program. Who stops one starts one of
    /// their own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Site> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Another that all share, which speaks HTTPS, with the certificate of [`Site::certificate`], for
    /// `localhost`.
    pub fn shared_with_tls() -> &'static Self {
        static SHARED: OnceLock<Site> = OnceLock::new();
        SHARED.get_or_init(|| {
            let site = Self::make(true);
            site.power_on();
            site
        })
    }

    /// Starts one that speaks plain HTTP.
    pub fn start() -> Self {
        let site = Self::stopped();
        site.power_on();
        site
    }

    /// One that does not run; its command does all the same.
    pub fn stopped() -> Self {
        Self::make(false)
    }

    /// Starts another with the configuration of this one, on a database and a folder of files that were restored.
    pub fn restored(&self, database: &str, storage: &Path) -> Self {
        let configuration = std::fs::read_to_string(self.ini()).unwrap();
        let site = Self::on(database.to_owned(), &configuration, Some(storage), false);
        site.power_on();
        site
    }

    fn make(tls: bool) -> Self {
        let prepared = prepared();
        Self::on(copy(&prepared.database), &prepared.configuration, None, tls)
    }

    fn on(database: String, configuration: &str, storage: Option<&Path>, tls: bool) -> Self {
        let Prepared { key, ordinary_key, .. } = prepared();
        let (key, ordinary_key) = (key.clone(), ordinary_key.clone());
        let (port, folder) = (free_port(), Folder::make("ckan"));
        let site = Self { server: Mutex::new(None), port, tls, key, ordinary_key, database, folder };
        std::fs::write(site.ini(), configuration).unwrap();
        site.configure(storage.unwrap_or(&site.storage()));
        site
    }

    /// Where it is.
    pub fn url(&self) -> String {
        let (scheme, host) = if self.tls { ("https", "localhost") } else { ("http", "127.0.0.1") };
        format!("{scheme}://{host}:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its configuration file, as the `ckan` command takes it.
    pub fn ini(&self) -> PathBuf {
        self.folder.path().join("ckan.ini")
    }

    /// Where it keeps files, unless it was restored.
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("storage")
    }

    /// The name of its database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Its folder, in which tests may leave files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate that it shows, PEM.
    pub fn certificate() -> PathBuf {
        Cluster::shared().folder().path().join("server.pem")
    }

    /// The certificate that its own leads to, PEM.
    pub fn ca() -> PathBuf {
        Cluster::shared().ca()
    }

    /// A file that only we can read, with `key` in it.
    pub fn file_with(&self, name: &str, key: &str) -> PathBuf {
        self.folder.write(name, &format!("{key}\n"))
    }

    /// Asks its API as anybody may, with curl; returns the status and the answer.
    pub fn post(&self, action: &str, key: &str, asked: &serde_json::Value) -> (u16, serde_json::Value) {
        self.post_with(action, &[format!("Authorization: {key}")], asked)
    }

    /// The same with other header fields.
    pub fn post_with(
        &self,
        action: &str,
        fields: &[String],
        asked: &serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}"]).args([
            "--header",
            "Content-Type: application/json",
            "--data",
            &asked.to_string(),
        ]);
        for field in fields {
            curl.args(["--header", field]);
        }
        if self.tls {
            curl.arg("--cacert").arg(Self::ca());
        }
        let said = good(curl.arg(format!("{}/api/3/action/{action}", self.url())));
        let (body, status) = said.rsplit_once('\n').unwrap();
        let answer = serde_json::from_str(body).unwrap_or_else(|_| serde_json::Value::String(body.into()));
        (status.parse().unwrap(), answer)
    }

    /// Runs the `ckan` command on it to a good end; returns what it wrote.
    pub fn command(&self, arguments: &[&str]) -> String {
        good(ckan(self.folder.path()).arg("-c").arg(self.ini()).args(arguments))
    }

    /// Runs SQL on its database.
    pub fn psql(&self, sql: &str) -> Vec<Vec<String>> {
        Cluster::shared().psql(&self.database, sql)
    }

    /// Holds a table still, so that CKAN waits whenever it would change it.
    pub fn hold(&self, table: &str) -> Held {
        let mut psql = Cluster::shared().interactive_psql(&self.database);
        let mut stdin = psql.stdin.take().unwrap();
        stdin
            .write_all(format!("BEGIN; LOCK TABLE {table} IN SHARE MODE;\n\\echo held\n").as_bytes())
            .unwrap();
        let mut said = String::new();
        BufReader::new(psql.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "held\n");
        Held { psql, _stdin: stdin }
    }

    /// Waits until CKAN waits for what is held.
    pub fn waits(&self) {
        let waiting = format!(
            "SELECT 1 FROM pg_stat_activity WHERE datname = '{}' AND wait_event_type = 'Lock'",
            self.database
        );
        eventually("CKAN waits", PATIENCE, || !self.psql(&waiting).is_empty());
    }

    /// Lets nobody into its database any more, as if it were gone.
    pub fn lock_out(&self) {
        let database = &self.database;
        Cluster::shared().psql("postgres", &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false"));
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity";
        Cluster::shared().psql("postgres", &format!("{end} WHERE datname = '{database}'"));
    }

    /// What it wrote to its log.
    pub fn logs(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join("log")).unwrap_or_default()).into()
    }

    /// Writes where it is into its configuration, by CKAN's own means.
    fn configure(&self, storage: &Path) {
        let url = database_url(&self.database);
        let options = [
            format!("sqlalchemy.url = {url}"),
            format!("ckan.site_url = {}", self.url()),
            format!("ckan.storage_path = {}", storage.display()),
            format!("ckan.webassets.path = {}", self.folder.path().join("webassets").display()),
            // In MB: a measurement of DCOR has some, a picture none.
            "ckan.max_image_size = 1000".to_owned(),
        ];
        self.set(&options);
    }

    /// Writes options into its configuration, each `NAME = VALUE`; it knows them from its next start on.
    pub fn set(&self, options: &[String]) {
        good(ckan(self.folder.path()).arg("config-tool").arg(self.ini()).args(options));
    }
}

/// Its life.
impl Site {
    /// Starts it and waits until it answers.
    pub fn power_on(&self) {
        let log = File::options().append(true).create(true).open(self.folder.path().join("log")).unwrap();
        let mut run = ckan(self.folder.path());
        run.arg("-c").arg(self.ini()).args(["run", "--disable-reloader", "--disable-debugger", "--threaded"]);
        run.args(["--host", "127.0.0.1", "--port", &self.port.to_string()]);
        if self.tls {
            run.arg("--ssl-cert").arg(Self::certificate());
            run.arg("--ssl-key").arg(Cluster::shared().folder().path().join("server.key"));
        }
        let mut server = self.server.lock().unwrap();
        assert!(server.is_none(), "this CKAN runs already");
        let child = server.insert(spawn(run.stdout(log.try_clone().unwrap()).stderr(log)));
        eventually("CKAN takes connections", PATIENCE, || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "CKAN did not start: {}", self.logs());
            std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
    }

    fn pid(&self) -> Option<Pid> {
        self.server.lock().unwrap().as_ref().map(|child| Pid::from_raw(child.id().cast_signed()))
    }

    /// `kill -9`: connections are cut.
    pub fn kill(&self) {
        if let Some(mut child) = self.server.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops it where it stands (`SIGSTOP`): connections stay open and nobody answers.
    pub fn pause(&self) {
        signal(self.pid(), Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        signal(self.pid(), Signal::SIGCONT);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- CKAN in {} said:\n{}", self.folder.path().display(), self.logs());
        }
    }
}
