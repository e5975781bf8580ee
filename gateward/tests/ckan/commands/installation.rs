//! An installation that makes access tokens for the people of one CKAN.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use rcgen::DnType;
use serde_json::Value;
use tempfile::TempDir;

use super::program::{Call, Said};
use crate::cluster::ports::free_port;
use crate::site::{self, Site};
use crate::store_under_test::{StoreUnderTest, settle};
use crate::tls_stand_in::{Certificate, certificate};

/// The host that people use: it is not asked, for its certificate lies there.
pub const HOST: &str = "dcor.example.org";

/// Its folder: `desk`, where commands work, `tmp`, where they may leave temporary files, and what `init` wrote.
pub struct Installation {
    folder: TempDir,
    pub store: StoreUnderTest,
    pub certificate: Certificate,
}

/// A certificate for `host` that bears its name as dclab reads it.
pub fn certificate_of(host: &str) -> Certificate {
    certificate(&[host], |params| params.distinguished_name.push(DnType::CommonName, host))
}

impl Installation {
    /// One that asks `ckan` by its API.
    pub fn at(ckan: &Site) -> Self {
        Self::with(&format!("url = \"{}\"\nadmin_key = \"ckan.key\"\n", ckan.url()), &ckan.key)
    }

    /// One that runs CKAN's own command.
    pub fn that_runs(ckan: &Site) -> Self {
        Self::with(&format!("ini = \"{}\"\n", ckan.ini().display()), "")
    }

    /// One that asks nobody unless a command says whom.
    pub fn without_ckan() -> Self {
        Self::with("", "")
    }

    /// One whose CKAN hears only that it is asked.
    pub fn that_asks(listener: &TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        Self::with(
            &format!("url = \"http://{address}\"\nadmin_key = \"ckan.key\"\n"),
            "eyJhbGciOiJub25lIn0.e30.x",
        )
    }

    fn with(ckan: &str, key: &str) -> Self {
        let folder = TempDir::with_prefix("gateward-tokens-").unwrap();
        for name in ["desk", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let dir = folder.path().to_str().unwrap();
        let admin = format!("127.0.0.1:{}", free_port());
        let public = format!("unix:{dir}/http.sock");
        let init = ["init", "--mode", "test", "--dir", dir, "--listen", &public, "--admin-listen", &admin];
        Call::new(&folder.path().join("desk"), &init, None, false).run().good();
        let config = folder.path().join("gateward.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let ckan = if ckan.is_empty() { String::new() } else { format!("\n[ckan]\n{ckan}") };
        let text = format!(
            "{text}\n[access_token]\nhost = \"{HOST}\"\ncertificate = \"host.pem\"\nlifetime_days = 365\n\
             institution = \"Institute of Examples\"\ncontact = \"Dora Demo, +49 30 123\"\n{ckan}"
        );
        std::fs::write(&config, text).unwrap();
        let certificate = certificate_of(HOST);
        std::fs::copy(certificate.path(), folder.path().join("host.pem")).unwrap();
        let store = settle(&config);
        let installation = Self { folder, store, certificate };
        installation.secret_file("ckan.key", key);
        installation
    }

    /// A path in the installation's own folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in the folder where commands work and write.
    pub fn desk(&self, name: &str) -> PathBuf {
        self.path("desk").join(name)
    }

    /// What lies on the desk, by name.
    pub fn on_desk(&self) -> Vec<String> {
        names(&self.path("desk"))
    }

    /// A file of one line that only we can read.
    pub fn secret_file(&self, name: &str, line: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, format!("{line}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    }

    /// A run where nobody can be asked.
    pub fn call(&self, arguments: &[&str]) -> Call {
        self.prepared(arguments, None, false)
    }

    /// A run on a terminal, whose standard input is something else.
    pub fn on_terminal(&self, arguments: &[&str]) -> Call {
        self.prepared(arguments, None, true)
    }

    /// The same, and its standard input is this file.
    pub fn on_terminal_with_input(&self, arguments: &[&str], input: &Path) -> Call {
        self.prepared(arguments, Some(input), true)
    }

    fn prepared(&self, arguments: &[&str], input: Option<&Path>, on_terminal: bool) -> Call {
        let config = self.path("gateward.toml");
        let arguments = [arguments, &["--config", config.to_str().unwrap()]].concat();
        Call::new(&self.path("desk"), &arguments, input, on_terminal)
    }

    /// Makes an access token on a terminal.
    #[track_caller]
    pub fn create(&self, arguments: &[&str]) -> Said {
        self.on_terminal(&[&["access-token", "create"], arguments].concat()).run()
    }

    /// What a command prints as JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        self.call(&[arguments, &["--format", "json"]].concat()).run().good().json()
    }

    /// All access tokens there ever were, the oldest first.
    #[track_caller]
    pub fn tokens(&self) -> Vec<Value> {
        self.json(&["access-token", "list", "--all"])
    }

    /// The id of the one access token of `user` that is in `state`.
    #[track_caller]
    pub fn id(&self, user: &str, state: &str) -> String {
        let all = self.tokens();
        let found: Vec<_> = all.iter().filter(|row| row["user"] == user && row["state"] == state).collect();
        let [row] = found.as_slice() else { panic!("not one of {user} is {state}: {all:?}") };
        row["access_token"].as_str().unwrap().to_owned()
    }

    /// The kinds of events about access tokens, oldest first.
    pub fn kinds(&self) -> Vec<String> {
        let bodies = self.store.rows("SELECT body FROM event ORDER BY position");
        let kind = |body: &Vec<String>| {
            let body: Value = serde_json::from_str(&body[0]).unwrap();
            body["kind"].as_str().unwrap().to_owned()
        };
        let kinds = bodies.iter().map(kind);
        kinds.filter(|kind| kind.starts_with("access_token") || kind.starts_with("ckan")).collect()
    }

    /// Lets all that are in the making have been so for ever.
    pub fn forget_makers(&self) {
        let long_ago = "UPDATE access_token SET created_at = '2020-01-01T00:00:00.000000Z' WHERE state IN ('making', 'ending')";
        self.store.execute(long_ago);
    }

    /// Lets the end of an access token have come.
    pub fn expire(&self, id: &str) {
        let past = "UPDATE access_token SET expires_at = '2020-01-01T00:00:00.000000Z' WHERE id =";
        self.store.execute(&format!("{past} '{id}'"));
    }
}

/// What lies in a folder, by name.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

/// Where a shell finds CKAN's command, as well as everything else.
pub fn path_with_ckan() -> String {
    format!("{}:/usr/bin:/bin", site::program().parent().unwrap().display())
}

/// A CKAN that nobody has asked, and that would hear it.
pub fn deaf() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

/// Stops the test if somebody connected.
#[track_caller]
pub fn nobody_asked(listener: &TcpListener) {
    let heard = listener.accept().map_err(|error| error.kind());
    assert!(matches!(heard, Err(std::io::ErrorKind::WouldBlock)), "{heard:?}");
}
