//! docs/postgresql.md, followed to the letter: every command of it, in its order, and every URL.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::unistd::{Uid, User};
use tempfile::TempDir;

use crate::cluster::patience::eventually;
use crate::cluster::ports::free_port;
use crate::cluster::{Cluster, PROGRAMS, ROLE};
use crate::guide_reader::{Reader, blocks};
use crate::program::{GATEWARD, reconfigure};

/// The machine that the page is about, as far as it names it.
struct Machine {
    cluster: Cluster,
    reader: Reader,
    page: String,
    _outer: TempDir,
}

impl Machine {
    fn new() -> Self {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/postgresql.md");
        let outer = tempfile::tempdir().unwrap();
        let mut machine = Self {
            cluster: Cluster::start(),
            reader: Reader::in_folder(outer.path()),
            page: std::fs::read_to_string(page).unwrap(),
            _outer: outer,
        };
        // The page makes it.
        machine.cluster.psql("postgres", &format!("DROP ROLE {ROLE}"));
        // Who serves is not who administers: where root runs the tests, the state is somebody else's.
        std::fs::set_permissions(machine.at(""), Permissions::from_mode(0o755)).unwrap();
        let server = machine.server();
        chown(machine.at("state"), Some(server.uid.as_raw()), Some(server.gid.as_raw())).unwrap();
        std::fs::set_permissions(machine.at("state"), Permissions::from_mode(0o700)).unwrap();
        // Certificates are the reader's own.
        for (from, to) in [("server.pem", "public.pem"), ("server.key", "public.key")] {
            let from = machine.cluster.socket_folder().join(from);
            std::fs::copy(&from, machine.at("etc").join(to)).unwrap();
            let mine = machine.cluster.data().join(from.file_name().unwrap());
            std::fs::copy(&from, &mine).unwrap();
            machine.cluster.folder().give(&mine);
        }
        std::fs::copy(machine.cluster.ca(), machine.at("etc/db-ca.pem")).unwrap();
        machine.write_programs();
        machine.name_things();
        machine
    }

    /// What the page's commands find instead of the system's: nobody becomes somebody else, nothing is
    /// installed, and the one service is our PostgreSQL.
    fn write_programs(&self) {
        let (pid, etc) = (self.cluster.pid().unwrap(), self.reader.path("etc"));
        for (name, text) in [
            ("apt", "exit 0".to_owned()),
            ("sudo", "if [ \"$1\" = -u ]; then export PGUSER=\"$2\"; shift 2; fi\nexec \"$@\"".to_owned()),
            (
                "systemctl",
                format!("[ \"$1 $2\" != \"reload postgresql\" ] || {{ kill -HUP {pid}; sleep 0.5; }}"),
            ),
            ("gateward", format!("[ \"$1\" != init ] || set -- \"$@\" --dir {etc}\nexec {GATEWARD} \"$@\"")),
        ] {
            self.reader.write_program(name, &text);
        }
    }

    fn name_things(&mut self) {
        let us = User::from_uid(Uid::effective()).unwrap().unwrap().name;
        let port = self.cluster.address().port();
        let socket = format!("@/gateward?host={}&port={port}", self.cluster.socket_folder().display());
        for (theirs, ours) in [
            ("gateward root gateward_owner", format!("gateward {us} gateward_owner")),
            ("@/gateward", socket),
            // Of two hosts, the first is not there.
            ("db1.example.org,db2.example.org", format!("localhost:{},localhost:{port}", free_port())),
            ("db1.example.org", format!("localhost:{port}")),
            ("192.0.2.0/24", "127.0.0.1/32".into()),
            ("chown gateward", format!("chown {}", self.server().name)),
            ("%d/pg.pass", self.reader.path("etc/pg.pass")),
            ("/etc/postgresql/15/main", self.cluster.data().display().to_string()),
            ("/etc/gateward", self.reader.path("etc")),
            ("/var/lib/gateward", self.reader.path("state")),
        ] {
            self.reader.call(theirs, ours);
        }
    }

    /// Who is `gateward` here: not root.
    fn server(&self) -> &User {
        self.cluster.folder().owner()
    }

