//! An OpenHIM on this machine: `openhim.js` says what of it is OpenHIM's own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::{PATIENCE, Reply, curl, wait};
use super::tools::{run, send, start};

/// Who may register mediators.
pub const USERNAME: &str = "root@openhim.org";

/// And the password, which no log may show.
pub const PASSWORD: &str = "instant101-opensesame";

/// An OpenHIM, stopped when it is dropped.
pub struct OpenHim {
    process: Child,
    folder: TempDir,
    api: u16,
    front: u16,
    control: u16,
}

/// Where npm put what the tests run.
fn modules() -> PathBuf {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm/openhim");
    let there = modules.join("node_modules/openhim-core").exists();
    assert!(there, "the npm package openhim-core is missing in target/npm/openhim: run ./test --install");
    modules.canonicalize().unwrap()
}

/// Runs JavaScript that finds OpenHIM's packages.
pub fn node(script: &str) -> Command {
    let mut node = Command::new("node");
    node.arg("--eval").arg(script).env("NODE_PATH", modules().join("node_modules"));
    node
}

impl OpenHim {
    /// Starts one that knows no mediator, whose only channel leads to gateward at `port`.
    pub fn before(port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        self_signed(&path("api.pem"), &path("api.key"), "localhost");
        self_signed(&path("him.pem"), &path("him.key"), "openhim");
        let route = json!({
            "name": "gateward", "host": "localhost", "port": port, "type": "http",
            "primary": true, "secured": true, "cert": "gateward",
        });
        let settings = json!({
            "modules": modules(),
            "username": USERNAME, "password": PASSWORD,
            "apiKey": path("api.key"), "apiCertificate": path("api.pem"),
            "key": path("him.key"), "certificate": path("him.pem"),
            "ca": path("gateward-ca.pem"),
            "routes": [route],
        });
        std::fs::write(path("settings.json"), settings.to_string()).unwrap();
        // Whoever has a door puts its authority here; until then nobody is believed.
        std::fs::copy(path("api.pem"), path("gateward-ca.pem")).unwrap();
        Self::start_in(folder)
    }

    fn start_in(folder: TempDir) -> Self {
        let mut node = Command::new("node");
        node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openhim/openhim.js"));
        node.arg(folder.path().join("settings.json"));
        let mut process = start(node.stdin(Stdio::null()).stdout(Stdio::piped()));
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let said: Value = serde_json::from_str(&said).expect("openhim.js says its ports");
        let port = |name: &str| u16::try_from(said[name].as_u64().unwrap()).unwrap();
        Self { api: port("api"), front: port("front"), control: port("control"), process, folder }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn api(&self) -> String {
        format!("https://localhost:{}", self.api)
    }

    /// What the configuration file of its mediator says, with `password` in a file of that folder.
    pub fn table(&self, folder: &Path, password: &str) -> String {
        std::fs::write(folder.join("openhim.pass"), format!("{password}\n")).unwrap();
        run(Command::new("chmod").arg("600").arg(folder.join("openhim.pass")), b"").good();
        format!(
            "[openhim]\napi = \"{}\"\nca = \"{}\"\nusername = \"{USERNAME}\"\npassword_file = \"openhim.pass\"\n\
             urn = \"urn:mediator:gateward\"\nendpoint = \"https://cr.example.org:8443\"\n",
            self.api(),
            self.file("api.pem").display()
        )
    }

    /// Asks it as one of its clients does; `client` is whom its authentication found.
    pub fn ask(&self, path: &str, client: Option<&str>, arguments: &[&str]) -> Reply {
        let client = client.map(|client| format!("X-Client: {client}"));
        let client: Vec<&str> = client.iter().flat_map(|field| ["--header", field]).collect();
        let url = format!("http://localhost:{}{path}", self.front);
        curl(&url, "/dev/null", &[&client, arguments].concat(), b"")
    }

    fn control(&self, arguments: &[&str], path: &str) -> Value {
        let reply = curl(&format!("http://localhost:{}{path}", self.control), "/dev/null", arguments, b"");
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// The requests to its API so far.
    pub fn seen(&self) -> Vec<Value> {
        self.control(&[], "/seen").as_array().unwrap().clone()
    }

    /// What it made of the requests of its clients so far.
    pub fn transactions(&self) -> Vec<Value> {
        self.control(&[], "/transactions").as_array().unwrap().clone()
    }

    /// The mediators that it knows.
    pub fn mediators(&self) -> Vec<Value> {
        self.control(&[], "/mediators").as_array().unwrap().clone()
    }

    /// Forgets all mediators, as somebody who deletes them in the console.
    pub fn forget(&self) {
        self.control(&["--request", "POST"], "/forget");
    }

    /// Answers with this status from now on, whatever its API is asked; 0 is no longer.
    pub fn fail(&self, status: u16) {
        self.control(&["--request", "POST"], &format!("/fail?status={status}"));
    }

    /// Waits until its API was asked like this.
    #[track_caller]
    pub fn await_seen(&self, what: &str, asked: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let seen = self.seen();
            if asked(&seen) {
                return seen;
            }
            assert!(begun.elapsed() < 2 * PATIENCE, "{what}: {seen:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl OpenHim {
    /// Starts it again, with what lies in its folder by now.
    pub fn again(mut self) -> Self {
        self.stop();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        Self::start_in(folder)
    }

    /// Ends it; its files stay.
    pub fn stop(&mut self) {
        if self.process.try_wait().unwrap().is_none() {
            send(Signal::SIGTERM, &self.process);
            wait(&mut self.process);
        }
    }
}

impl Drop for OpenHim {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes a certificate that signed itself.
pub fn self_signed(certificate: &str, key: &str, name: &str) {
    let subject = format!("/CN={name}");
    let san = format!("subjectAltName=DNS:{name}");
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-days", "30", "-newkey", "rsa:2048"]);
    openssl.args(["-subj", &subject, "-addext", &san, "-keyout", key, "-out", certificate]);
    run(&mut openssl, b"").good();
}
