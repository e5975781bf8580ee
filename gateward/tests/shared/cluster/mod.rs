//! A real PostgreSQL server of our own: Debian's `postgresql-15`, in a temporary folder, on a free
//! loopback port and a Unix socket.
//!
//! ```ignore
//! let database = Cluster::shared().database("exchange");
//! let url = Cluster::shared().socket_url(&database);
//! ```
//!
//! Benchmarks take it in, too: it stands on nothing but the files beside it. The role `gateward` comes in by peer through
//! the socket, as ourselves, and by a password over TCP, with or without TLS. Databases are UTF-8 and
//! sort by bytes. Nothing of the server outlives the test program.
#![allow(dead_code, reason = "shared: no test target uses all of it")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::{Pid, Uid, User};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

pub mod folder;
pub mod patience;
pub mod ports;
use folder::{Folder, inhabitants, kill_inhabitants, signal};
use patience::eventually;
use ports::free_port;

/// Where Debian has the programs of the server.
pub const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// The role that owns what [`Cluster::database`] makes.
pub const ROLE: &str = "gateward";

/// A role for databases whose tables `gateward` shall not own.
pub const OWNER: &str = "owner_of_tables";

/// The password of `gateward`, over TCP.
pub const PASSWORD: &str = "of tests only";

/// What gateward calls the file with the password, in a URL.
pub const PASSWORD_FILE: &str = "password_file";

/// How long a server may take to start, stop, or recover.
const PATIENCE: Duration = Duration::from_secs(60);

/// A PostgreSQL server; stopped, and its folder removed, when dropped.
#[derive(Debug)]
pub struct Cluster {
    postmaster: Mutex<Option<Child>>,
    data: PathBuf,
    port: u16,
    databases: AtomicU32,
    // Dropped last: whoever still lives there is killed.
    folder: Folder,
}

impl Cluster {
    /// Starts a server. Its settings are PostgreSQL's own, so `fsync` and `synchronous_commit` are on.
    pub fn start() -> Self {
        Self::with_settings(&[])
    }

    /// Starts a server whose `postgresql.conf` has these at its end.
    pub fn with_settings(settings: &[(&str, &str)]) -> Self {
        let folder = Folder::make("postgres");
        let data = folder.make_inside("data");
        Self::on(folder, data, settings)
    }

    /// Starts a server whose data are in `data`, an empty folder of the servers' user.
    pub fn on(folder: Folder, data: PathBuf, settings: &[(&str, &str)]) -> Self {
        let initdb = ["--no-sync", "--no-instructions", "--username=postgres", "--auth=peer"];
        let sorting = ["--encoding=UTF8", "--locale=C.UTF-8"];
        run(folder.command(program("initdb")).args(initdb).args(sorting).arg(&data));
        let cluster = Self::stopped(folder, data);
        cluster.write_certificates();
        cluster.write_settings(settings);
        cluster.write_access();
        cluster.power_on();
        cluster.make_roles();
        cluster
    }

    /// Makes the roles that own databases.
    pub fn make_roles(&self) {
        self.psql("postgres", &format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'"));
        self.psql("postgres", &format!("CREATE ROLE {OWNER} LOGIN"));
    }

    /// Starts a standby that follows `primary`, which must live as long as it is followed.
    pub fn standby_of(primary: &Self) -> Self {
        let folder = Folder::make("postgres");
        let data = folder.path().join("data");
        let cluster = Self::stopped(folder, data);
        cluster.follow(primary);
        cluster
    }

    /// Makes a stopped server anew, as a standby that follows `primary`, and starts it.
    pub fn follow(&self, primary: &Self) {
        if self.data.exists() {
            std::fs::remove_dir_all(&self.data).unwrap();
        }
        self.take_certificates_of(primary);
        let mut backup = self.folder.command(program("pg_basebackup"));
        backup.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--username=postgres"]);
        backup.arg(format!("--port={}", primary.port)).arg("--host").arg(primary.socket_folder());
        run(backup.arg("--pgdata").arg(&self.data));
        self.write_settings(&[]);
        self.power_on();
    }

    /// The server that all tests of a program share; it ends with the program. Who stops, fills or
    /// reconfigures a server starts one of their own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::with_settings(&[("max_connections", "300")]))
    }

