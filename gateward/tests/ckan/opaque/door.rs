//! A gateward in front of a CKAN, and the people who have keys to it.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::asking::new_user;
use crate::cluster::patience::eventually;
use crate::cluster::ports::free_port;
use crate::commands::installation::Installation;
use crate::commands::program::{Running, Said};
use crate::commands::users::{dclab, unzip};
use crate::guide_reader::{self, section};
use crate::site::Site;
use crate::tools::{python, run, start};

const GUIDE: &str = include_str!("../../../../docs/dcor.md");

/// A gateward that serves CKAN at its root, in plain HTTP on a port of its own.
pub struct Door {
    pub ours: Installation,
    port: u16,
    serving: Option<Running>,
    nginx: Option<Nginx>,
}

/// nginx with the blocks of the guide; stopped when it is dropped.
struct Nginx(Child);

impl Nginx {
    fn before(ckan: &Site, ours: &Installation, port: u16) -> Self {
        let blocks = guide_reader::blocks(section(GUIDE, "Opaque keys"), "nginx");
        let [beside_the_server, blocks] = blocks.try_into().unwrap();
        let socket = ours.path("http.sock").display().to_string();
        let blocks = blocks.replace("/run/gateward/http.sock", &socket);
        let blocks = blocks.replace("http://127.0.0.1:5000", &ckan.url());
        let folder = ours.path("nginx");
        std::fs::create_dir(&folder).unwrap();
        let folder = folder.display();
        let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let places = places.map(|kind| format!("{kind}_temp_path {folder}/{kind};\n")).concat();
        let configuration = format!(
            "daemon off;\nmaster_process off;\nerror_log {folder}/error debug;\npid {folder}/pid;\nevents {{}}\n\
             http {{\naccess_log {folder}/access;\n{places}{beside_the_server}server {{\nlisten 127.0.0.1:{port};\n{blocks}}}\n}}\n"
        );
        let file = ours.path("nginx.conf");
        std::fs::write(&file, configuration).unwrap();
        let mut nginx = Command::new("nginx");
        nginx.args(["-e", "stderr", "-c"]).arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
        Self(start(&mut nginx))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The service, and what is behind it.
fn service(upstream: &str, existing_keys: &str) -> String {
    format!(
        "\n[[service]]\nname = \"dcor\"\nkind = \"ckan\"\npath = \"/\"\nupstream = \"{upstream}\"\n\
         existing_keys = \"{existing_keys}\"\n"
    )
}

/// An access token with a key of ours.
pub struct Token {
    pub id: String,
    pub user: String,
    pub key: String,
    /// What DCOR-Aid gets.
    pub inner: PathBuf,
    pub passphrase: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u64,
    pub body: String,
}

impl Answer {
    /// Checks that it is the refusal of ours that every key gets which opens nothing.
    #[track_caller]
    pub fn refused(&self) {
        let said: Value = serde_json::from_str(&self.body).unwrap_or_default();
        assert_eq!((self.status, &said["success"]), (403, &Value::Bool(false)), "{self:?}");
        assert_eq!(said["error"]["message"], "This key opens nothing here.", "{self:?}");
    }

    /// What CKAN says.
    #[track_caller]
    pub fn good(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        let said: Value = serde_json::from_str(&self.body).unwrap();
        said["result"].clone()
    }
}

impl Door {
    pub fn before(ckan: &Site, existing_keys: &str) -> Self {
        let (ours, port) = (Installation::at(ckan), free_port());
        let config = ours.path("gateward.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let socket = text.lines().find(|line| line.starts_with("listen = \"unix:")).unwrap();
        let text = text.replacen(socket, &format!("listen = \"127.0.0.1:{port}\""), 1);
        std::fs::write(&config, text + &service(&ckan.url(), existing_keys)).unwrap();
        let mut door = Self { ours, port, serving: None, nginx: None };
        door.serve();
        door
    }

    /// One that nginx asks, which carries requests to CKAN itself: as the guide has it.
    pub fn behind_nginx(ckan: &Site, existing_keys: &str) -> Self {
        let (ours, port) = (Installation::at(ckan), free_port());
        let config = ours.path("gateward.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let verify = format!("\n[verify]\nuids = [{}]\n", nix::unistd::getuid());
        std::fs::write(&config, text + &verify + &service("verify", existing_keys)).unwrap();
        let mut door = Self { ours, port, serving: None, nginx: None };
        door.nginx = Some(Nginx::before(ckan, &door.ours, port));
        door.serve();
        door
    }

    pub fn serve(&mut self) {
        let mut serving = self.ours.call(&["serve"]).variable("GATEWARD_LOG", "trace").start();
        eventually("it takes connections", Duration::from_secs(60), || {
            assert!(!serving.has_ended(), "it serves");
            let asked = self.get("/api/3/action/status_show", &[]);
            asked.is_some_and(|answer| answer.status == 200)
        });
        self.serving = Some(serving);
    }

    /// How much memory it had at most, in bytes.
    pub fn peak(&self) -> u64 {
        let pid = self.serving.as_ref().unwrap().pid();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Stops it; returns what it said.
    pub fn stop(&mut self) -> Said {
        let serving = self.serving.take().unwrap();
        serving.signal(Signal::SIGTERM);
        serving.finish().good()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn get(&self, path: &str, fields: &[(&str, &str)]) -> Option<Answer> {
        TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        Some(self.ask(&json!({ "path": path, "headers": fields_of(fields) })))
    }

    /// Asks by Python's requests, which DCOR-Aid asks by; what is asked goes by standard input.
    pub fn ask(&self, asked: &Value) -> Answer {
        ask(&self.url(), asked)
    }

    /// Asks as DCOR-Aid does, with its two fields, for what only the owner of a key may see.
    pub fn ask_with(&self, key: &str, owner: &str) -> Answer {
        let headers = fields_of(&[("Authorization", key), ("X-CKAN-API-Key", key)]);
        self.ask(&json!({
            "path": "/api/3/action/api_token_list", "params": { "user_id": owner }, "headers": headers,
        }))
    }

    /// Makes an access token for somebody new, with a key that is dead, and opens it as they do.
    pub fn make(&self, more: &[&str]) -> Token {
        let user = new_user("dora").name.to_string();
        let mail = format!("{user}@example.org");
        let made =
            self.ours.create(&[&[&user, "--create-user", "--mail", &mail, "--opaque"], more].concat()).good();
        let id = self.ours.id(&user, "issued");
        assert!(made.out.contains(&format!("gateward access-token activate {id}")), "{}", made.out);
        let passphrase = made.passphrase(&user).unwrap();
        let envelope = self.ours.desk(&format!("{user}.dcor-access.zip"));
        let inner = unzip(&envelope, &passphrase, &self.ours.path(&user));
        let key = dclab(&inner, &passphrase).key;
        assert_eq!(key.len(), 43);
        Token { id, user, key, inner, passphrase }
    }

    pub fn make_alive(&self, more: &[&str]) -> Token {
        let token = self.make(more);
        self.run(&["access-token", "activate", &token.id]);
        token
    }

    /// Runs a command to a good end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Said {
        self.ours.call(arguments).run().good()
    }

    /// The reasons of all refused keys so far.
    pub fn reasons(&self) -> Vec<String> {
        let rows = self.ours.store.rows("SELECT body FROM event ORDER BY position");
        let bodies = rows.iter().map(|row| serde_json::from_str::<Value>(&row[0]).unwrap());
        let failed = bodies.filter(|body| body["kind"] == "authentication_failed");
        failed.map(|body| body["reason"].as_str().unwrap().to_owned()).collect()
    }
}

pub fn fields_of(fields: &[(&str, &str)]) -> Value {
    fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

/// Asks at `url` by Python's requests.
pub fn ask(url: &str, asked: &Value) -> Answer {
    const SCRIPT: &str = "
import json, requests, struct, sys, zlib
url, asked = json.load(sys.stdin)
header = b'IHDR' + struct.pack('>IIBBBBB', 1, 1, 8, 2, 0, 0, 0)
image = bytes.fromhex('89504e470d0a1a0a0000000d') + header + struct.pack('>I', zlib.crc32(header))
upload = asked.get('upload')
files = {'image_upload': ('a.png', image + b'x' * upload, 'image/png')} if upload else None
answer = requests.request(asked.get('method', 'GET'), url + asked['path'], params=asked.get('params'),
                          headers=asked.get('headers'), json=asked.get('json'), data=asked.get('data'),
                          cookies=asked.get('cookies'), verify=asked.get('verify', True), files=files,
                          allow_redirects=False, timeout=60)
json.dump([answer.status_code, answer.text], sys.stdout)
";
    let asked = json!([url, asked]).to_string();
    let ran = run(python().args(["-W", "ignore", "-c", SCRIPT]), asked.as_bytes()).good();
    let (status, body) = serde_json::from_slice(&ran.stdout).unwrap();
    Answer { status, body }
}