    /// Whoever is to serve can open what the commands of root left in the folder of the state.
    #[track_caller]
    fn state_is_the_servers(&self) {
        for entry in std::fs::read_dir(self.at("state")).unwrap().map(Result::unwrap) {
            assert_eq!(entry.metadata().unwrap().uid(), self.server().uid.as_raw(), "{entry:?}");
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.reader.at(name)
    }

    fn here(&self, text: &str) -> String {
        self.reader.here(text)
    }

    /// Runs commands of the page; returns what they say.
    #[track_caller]
    fn run(&self, block: &str) -> String {
        let mut shell = self.reader.shell(&format!("PATH={PROGRAMS}:$PATH\n{block}"));
        let output = self.at_our_server(&mut shell).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{block}: {said}");
        said
    }

    /// The server of a command that names none is ours.
    fn at_our_server<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("PGHOST", self.cluster.socket_folder())
            .env("PGPORT", self.cluster.address().port().to_string())
            .stdin(Stdio::null())
    }

    fn gateward(&self) -> Command {
        let mut command = Command::new(GATEWARD);
        self.at_our_server(&mut command).env("GATEWARD_CONFIG", self.config());
        command.env_remove("GATEWARD_STORE").env_remove("GATEWARD_KEYRING");
        command
    }

    fn config(&self) -> PathBuf {
        self.at("etc/gateward.toml")
    }

    /// Writes the configuration again with `from` replaced by `to`.
    #[track_caller]
    fn configure(&self, from: &str, to: &str) {
        reconfigure(&self.config(), from, to);
    }