    /// A server that has its folders but does not run.
    pub fn stopped(folder: Folder, data: PathBuf) -> Self {
        let port = free_port();
        // Whoever connects reads it, so it is ours and not the server's.
        let password = folder.write("password", &format!("{PASSWORD}\n"));
        std::os::unix::fs::chown(password, Some(Uid::effective().as_raw()), None).unwrap();
        Self { postmaster: Mutex::new(None), data, port, databases: 0.into(), folder }
    }

    /// Makes a fresh database of `gateward`'s; returns its name, which begins with `name`.
    pub fn database(&self, name: &str) -> String {
        self.database_of(ROLE, name)
    }

    /// Makes a fresh database of `owner`'s; returns its name, which begins with `name`.
    pub fn database_of(&self, owner: &str, name: &str) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let database = format!("{name}_{number}");
        self.psql("postgres", &format!("CREATE DATABASE {database} OWNER {owner}"));
        database
    }

    /// As gateward's configuration takes it: through the socket, as ourselves.
    pub fn socket_url(&self, database: &str) -> String {
        self.socket_url_of(ROLE, database)
    }

    /// The same for another role.
    pub fn socket_url_of(&self, role: &str, database: &str) -> String {
        let folder = self.folder.path().display();
        format!("postgres://{role}@/{database}?host={folder}&port={}", self.port)
    }

    /// As gateward's configuration takes it: over loopback, by password, without TLS.
    pub fn tcp_url(&self, database: &str) -> String {
        self.url_through(self.address(), database)
    }

    /// The same with something in between that listens on `address`.
    pub fn url_through(&self, address: SocketAddr, database: &str) -> String {
        let password = self.password_file();
        format!("postgres://{ROLE}@{address}/{database}?{PASSWORD_FILE}={}", password.display())
    }

    /// As gateward's configuration takes it: by password over TLS, the server verified as
    /// `localhost`, the one name that its certificate has.
    pub fn tls_url(&self, database: &str) -> String {
        let (port, ca, password) = (self.port, self.ca(), self.password_file());
        let (ca, password) = (ca.display(), password.display());
        format!(
            "postgres://{ROLE}@localhost:{port}/{database}?sslmode=verify-full&sslrootcert={ca}&{PASSWORD_FILE}={password}"
        )
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The folder with the socket.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder and the user that the server has.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The folder with the data.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The certificate that the server's leads to.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The file with `gateward`'s password.
    pub fn password_file(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    /// Runs SQL as the superuser; returns the rows as psql writes their fields, NULL as nothing.
    /// Statements run one by one, each in a transaction of its own unless they say `BEGIN`.
    #[track_caller]
    pub fn psql(&self, database: &str, sql: &str) -> Vec<Vec<String>> {
        match self.try_psql(database, sql) {
            Ok(rows) => rows,
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    /// Runs SQL that may fail; returns what psql says then.
    pub fn try_psql(&self, database: &str, sql: &str) -> Result<Vec<Vec<String>>, String> {
        let output = self.run_psql(database, sql);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let text = String::from_utf8(output.stdout).expect("databases are UTF-8");
        let rows = text.split_terminator(END_OF_ROW);
        Ok(rows.map(|row| row.split(END_OF_FIELD).map(str::to_owned).collect()).collect())
    }

    /// psql as the superuser, which reads from a pipe and writes a row a line to another.
    pub fn interactive_psql(&self, database: &str) -> Child {
        let mut psql = self.as_superuser("psql", database);
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]);
        spawn(psql.stdin(Stdio::piped()).stdout(Stdio::piped()))
    }

    /// Everything in a database, as pg_dump writes it.
    pub fn dump(&self, database: &str) -> Vec<u8> {
        let output = spawn(self.as_superuser("pg_dump", database).stdout(Stdio::piped()));
        output.wait_with_output().unwrap().stdout
    }

    /// All rows of a database, as psql takes them where the tables are there.
    pub fn dump_rows(&self, database: &str) -> String {
        let mut dump = self.as_superuser("pg_dump", database);
        let output = spawn(dump.arg("--data-only").stdout(Stdio::piped())).wait_with_output().unwrap();
        String::from_utf8(output.stdout).expect("databases are UTF-8")
    }

    /// A client program that connects as the superuser.
    fn as_superuser(&self, name: &str, database: &str) -> Command {
        let mut command = Command::new(program(name));
        command
            .args(["--username=postgres", &format!("--port={}", self.port), "--host"])
            .arg(self.folder.path())
            .arg(format!("--dbname={database}"))
            .env_clear()
            .env("PGCLIENTENCODING", "UTF8");
        command
    }

    fn run_psql(&self, database: &str, sql: &str) -> Output {
        let mut psql = self.as_superuser("psql", database);
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"])
            .arg(format!("--field-separator={END_OF_FIELD}"))
            .arg("--record-separator-zero");
        let mut psql = spawn(psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
        let mut stdin = psql.stdin.take().unwrap();
        let sql = sql.to_owned();
        // It may stop at an error; what it says about that is what matters.
        let feeder = std::thread::spawn(move || drop(stdin.write_all(sql.as_bytes())));
        let output = psql.wait_with_output().unwrap();
        feeder.join().unwrap();
        output
    }

    /// What the server wrote to its log.
    pub fn logs(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log()).unwrap_or_default()).into_owned()
    }

    /// The file with it.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// The authority's certificate, the server's, and its key.
const CERTIFICATES: [&str; 3] = ["ca.pem", "server.pem", "server.key"];

/// What stands behind a row and a field of psql's; PostgreSQL's text never has the first.
const END_OF_ROW: char = '\0';
const END_OF_FIELD: char = '\x1f';

/// Its life.
impl Cluster {
    /// Starts it and waits until it takes connections.
    pub fn power_on(&self) {
        let mut postmaster = self.postmaster.lock().unwrap();
        assert!(postmaster.is_none(), "the server runs already");
        let log = File::options().append(true).create(true).open(self.log()).unwrap();
        let mut server = self.folder.command(program("postgres"));
        let child =
            postmaster.insert(spawn(server.arg("-D").arg(&self.data).stdout(Stdio::null()).stderr(log)));
        eventually("PostgreSQL is ready", PATIENCE, || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "PostgreSQL did not start: {}", self.logs());
            self.says_ready(child.id())
        });
    }

    /// As pg_ctl looks: line 1 of `postmaster.pid` is its process, line 8 its state.
    fn says_ready(&self, process: u32) -> bool {
        let state = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        let mut lines = state.lines();
        lines.next() == Some(process.to_string().as_str())
            && lines.nth(6).is_some_and(|line| line.trim() == "ready")
    }

    /// The process that started all others of the server, while it runs.
    pub fn pid(&self) -> Option<Pid> {
        let postmaster = self.postmaster.lock().unwrap();
        postmaster.as_ref().map(|child| Pid::from_raw(child.id().cast_signed()))
    }

    /// Whether it runs: it may have ended by itself.
    pub fn is_running(&self) -> bool {
        self.postmaster.lock().unwrap().as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Stops it in good order, connections cut.
    pub fn stop(&self) {
        self.resume();
        signal(self.pid(), Signal::SIGINT);
        let mut postmaster = self.postmaster.lock().unwrap();
        if let Some(child) = postmaster.as_mut() {
            let begun = Instant::now();
            while child.try_wait().unwrap().is_none() && begun.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        drop(postmaster);
        self.kill();
    }

    /// `kill -9` for every process of the server, at once.
    pub fn kill(&self) {
        let first = self.pid();
        kill_inhabitants(&self.data, first);
        if let Some(mut child) = self.postmaster.lock().unwrap().take() {
            child.wait().unwrap();
        }
    }

    /// Stops it in good order and starts it again.
    pub fn restart(&self) {
        self.stop();
        self.power_on();
    }

    /// Stops every process where it stands (`SIGSTOP`): connections stay open and nobody answers.
    pub fn pause(&self) {
        let postmaster = self.pid();
        signal(postmaster, Signal::SIGSTOP);
        for pid in inhabitants(&self.data) {
            signal(Some(pid), Signal::SIGSTOP);
        }
    }

    /// Lets all go on that [`Cluster::pause`] stopped.
    pub fn resume(&self) {
        for pid in inhabitants(&self.data) {
            signal(Some(pid), Signal::SIGCONT);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- PostgreSQL in {} said:\n{}", self.data.display(), self.logs());
            // Nobody cares for good order any more: the folder's guard ends it.
            return;
        }
        self.stop();
    }
}

/// Its files.
impl Cluster {
    /// Takes the same certificates as another server: clients know one authority.
    pub fn take_certificates_of(&self, other: &Self) {
        for name in CERTIFICATES {
            let copy = self.folder.path().join(name);
            std::fs::copy(other.folder.path().join(name), &copy).unwrap();
            self.folder.give(&copy);
        }
    }

    /// Writes a certificate for `localhost` and the authority that signed it, whose key is not kept.
    pub fn write_certificates(&self) {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        // Named unlike the server, or OpenSSL takes the server's for signed by itself.
        authority.distinguished_name.push(DnType::CommonName, "authority of tests");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let authority_key = KeyPair::generate().unwrap();
        let ca = authority.self_signed(&authority_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let server = server.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap().pem();
        for (name, content) in CERTIFICATES.iter().zip([ca, server, key.serialize_pem()]) {
            self.folder.write(name, &content);
        }
    }

    /// Appends to `postgresql.conf` where it listens, and `settings`, which win.
    fn write_settings(&self, settings: &[(&str, &str)]) {
        let mut lines = String::new();
        let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
        for (name, value) in self.own_settings().into_iter().chain(settings) {
            writeln!(lines, "{name} = '{}'", value.replace('\'', "''")).unwrap();
        }
        append(&self.data.join("postgresql.conf"), &lines);
    }

    /// The settings that come from where it is.
    pub fn own_settings(&self) -> Vec<(&'static str, String)> {
        let folder = self.folder.path();
        let file = |name| folder.join(name).display().to_string();
        vec![
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", self.port.to_string()),
            ("unix_socket_directories", folder.display().to_string()),
            ("ssl", "on".to_owned()),
            ("ssl_cert_file", file(CERTIFICATES[1])),
            ("ssl_key_file", file(CERTIFICATES[2])),
            ("shared_buffers", "32MB".to_owned()),
            ("log_line_prefix", "%m [%p] %d ".to_owned()),
        ]
    }

    /// Writes who comes in.
    fn write_access(&self) {
        append(&self.data.join("pg_ident.conf"), &(self.names().join("\n") + "\n"));
        std::fs::write(self.data.join("pg_hba.conf"), ACCESS.join("\n") + "\n").unwrap();
    }

    /// Lines of `pg_ident.conf`: we are anybody, the server's user is the superuser.
    pub fn names(&self) -> Vec<String> {
        let us = User::from_uid(Uid::effective()).unwrap().expect("the user who tests has a name").name;
        let server = self.folder.owner().name.clone();
        let names = [(&us, ROLE), (&us, OWNER), (&us, "postgres"), (&server, "postgres")];
        names.map(|(user, role)| format!("tests {user} {role}")).to_vec()
    }
}

/// Lines of `pg_hba.conf`: by peer through the socket, by password over TCP.
pub const ACCESS: [&str; 4] = [
    "local all all peer map=tests",
    "local replication all peer map=tests",
    "host all all 127.0.0.1/32 scram-sha-256",
    "host replication all 127.0.0.1/32 scram-sha-256",
];

/// The path of a program of the server's.
pub fn program(name: &str) -> PathBuf {
    Path::new(PROGRAMS).join(name)
}

/// Runs a program to a good end; returns what it said.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped())).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// Starts a program, or says what to install.
#[track_caller]
pub fn spawn(command: &mut Command) -> Child {
    match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            panic!("{command:?}: {error}; is Debian's postgresql-15 there? ./test --install brings it")
        }
    }
}

fn append(path: &Path, text: &str) {
    File::options().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}
