//! An installation with jobs of backups.

use std::path::PathBuf;

use serde_json::Value;

use super::keys::Key;
use super::support::{self, Ran, gateward};

/// A demo's folder, and in it what backups need.
pub struct Installation(support::Installation);

impl Installation {
    pub fn new() -> Self {
        let inner = support::Installation::new();
        let text = std::fs::read_to_string(inner.config()).unwrap();
        std::fs::write(inner.config(), format!("backup_state = \"state\"\n{text}")).unwrap();
        Self(inner)
    }

    pub fn config(&self) -> String {
        self.0.config()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.file(name)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.path(name)
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.0.run(arguments)
    }

    /// Runs what must come out well.
    #[track_caller]
    pub fn good(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.status, 0, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Runs what must be refused, and returns what was said to people.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.status, 1, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        ran.stderr
    }

    /// What a command prints as JSON, whatever it answers.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        support::objects(&self.run(&[arguments, &["--format", "json"]].concat()))
    }

    /// What the events of these kinds say, the oldest first.
    pub fn events(&self, kinds: &[&str]) -> Vec<Value> {
        let all = self.json(&["audit", "search"]).into_iter().map(|event| event["body"].clone());
        all.filter(|body| kinds.iter().any(|kind| body["kind"] == *kind)).collect()
    }

    /// Runs with another home of GnuPG.
    pub fn with_gnupg(&self, home: &str, arguments: &[&str]) -> Ran {
        let config = self.config();
        let arguments = [arguments, &["--config", &config]].concat();
        gateward(&arguments, &[("GNUPGHOME", home)], b"")
    }

    #[track_caller]
    pub fn import(&self, key: &Key) {
        let file = self.path("recipient.asc");
        std::fs::write(&file, &key.public).unwrap();
        self.good(&["backup", "recipient", "import", &file, "--fingerprint", &key.fingerprint]);
    }

    /// Writes a job down that backs `data` up, a file, into the folder `backups`.
    pub fn add_job(&self, name: &str, keys: &[&Key], more: &str) {
        let keys: Vec<_> = keys.iter().map(|key| &key.fingerprint).collect();
        let text = std::fs::read_to_string(self.config()).unwrap();
        let job = format!(
            "\n[[backup]]\nname = \"{name}\"\ncommand = [\"/bin/cat\", {:?}]\nrecipients = {keys:?}\n\
             folder = \"backups\"\n{more}\n",
            self.path("data")
        );
        std::fs::write(self.config(), text + &job).unwrap();
    }

    /// Makes a backup of `data` by the job, and returns its file.
    #[track_caller]
    pub fn back_up(&self, job: &str, data: &[u8]) -> PathBuf {
        std::fs::write(self.file("data"), data).unwrap();
        let made: Value =
            serde_json::from_str(&self.good(&["backup", "run", job, "--format", "json"])).unwrap();
        let name = made["file"].as_str().unwrap_or_else(|| panic!("{made}"));
        self.file("backups").join(name)
    }
}
