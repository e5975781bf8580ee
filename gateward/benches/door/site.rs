//! The door under test: a service for registered machines with people.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::certificates::Certificates;
use crate::measuring::argument;
use crate::population::Population;
use crate::ports::free_port;
use crate::process::Process;
use crate::running_nginx::Nginx;

/// A door that is open.
pub struct Site {
    pub port: u16,
    pub process: Process,
    /// An API token whose user may read.
    pub token: String,
    /// From its start to an open door.
    pub started_in: Duration,
    log: PathBuf,
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_gateward");

impl Site {
    /// Opens one before `upstream`, with as many others registered as `population` says.
    pub fn open(
        dir: &Path,
        upstream: &Nginx,
        certificates: &Certificates,
        population: Population,
    ) -> Outcome<Self> {
        let port = free_port();
        let config = install(dir, port, upstream, certificates)?;
        let enroll = ["node", "enroll", "node-0", "--certificate"];
        command(&config, &[&enroll, &[text(&certificates.node[0])][..]].concat())?;
        let token = population.settle(dir, &config)?;
        let log = dir.join("serve.log");
        let mut serve = Command::new(PROGRAM);
        serve.args(["serve", "--config"]).arg(config).env("GATEWARD_LOG", "warn");
        serve.stdout(Stdio::null()).stderr(std::fs::File::create(&log)?);
        let begun = Instant::now();
        let process = Process::once_open(serve.spawn()?, port, &log)?;
        let ready = free_of_trouble(dir)?;
        while !is_ready(ready) {
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(Self { port, process, token, started_in: begun.elapsed(), log })
    }

    /// What it told the operator.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// The port of the listener for operators, which says when the door is open.
fn free_of_trouble(dir: &Path) -> Outcome<u16> {
    Ok(std::fs::read_to_string(dir.join("admin.port"))?.parse()?)
}

/// Asks `/readyz` with curl, which needs no certificate of its own.
fn is_ready(port: u16) -> bool {
    if TcpStream::connect(("127.0.0.1", port)).is_err() {
        return false;
    }
    let url = format!("https://127.0.0.1:{port}/readyz");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--insecure", "--fail", "--output", "/dev/null"]).arg(url);
    curl.status().is_ok_and(|status| status.success())
}

fn install(dir: &Path, port: u16, upstream: &Nginx, certificates: &Certificates) -> Outcome<PathBuf> {
    let admin = free_port();
    std::fs::write(dir.join("admin.port"), admin.to_string())?;
    let [certificate, key] = certificates.server.each_ref().map(|path| text(path));
    let listen = format!("127.0.0.1:{port}");
    let operators = format!("127.0.0.1:{admin}");
    let mut init = Command::new(PROGRAM);
    init.args(["init", "--mode", "test", "--listen", &listen, "--admin-listen", &operators]);
    init.args(["--certificate", certificate, "--key", key, "--dir"]).arg(dir).stdout(Stdio::null());
    if let Some(store) = argument("STORE") {
        init.args(["--store", &store]);
    }
    if !init.status()?.success() {
        return Err("gateward init refused".into());
    }
    let config = dir.join("gateward.toml");
    let file = std::fs::read_to_string(&config)?;
    let service = format!(
        "node_ca = [{ca:?}]\n\n{file}\n[[service]]\nname = \"data\"\nkind = \"plain\"\npath = \"/data\"\n\
         upstream = \"http://127.0.0.1:{behind}\"\nrequire = [\"node\", \"user\"]\n\
         [[grant]]\nuser = \"user-0\"\nservice = \"data\"\n",
        ca = text(&certificates.ca),
        behind = upstream.port,
    );
    std::fs::write(&config, service)?;
    Ok(config)
}

/// Runs a command about the installation and returns what it prints.
pub fn command(config: &Path, arguments: &[&str]) -> Outcome<String> {
    let ran = Command::new(PROGRAM).args(arguments).arg("--config").arg(config).output()?;
    if !ran.status.success() {
        return Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr)).into());
    }
    Ok(String::from_utf8(ran.stdout)?)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of the target folder are text")
}
