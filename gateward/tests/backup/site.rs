//! An installation of gateward that makes backups: its configuration, its folders, its own user.
//!
//! ```ignore
//! let site = Site::make();
//! site.job("name = \"words\"\ncommand = [\"echo\", \"words\"]");
//! site.good(&["backup", "run"]);
//! ```
//!
//! Commands run as the tests' unprivileged user, with nothing of our environment and temporary files in a folder
//! of their own. Nothing of it outlives the test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::cluster::folder::Folder;
use crate::cluster::ports::free_port;
use crate::cluster::{Cluster, PASSWORD, PASSWORD_FILE, PROGRAMS, ROLE, run};
use crate::faketime::clock_off_by;
use crate::shared_keys::{Key, Keys};

/// The program under test.
pub const GATEWARD: &str = env!("CARGO_BIN_EXE_gateward");

/// How the name of a backup ends.
pub const SEALED: &str = ".gpg";

/// One installation.
#[derive(Debug)]
pub struct Site {
    folder: Folder,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// `None` where a signal ended it.
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Site {
    /// Makes one that has taken in the key of Curve25519 and has no job yet.
    pub fn make() -> Self {
        let folder = Folder::make("backup");
        folder.make_inside("tmp");
        let site = Self { folder };
        let dir = site.path("").display().to_string();
        let (public, admin) =
            (site.path("http.sock").display().to_string(), format!("127.0.0.1:{}", free_port()));
        let mut init = site.program();
        init.args(["init", "--mode", "test", "--dir", &dir, "--admin-listen", &admin]);
        run(init.args(["--listen", &format!("unix:{public}")]));
        let text = std::fs::read_to_string(site.config()).unwrap();
        site.write_config(&format!("backup_state = \"state\"\n{text}"));
        site.import(&Keys::shared().curve);
        site
    }

    /// One with the job `words`, which writes a few.
    pub fn with_words() -> Self {
        let site = Self::make();
        site.job("words", "command = [\"echo\", \"a few words\"]");
        site
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its folder, and whose it is.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Where its jobs' backups go.
    pub fn backups(&self) -> PathBuf {
        self.path("backups")
    }

    /// What is kept between runs.
    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub fn config(&self) -> PathBuf {
        self.path("gateward.toml")
    }

    pub fn write_config(&self, text: &str) {
        self.folder.write("gateward.toml", text);
    }

    /// Writes the configuration again with `from` replaced by `to`.
    #[track_caller]
    pub fn reconfigure(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "the configuration does not say {from}: {text}");
        self.write_config(&text.replace(from, to));
    }

    /// Adds a job of this name, sealed to the key of Curve25519, whose backups go to the usual folder.
    pub fn job(&self, name: &str, rest: &str) {
        let (to, key) = (self.backups().display().to_string(), &Keys::shared().curve.fingerprint);
        self.job_as(&format!("name = \"{name}\"\nrecipients = [\"{key}\"]\nfolder = \"{to}\"\n{rest}"));
    }

    /// Adds a job that is described whole.
    pub fn job_as(&self, job: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        self.write_config(&format!("{text}\n[[backup]]\n{job}\n"));
    }

    /// Lets backups be sealed to a key.
    #[track_caller]
    pub fn import(&self, key: &Key) {
        let public = self.folder.write("public.asc", &std::fs::read_to_string(&key.public).unwrap());
        let public = public.display().to_string();
        self.good(&["backup", "recipient", "import", &public, "--fingerprint", &key.fingerprint]);
    }

    /// Gateward, as its user starts it.
    pub fn program(&self) -> Command {
        let mut command = self.folder.command(GATEWARD);
        command.env("PATH", format!("{PROGRAMS}:/usr/bin:/bin")).env("TMPDIR", self.path("tmp"));
        command
    }

    /// A command of gateward's on this installation.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program();
        command.args(arguments).arg("--config").arg(self.config());
        command
    }

