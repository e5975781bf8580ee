//! The program under test: its commands, its servers, and tokens that it believes.
#![allow(dead_code, reason = "shared: no test target uses all of it")]

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use gateward::server::system;
use jiff::SignedDuration;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use openpgp::SigningKey;

use super::client::Client;
use super::cluster::patience::eventually;

/// The program under test.
pub const GATEWARD: &str = env!("CARGO_BIN_EXE_gateward");

/// The group that the demo's configuration lets in.
pub const DEMO_GROUP: &str = "/epos/demo";

/// A file below the size up to which answers are recorded in one event.
pub const SMALL: &str = "/files/restricted.txt";

/// What a command said.
pub struct Said {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Said {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a command of gateward's on the installation of the configuration at `config`, to its end.
pub fn run(config: &Path, arguments: &[&str]) -> Said {
    finish(Command::new(GATEWARD).args(arguments).arg("--config").arg(config))
}

/// Runs one that must succeed; returns the JSON objects that it prints.
#[track_caller]
pub fn run_json(config: &Path, arguments: &[&str]) -> Vec<serde_json::Value> {
    let said = run(config, &[arguments, &["--format", "json"]].concat());
    assert_eq!(said.status, Some(0), "{arguments:?}: {}", said.err);
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Makes everything that a server needs in `folder`, as `gateward demo` does; its listeners get these
/// addresses.
#[track_caller]
pub fn make_demo(folder: &Path, public: SocketAddr, admin: SocketAddr) {
    let mut demo = Command::new(GATEWARD);
    demo.args(["demo", "--once", "--dir"]).arg(folder);
    demo.args(["--public", &public.to_string(), "--admin", &admin.to_string()]);
    let made = finish(&mut demo);
    assert_eq!(made.status, Some(0), "{}{}", made.out, made.err);
}

/// Writes a configuration again with `from` replaced by `to`.
#[track_caller]
pub fn reconfigure(config: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(config).unwrap();
    assert!(text.contains(from), "the configuration does not say {from}: {text}");
    std::fs::write(config, text.replace(from, to)).unwrap();
}

/// The key of the issuer that the demo in `folder` believes.
pub fn issuer_of(folder: &Path) -> SigningKey {
    SigningKey::parse(&std::fs::read(folder.join("issuer-secret.asc")).unwrap()).unwrap()
}

/// Signs a token for a member of `group`; another one for each `number`.
pub fn sign(issuer: &SigningKey, number: u32, group: &str) -> String {
    let now = system::wall_clock();
    let until = now.checked_add(SignedDuration::from_hours(24 * 7)).unwrap();
    let token = serde_json::json!({
        "cn": "Dora Demo", "sn": "Demo", "givenName": "Dora", "mail": format!("dora-{number}@demo.invalid"),
        "memberof": format!("{group};/epos;/"), "issued": format!("{now:.6}"), "expiration": "7d",
        "valid_until": format!("{until:.6}"),
    });
    issuer.sign_cleartext(&token.to_string(), now).unwrap()
}

/// What operators ask.
impl Client {
    /// Asks `/readyz`; `None` while nobody listens.
    pub fn readiness(&self) -> Option<(u16, String)> {
        let answer = self.ask("GET", "/readyz", &[], b"").ok()?;
        Some((answer.status, answer.text()))
    }

    #[track_caller]
    pub fn wait_until_ready(&self, within: Duration) {
        eventually("the server is ready", within, || self.readiness().filter(|(status, _)| *status == 200));
    }

    /// Waits until `/readyz` says 503; returns the reason.
    #[track_caller]
    pub fn wait_until_not_ready(&self, within: Duration) -> String {
        let not_ready = || self.readiness().filter(|(status, _)| *status == 503);
        eventually("the server is not ready", within, not_ready).1
    }
}

/// A running server; ended when dropped.
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it and does not wait for anything. What it writes to standard error goes to the end of `log`.
    pub fn start(command: &mut Command, log: PathBuf) -> Self {
        let stderr = File::options().append(true).create(true).open(&log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        Self { child, log }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).unwrap();
    }

    /// How much memory it had at most since [`Server::forget_peak`], in bytes.
    pub fn peak(&self) -> u64 {
        let status = read(Path::new(&format!("/proc/{}/status", self.pid())));
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Begins to measure its memory anew; returns how much it has now.
    pub fn forget_peak(&self) -> u64 {
        // proc(5): 5 resets the peak to what is resident.
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
        self.peak()
    }

    /// What it wrote to standard error.
    pub fn said(&self) -> String {
        read(&self.log)
    }

    /// Waits until it ended by itself.
    #[track_caller]
    pub fn wait(&mut self, within: Duration) -> ExitStatus {
        let child = &mut self.child;
        eventually("the server ends", within, || child.try_wait().unwrap())
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().unwrap();
    }

    /// Asks it to stop and expects a good end.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.wait(Duration::from_secs(45));
        assert_eq!(status.code(), Some(0), "{}", self.said());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}", self.log.display(), self.said());
        }
    }
}

pub fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
