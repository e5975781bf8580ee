//! What every CKAN of the tests begins with: CKAN's own program, its tables, its users and their keys.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use super::cluster::Cluster;
use super::cluster::folder::Folder;

/// The administrator (CKAN: sysadmin), and a user who is none.
pub const ADMINISTRATOR: &str = "admin";
pub const USER: &str = "ordinary";

/// CKAN's role at PostgreSQL, and its password: CKAN's tools disagree about how others are spelled in a URL.
const ROLE: &str = "ckan_default";
pub const PASSWORD: &str = "of-tests-only";

/// What is made once: it takes some seven seconds.
pub struct Prepared {
    pub configuration: String,
    pub database: String,
    pub key: String,
    pub ordinary_key: String,
}

/// The `ckan` program, as an administrator installs it.
pub fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venv-ckan/bin/ckan")
}

/// It, with nothing of our environment, working in `folder`, whose end is its own.
pub fn ckan(folder: &Path) -> Command {
    let mut command = Command::new(program());
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .current_dir(folder)
        .process_group(0)
        .stdin(Stdio::null());
    command
}

/// Makes CKAN's tables, its users and their keys.
pub fn prepared() -> &'static Prepared {
    static PREPARED: OnceLock<Prepared> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let folder = Folder::make("ckan");
        let ini = folder.path().join("ckan.ini");
        let role = format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'");
        Cluster::shared().psql("postgres", &role);
        let database = Cluster::shared().database_of(ROLE, "ckan");
        let run = |arguments: &[&str]| good(ckan(folder.path()).arg("-c").arg(&ini).args(arguments));
        good(ckan(folder.path()).args(["generate", "config"]).arg(&ini));
        let storage = format!("ckan.storage_path = {}", folder.path().join("storage").display());
        let url = format!("sqlalchemy.url = {}", database_url(&database));
        good(ckan(folder.path()).arg("config-tool").arg(&ini).args([url, storage]));
        run(&["db", "init"]);
        let keys = [ADMINISTRATOR, USER].map(|user| {
            let mail = format!("email={user}@example.org");
            run(&["user", "add", user, &mail, "password=of tests only"]);
            run(&["user", "token", "add", "--quiet", user, "of the tests"]).trim().to_owned()
        });
        run(&["sysadmin", "add", ADMINISTRATOR]);
        let [key, ordinary_key] = keys;
        let configuration = std::fs::read_to_string(&ini).unwrap();
        Prepared { configuration, database, key, ordinary_key }
    })
}

/// Copies a database that nobody is connected to; returns the copy's name.
pub fn copy(database: &str) -> String {
    static COPIES: AtomicU32 = AtomicU32::new(0);
    // One at a time: PostgreSQL copies nothing that somebody is connected to, another copier included.
    static COPYING: Mutex<()> = Mutex::new(());
    let _alone = COPYING.lock().unwrap();
    let copy = format!("{database}_{}", COPIES.fetch_add(1, Ordering::Relaxed));
    Cluster::shared().psql("postgres", &format!("CREATE DATABASE {copy} OWNER {ROLE} TEMPLATE {database}"));
    copy
}

/// Makes an empty database for CKAN; returns its name.
pub fn empty_database() -> String {
    Cluster::shared().database_of(ROLE, "restored")
}

/// As SQLAlchemy takes it.
pub fn database_url(database: &str) -> String {
    format!("postgresql://{ROLE}:{PASSWORD}@{}/{database}", Cluster::shared().address())
}

/// Runs a program to a good end; returns what it wrote to its standard output.
#[track_caller]
pub fn good(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped())).wait_with_output().unwrap();
    // CKAN says a hundred lines about Redis and Solr before the one that counts.
    let said = String::from_utf8_lossy(&stderr);
    let last = said.lines().rev().take(8).collect::<Vec<_>>();
    assert!(status.success(), "{command:?}: (last line first) {last:#?}");
    String::from_utf8(stdout).unwrap()
}

/// Starts a program, or says what to install.
#[track_caller]
pub fn spawn(command: &mut Command) -> Child {
    match command.spawn() {
        Ok(child) => child,
        Err(error) => panic!("{command:?}: {error}; ./test --install brings it"),
    }
}
