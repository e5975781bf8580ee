//! Two machines with PostgreSQL under Patroni, which promotes by itself, etcd that says who leads,
//! and HAProxy in front, which asks Patroni: Debian's packages, configured as their manuals say,
//! with short times.
#![allow(dead_code, reason = "shared: no test target uses all of it")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::cluster::folder::{Folder, kill_inhabitants};
use super::cluster::patience::eventually;
use super::cluster::ports::free_port;
use super::cluster::{ACCESS, Cluster, PASSWORD, PROGRAMS, spawn};

/// Two servers of which one leads, and what decides which; ended when dropped.
#[derive(Debug)]
pub struct Patroni {
    machines: [Machine; 2],
    etcd: SocketAddr,
    proxy: SocketAddr,
    // etcd and HAProxy.
    folder: Folder,
}

/// PostgreSQL and the Patroni that starts it.
#[derive(Debug)]
struct Machine {
    name: &'static str,
    server: Cluster,
    /// Where Patroni says what its server is.
    patroni: SocketAddr,
}

/// How long the leader's key outlives the leader, in seconds: what a failover waits for.
const LEASE_SECONDS: u32 = 6;

/// Where HAProxy says what it believes.
const STATISTICS: &str = "haproxy.sock";

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(90);

impl Patroni {
    /// Starts all of it and waits until the standby is synchronous and HAProxy lets in.
    pub fn start() -> Self {
        // Not first and second: FIRST is a word of synchronous_standby_names.
        let machines = ["north", "south"].map(|name| {
            let folder = Folder::make("patroni");
            let data = folder.path().join("data");
            Machine { name, server: Cluster::stopped(folder, data), patroni: loopback() }
        });
        machines[0].server.write_certificates();
        machines[1].server.take_certificates_of(&machines[0].server);
        let patroni = Self { machines, etcd: loopback(), proxy: loopback(), folder: Folder::make("etcd") };
        patroni.start_etcd();
        for machine in &patroni.machines {
            machine.start(patroni.etcd);
        }
        patroni.wait_for_the_standby();
        patroni.primary().make_roles();
        patroni.start_haproxy();
        patroni
    }

    /// As gateward's configuration takes it: through HAProxy, by password.
    pub fn url(&self, database: &str) -> String {
        self.machines[0].server.url_through(self.proxy, database)
    }

    /// The server that takes writes; waits for one.
    pub fn primary(&self) -> &Cluster {
        &self.leader().server
    }

    /// `kill -9` for everything on the machine that leads, PostgreSQL and Patroni, as when its power
    /// is lost; returns what was there.
    pub fn kill_primary(&self) -> &Cluster {
        let machine = self.leader();
        kill_inhabitants(machine.server.folder().path(), None);
        &machine.server
    }

    /// Returns when HAProxy leads to a server that takes writes and to no other: after
    /// [`Patroni::kill_primary`], the failover's own time.
    pub fn wait_for_failover(&self) {
        eventually("HAProxy leads to the primary alone", PATIENCE, || {
            let primary = self.machines.iter().find(|machine| machine.asked("/primary") == Some(200))?;
            (self.behind_haproxy()? == [primary.name]).then_some(())
        });
    }

    /// The servers that HAProxy believes to be up.
    fn behind_haproxy(&self) -> Option<Vec<String>> {
        let mut haproxy = UnixStream::connect(self.folder.path().join(STATISTICS)).ok()?;
        haproxy.write_all(b"show stat -1 4 -1\n").ok()?;
        let mut lines = String::new();
        haproxy.read_to_string(&mut lines).ok()?;
        // HAProxy's management guide, 9.1: field 1 is the server's name, field 17 its state.
        let fields = lines.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let up = fields.filter(|fields| fields.get(17).is_some_and(|state| state.starts_with("UP")));
        Some(up.map(|fields| fields[1].to_owned()).collect())
    }

    /// Starts what was killed, with no data: Patroni copies them from the primary. Returns when the
    /// standby is synchronous.
    pub fn renew_standby(&self) {
        for machine in self.machines.iter().filter(|machine| machine.asked("/liveness").is_none()) {
            std::fs::remove_dir_all(machine.server.data()).unwrap();
            machine.start(self.etcd);
        }
        self.wait_for_the_standby();
    }

    fn leader(&self) -> &Machine {
        self.find("/primary")
    }

    /// Waits for a machine whose Patroni says yes.
    fn find(&self, question: &str) -> &Machine {
        eventually(&format!("a server is {question}"), PATIENCE, || {
            self.machines.iter().find(|machine| machine.asked(question) == Some(200))
        })
    }

