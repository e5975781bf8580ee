//! A gateward of the benchmark's own: its files, its commands, and its server.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::certificates::Certificates;
use crate::cluster::ports::free_port;
use crate::engine::Database;
use crate::process::Process;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gateward");

/// How long a server may take until its door is open: longer where there is much to look at.
const PATIENCE: Duration = Duration::from_secs(120);

/// An installation whose store is a database that was there before.
pub struct Installation {
    dir: PathBuf,
    store: String,
    pub certificates: Certificates,
    /// The port of the listener for operators.
    pub admin: u16,
}

impl Installation {
    /// Makes one in a fresh folder; `more` goes to the end of its configuration.
    pub fn make(dir: &Path, database: &Database, more: impl Display) -> Outcome<Self> {
        std::fs::create_dir(dir)?;
        let certificates = Certificates::make(dir)?;
        let (public, admin) = (free_port(), free_port());
        let mut init = Command::new(PROGRAM);
        init.args(["init", "--mode", "test", "--listen", &format!("127.0.0.1:{public}")]);
        init.args(["--admin-listen", &format!("127.0.0.1:{admin}"), "--dir"]).arg(dir.join("home"));
        init.arg("--certificate").arg(&certificates.server[0]).arg("--key").arg(&certificates.server[1]);
        if !init.stdout(Stdio::null()).status()?.success() {
            return Err("gateward init refused".into());
        }
        let made = Self { dir: dir.to_owned(), store: database.address.to_string(), certificates, admin };
        let file = std::fs::read_to_string(made.config())?;
        // One certificate for both listeners, of an authority that is known here.
        let [certificate, key] = made.certificates.server.each_ref().map(|path| path.display().to_string());
        let file = file.replace("admin.pem", &certificate).replace("admin.key", &key);
        let ca = made.certificates.ca.display();
        std::fs::write(made.config(), format!("node_ca = [\"{ca}\"]\n{file}\n{more}"))?;
        Ok(made)
    }

    fn config(&self) -> PathBuf {
        self.dir.join("home/gateward.toml")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A command about it. Its store is not the one that `init` made, which holds an event of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("GATEWARD_CONFIG", self.config()).env("GATEWARD_STORE", &self.store);
        command.env("GATEWARD_LOG", "warn").stdin(Stdio::null());
        command
    }

    /// Runs a command to a good end and returns what it prints.
    pub fn run(&self, arguments: &[&str]) -> Outcome<String> {
        let ran = self.command(arguments).output()?;
        if !ran.status.success() {
            return Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr)).into());
        }
        Ok(String::from_utf8(ran.stdout)?)
    }

    /// Registers the machine that sends.
    pub fn enroll(&self) -> Outcome<()> {
        let node = self.certificates.node[0].display().to_string();
        self.run(&["node", "enroll", "node-0", "--certificate", &node]).map(drop)
    }

    /// Starts its server, and waits until the door is open.
    pub fn serve(&self) -> Outcome<Process> {
        let log = self.log();
        let mut serve = self.command(&["serve"]);
        serve.stdout(Stdio::null()).stderr(std::fs::File::create(&log)?);
        let process = Process::once_open(serve.spawn()?, self.admin, &log)?;
        let begun = Instant::now();
        while !self.is_ready() {
            if begun.elapsed() > PATIENCE {
                return Err(std::fs::read_to_string(&log)?.into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(process)
    }

    /// What the server told the operator.
    pub fn log(&self) -> PathBuf {
        self.file("serve.log")
    }

    /// Asks `/readyz` with curl, which needs no certificate of its own.
    fn is_ready(&self) -> bool {
        let url = format!("https://127.0.0.1:{}/readyz", self.admin);
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--insecure", "--fail", "--output", "/dev/null"]).arg(url);
        curl.status().is_ok_and(|status| status.success())
    }
}