    /// Starts a command that is ended with what is returned, unless that is waited for.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments))
    }

    /// The clock of the last run, where that had one of its own. The log is read by it: that it is read is an event,
    /// and none is before the newest.
    fn clock(&self) -> Vec<(&'static str, PathBuf)> {
        let offset = self.offset();
        if offset.exists() { clock_off_by(&offset).into() } else { Vec::new() }
    }

    /// The file that says how far the clock of the last run was off.
    pub fn offset(&self) -> PathBuf {
        self.path("offset")
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Said {
        finish(&mut self.command(arguments))
    }

    /// Runs one that must answer yes.
    #[track_caller]
    pub fn good(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.status, Some(0), "{arguments:?}: {}{}", said.out, said.err);
        said
    }

    /// Runs one; returns the JSON objects that it prints, whatever it answers.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let said = self.run(&[arguments, &["--format", "json"]].concat());
        let parse =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {said:?}"));
        said.out.lines().map(parse).collect()
    }

    /// The events of this kind with all that is recorded around them, the oldest first.
    #[track_caller]
    pub fn recorded(&self, kind: &str) -> Vec<Value> {
        let said = finish(self.command(&["audit", "search", "--format", "json"]).envs(self.clock()));
        let all = said.out.lines().map(|line| -> Value { serde_json::from_str(line).unwrap() });
        let of_kind = all.filter(|event| event["body"]["kind"] == kind).collect();
        assert_eq!(said.status, Some(0), "{}", said.err);
        of_kind
    }

    /// What the events of this kind say, the oldest first.
    #[track_caller]
    pub fn events(&self, kind: &str) -> Vec<Value> {
        self.recorded(kind).into_iter().map(|mut event| event["body"].take()).collect()
    }

    /// How many files wait to be recorded.
    pub fn waiting(&self) -> usize {
        names(&self.state().join("spool")).len()
    }

    /// The files in the usual folder, by name.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let folder = self.backups();
        let files = names(&folder).into_iter().filter(|name| folder.join(name).is_file());
        files.map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap())).collect()
    }

    /// The names of the backups in the usual folder, in their order.
    pub fn names_of_backups(&self) -> Vec<String> {
        names(&self.backups()).into_iter().filter(|name| name.ends_with(SEALED)).collect()
    }

    /// The one backup in the usual folder.
    #[track_caller]
    pub fn the_backup(&self) -> PathBuf {
        let names = self.names_of_backups();
        let [name] = names.as_slice() else { panic!("not one: {names:?}") };
        self.backups().join(name)
    }

    /// How a database of the shared server is reached over TCP, by a password that lies in a file of this
    /// installation's.
    pub fn url_with_password(&self, cluster: &Cluster, database: &str) -> String {
        let file = self.folder.write("database.password", &format!("{PASSWORD}\n"));
        format!("postgres://{ROLE}@{}/{database}?{PASSWORD_FILE}={}", cluster.address(), file.display())
    }
}

/// The manifest beside a backup: the text that was signed, as JSON.
#[track_caller]
pub fn manifest(backup: &Path) -> Value {
    let note = std::fs::read_to_string(format!("{}.manifest", backup.display())).unwrap();
    // C2SP signed-note: the text, an empty line, the signatures.
    let (text, signatures) = note.rsplit_once("\n\n").unwrap();
    assert!(signatures.starts_with('\u{2014}'), "{note}");
    let json = &text[text.find('{').unwrap()..];
    serde_json::from_str(json).unwrap()
}

/// A command that runs; killed when dropped.
#[derive(Debug)]
pub struct Running(Option<Child>);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(Some(command.spawn().unwrap()))
    }

    pub fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.0.as_ref().unwrap().id().cast_signed())
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Said {
        said(self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Said {
    said(command.stdin(Stdio::null()).output().unwrap())
}

fn said(Output { status, stdout, stderr }: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { status: status.code(), out: text(stdout), err: text(stderr) }
}

/// What lies in a folder, by name; nothing in one that is not there.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}