    fn wait_for_the_standby(&self) {
        self.find("/synchronous");
        self.find("/primary");
    }

    fn start_etcd(&self) {
        let client = format!("http://{}", self.etcd);
        let peer = format!("http://{}", loopback());
        let mut etcd = self.folder.command("etcd");
        etcd.args(["--name", "only", "--data-dir", "etcd", "--log-level", "warn"])
            // A slow disk is no reason to elect anew.
            .args(["--heartbeat-interval", "500", "--election-timeout", "5000"])
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("only={peer}")]);
        start(&mut etcd, &self.folder);
        eventually("etcd is ready", PATIENCE, || asked(self.etcd, "/health") == Some(200));
    }

    fn start_haproxy(&self) {
        let statistics = self.folder.path().join(STATISTICS);
        let mut configuration = format!(
            "
global
  stats socket {}
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
  timeout check 2s
listen primary
  bind {}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
",
            statistics.display(),
            self.proxy
        );
        for Machine { name, server, patroni } in &self.machines {
            let check = format!("  server {name} {} check port {}\n", server.address(), patroni.port());
            configuration.push_str(&check);
        }
        let file = self.folder.write("haproxy.cfg", &configuration);
        start(self.folder.command("haproxy").arg("-db").arg("-f").arg(file), &self.folder);
        self.wait_for_failover();
    }

    /// What all of them wrote to their logs.
    pub fn logs(&self) -> String {
        let folders = self.machines.iter().map(|machine| machine.server.folder()).chain([&self.folder]);
        let read = |folder: &Folder| std::fs::read(folder.path().join("log")).unwrap_or_default();
        folders.map(|folder| String::from_utf8_lossy(&read(folder)).into_owned()).collect()
    }
}

impl Drop for Patroni {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {}", self.logs());
        }
        // Together with those who would start their servers again.
        for machine in &self.machines {
            kill_inhabitants(machine.server.folder().path(), None);
        }
    }
}

impl Machine {
    fn start(&self, etcd: SocketAddr) {
        let folder = self.server.folder();
        let settings = self.server.own_settings().into_iter().collect::<std::collections::BTreeMap<_, _>>();
        let user = json!({ "username": "postgres", "password": PASSWORD });
        // What is JSON is YAML.
        let configuration = json!({
            "scope": "tests",
            "name": self.name,
            "etcd3": { "host": etcd.to_string() },
            "restapi": { "listen": self.patroni.to_string(), "connect_address": self.patroni.to_string() },
            "bootstrap": {
                "dcs": {
                    "ttl": LEASE_SECONDS, "loop_wait": 1, "retry_timeout": 2,
                    "master_start_timeout": 0,
                    "synchronous_mode": true,
                    "postgresql": { "use_slots": true, "parameters": {} },
                },
                "initdb": ["no-sync", { "encoding": "UTF8" }, { "locale": "C.UTF-8" }],
            },
            "postgresql": {
                "listen": self.server.address().to_string(),
                "connect_address": self.server.address().to_string(),
                "use_unix_socket": true,
                "data_dir": self.server.data(),
                "bin_dir": PROGRAMS,
                "pgpass": folder.path().join("pgpass"),
                "authentication": { "superuser": user, "replication": user },
                "basebackup": [{ "checkpoint": "fast" }, "no-sync"],
                "pg_hba": ACCESS,
                "pg_ident": self.server.names(),
                "parameters": settings,
            },
        });
        let file = folder.write("patroni.yml", &configuration.to_string());
        start(folder.command("patroni").arg(file), folder);
    }

    /// Patroni's answer to a question about its server.
    fn asked(&self, question: &str) -> Option<u16> {
        asked(self.patroni, question)
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// Starts what lives in `folder` and ends with it.
fn start(command: &mut Command, folder: &Folder) {
    let log = File::options().append(true).create(true).open(folder.path().join("log")).unwrap();
    let mut child = spawn(command.stdout(log.try_clone().unwrap()).stderr(log));
    // Taken notice of when it ends.
    std::thread::spawn(move || child.wait());
}

/// The status that an HTTP server answers with; `None` while there is none.
fn asked(server: SocketAddr, path: &str) -> Option<u16> {
    let mut connection = TcpStream::connect(server).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(connection, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    // What is cut short still has a first line.
    let _ = connection.read_to_string(&mut answer);
    answer.split(' ').nth(1)?.parse().ok()
}