    /// Serves until the door is open, and stops.
    fn serve(&self) {
        let log = self.at("log");
        let stderr = std::fs::File::create(&log).unwrap();
        let mut server = self.gateward().arg("serve").stderr(stderr).spawn().unwrap();
        eventually("the door is open", Duration::from_secs(20), || {
            let said = std::fs::read_to_string(&log).unwrap();
            assert!(server.try_wait().unwrap().is_none(), "{said}");
            said.contains("the door is open")
        });
        let pid = nix::unistd::Pid::from_raw(server.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(server.wait().unwrap().success());
    }

    /// The URLs of the page that begin with `beginning`.
    fn urls(&self, beginning: &str) -> Vec<String> {
        let urls = self.page.match_indices(beginning).map(|(at, _)| &self.page[at..]);
        let until_quote = |url: &str| url.split(['"', '\'', '`', '\n']).next().unwrap().to_owned();
        urls.map(until_quote).collect()
    }
}

#[test]
fn whoever_follows_the_page_gets_a_store_on_postgresql_and_back_again() {
    let machine = Machine::new();
    let blocks = blocks(&machine.page, "sh");
    let [roles, access, tables, init, tls, password, upgrade, there, back] = &blocks[..] else {
        panic!("the page has other commands: {blocks:?}")
    };
    machine.run(roles);
    machine.run(access);
    let said = machine.run(tables);
    assert!(said.contains("migrated from schema version 0"), "{said}");
    let said = machine.run(init);
    assert!(said.contains("operator   admin") && said.contains("(PostgreSQL)"), "{said}");
    assert!(said.contains("events    1,"), "the first operator: {said}");
    for listener in ["0.0.0.0:443", "127.0.0.1:9443"] {
        machine.configure(listener, "127.0.0.1:0");
    }
    machine.serve();

    machine.run(tls);
    machine.run(password);
    let password = std::fs::metadata(machine.at("etc/pg.pass")).unwrap();
    assert_eq!((password.uid(), password.mode() & 0o777), (machine.server().uid.as_raw(), 0o600));
    let urls = machine.urls("postgres://gateward@db1.example.org");
    assert_eq!(urls.len(), 3, "by TLS, from a credential, and of two hosts: {urls:?}");
    for url in urls {
        let said = machine.run(&format!("gateward store status --store '{url}'"));
        assert!(said.contains("running   no server"), "{said}");
        let weaker = url.replace("sslmode=verify-full&", "sslmode=require&");
        let refused = machine.gateward().args(["store", "status", "--store", &weaker]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{weaker}");
    }
    let said = machine.run(upgrade);
    assert!(said.contains("nothing to do"), "{said}");

    // An installation that has a file, before the same empty database.
    machine.run("sudo -u postgres dropdb gateward");
    machine.run(roles.lines().last().unwrap());
    let dir = machine.at("demo");
    let demo = ["demo", "--once", "--public", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--dir"];
    assert!(machine.gateward().args(demo).arg(&dir).output().unwrap().status.success());
    copy_folder(&dir, &machine.at("etc"));
    std::fs::rename(dir.join("gateward.db"), machine.at("state/gateward.db")).unwrap();
    machine.cluster.folder().give(&machine.at("state/gateward.db"));
    let said = machine.run(there);
    assert!(said.contains("7 events copied"), "{said}");
    machine.run(tables);
    machine.configure("store = \"gateward.db\"", &machine.here("store = \"postgres://gateward@/gateward\""));
    machine.serve();
    machine.state_is_the_servers();
    let said = machine.run(back);
    assert!(said.contains("events copied"), "{said}");
    machine.state_is_the_servers();
    machine.configure(
        &machine.here("postgres://gateward@/gateward"),
        &machine.here("/var/lib/gateward/back.db"),
    );
    machine.serve();
    let log = machine.run("gateward audit search");
    assert_eq!(log.matches("store_copied").count(), 2, "{log}");
}

/// Makes an installation in `folder`; returns the exit status and what was said.
fn init(folder: &Path, store: &str) -> (i32, String) {
    let mut init = Command::new(GATEWARD);
    init.args(["init", "--listen", "unix:/run/gateward/http.sock", "--store", store, "--dir"]).arg(folder);
    let output = init.env_remove("GATEWARD_STORE").output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[test]
fn init_makes_an_installation_on_a_database_that_a_password_opens() {
    let cluster = Cluster::shared();
    let folder = tempfile::tempdir().unwrap();
    for url in [cluster.tcp_url(&cluster.database("init")), cluster.tls_url(&cluster.database("init"))] {
        let folder = folder.path().join(if url.contains("verify-full") { "tls" } else { "tcp" });
        let (status, said) = init(&folder, &url);
        assert_eq!(status, 0, "{said}");
        let config = std::fs::read_to_string(folder.join("gateward.toml")).unwrap();
        assert!(config.contains(&format!("store = \"{url}\"")), "{config}");
        let mut users = Command::new(GATEWARD);
        users.args(["audit", "search", "--config"]).arg(folder.join("gateward.toml"));
        let said = String::from_utf8(users.output().unwrap().stdout).unwrap();
        assert!(said.contains("user_created"), "{said}");
    }
}

#[test]
fn init_leaves_nothing_where_the_database_is_not_there_or_not_empty_or_not_to_be_opened() {
    let cluster = Cluster::shared();
    let outer = tempfile::tempdir().unwrap();
    let taken = cluster.socket_url(&cluster.database("taken"));
    assert_eq!(init(&outer.path().join("first"), &taken).0, 0);
    let nowhere = cluster.socket_url("nowhere");
    let password = outer.path().join("password");
    std::fs::write(&password, "wrong\n").unwrap();
    let fresh = cluster.database("refused");
    let tcp = cluster.tcp_url(&fresh);
    let exposed = tcp.replace(cluster.password_file().to_str().unwrap(), password.to_str().unwrap());
    for (store, mode, why) in [
        (&taken, 0o600, "holds an installation already"),
        (&nowhere, 0o600, "does not exist"),
        (&exposed, 0o600, "password authentication failed"),
        (&exposed, 0o604, "can be read by everybody"),
    ] {
        std::fs::set_permissions(&password, Permissions::from_mode(mode)).unwrap();
        let folder = outer.path().join("second");
        let (status, said) = init(&folder, store);
        assert_eq!(status, 2, "{said}");
        assert!(said.contains(why), "{said}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "{why}");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(from.join(".")).arg(to).status().unwrap();
    assert!(copied.success());
}
