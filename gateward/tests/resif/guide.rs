//! docs/eidaws-auth.md, followed to the letter: its commands run, its files are loaded.
//!
//! Only names are others: hosts, folders, the issuer, and users where we are not root.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::Command;

use nix::unistd::{Gid, Group, Uid, User};
use tempfile::TempDir;

use super::databases::Databases;
use super::drop_in::{found, token};
use super::gnupg::{Gnupg, Issuer};
use super::installation::{GATEWARD, Installation};
use super::server::{Credentials, Server};
use super::tools::{Ran, run};

const GUIDE: &str = include_str!("../../../docs/eidaws-auth.md");

/// The blocks of one language below a heading, up to the next one.
#[track_caller]
pub fn blocks(heading: &str, language: &str) -> Vec<String> {
    let begin = GUIDE.find(&format!("# {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let section = &GUIDE[begin + 2..];
    let section = &section[..section.find("\n#").unwrap_or(section.len())];
    let fence = format!("```{language}\n");
    let found = section.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let found: Vec<_> = found.collect();
    assert!(!found.is_empty(), "{heading} has no {language}");
    found
}

/// A machine on which the page is followed.
pub struct Machine {
    outer: TempDir,
    /// What stands on the page, and what it is here.
    names: Vec<(String, String)>,
}

impl Machine {
    pub fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        std::fs::set_permissions(outer.path(), Permissions::from_mode(0o755)).unwrap();
        for folder in ["etc", "run", "state", "bin"] {
            std::fs::create_dir(outer.path().join(folder)).unwrap();
        }
        let at = |name: &str| outer.path().join(name).display().to_string();
        let us = User::from_uid(Uid::effective()).unwrap().unwrap().name;
        // The group of the Apache that the tests start, if we may give it something.
        let group = if Uid::effective().is_root() {
            "nogroup".to_owned()
        } else {
            Group::from_gid(Gid::effective()).unwrap().unwrap().name
        };
        let names = vec![
            ("--owner gateward".into(), format!("--owner {us}")),
            ("--group www-data".into(), format!("--group {group}")),
            ("/etc/gateward".into(), at("etc")),
            ("/run/gateward".into(), at("run")),
            ("/var/lib/gateward-logins".into(), at("logins")),
        ];
        let machine = Self { outer, names };
        machine.write_program("sudo", "exec \"$@\"");
        machine.write_program("systemctl", "exit 0");
        machine
    }

    /// One whose databases, issuer and role are these.
    fn before(databases: &Databases, issuer: &Issuer<'_>, password: &str) -> Self {
        let mut machine = Self::new();
        std::fs::write(machine.at("eas.asc"), &issuer.public).unwrap();
        let (etc, state) = (machine.at("etc"), machine.at("state/gateward.db"));
        let init = format!(
            "[ \"$1\" != init ] || set -- \"$@\" --dir {} --store {} --admin-listen 127.0.0.1:0",
            etc.display(),
            state.display()
        );
        machine.write_program("gateward", &format!("{init}\nexec {GATEWARD} \"$@\""));
        machine.write_program("sudoedit", &format!("echo '{password}' > \"$1\""));
        let server = databases.cluster.address();
        machine.names.extend([
            ("C83815158DF0077272F19E1E4169CE9D00970757".into(), issuer.fingerprint.clone()),
            ("localhost/resifAuth".into(), format!("{server}/{}", databases.auth)),
            ("localhost/resifInv-Prod".into(), format!("{server}/{}", databases.privileges)),
        ]);
        machine
    }

    fn at(&self, name: &str) -> PathBuf {
        self.outer.path().join(name)
    }

    /// What the page's commands find instead of the system's.
    fn write_program(&self, name: &str, text: &str) {
        let path = self.at("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    /// The text with the names that things have here.
    pub fn here(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    /// Runs a block of the page; the first failure ends it.
    #[track_caller]
    pub fn run(&self, block: &str) -> Ran {
        let script = format!("PATH={}:$PATH\n{}", self.at("bin").display(), self.here(block));
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &script]).current_dir(self.outer.path());
        let config = self.at("etc/gateward.toml");
        shell.env("GATEWARD_CONFIG", config).env_remove("GATEWARD_STORE").env_remove("GATEWARD_KEYRING");
        run(&mut shell, b"").good()
    }
}

#[test]
fn whoever_follows_the_page_has_logins_in_resifs_databases_within_the_hour() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer_with("eas", "rsa2048", "sign,cert");
    let machine = Machine::before(&databases, &issuer, super::databases::PASSWORD);
    let steps = blocks("The hour", "sh");
    let [bring, write, check, attempt] = &steps[..] else { panic!("the page has other steps: {steps:?}") };
    machine.run(bring);
    let password = std::fs::metadata(machine.at("etc/resif.pass")).unwrap();
    assert_eq!((password.uid(), password.mode() & 0o777), (Uid::effective().as_raw(), 0o400));
    machine.run(write);
    let config = machine.at("etc/gateward.toml");
    let written = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{written}\n{}", blocks("The hour", "toml").concat())).unwrap();
    let checked = machine.run(check);
    assert!(checked.text().contains("gateward.toml: good"), "{}", checked.text());

    std::fs::write(machine.at("token.asc"), token(&issuer, "/epos/demo")).unwrap();
    let outer = machine.outer.path().to_owned();
    let _server = Server::start(Installation::at(tempfile::tempdir_in(&outer).unwrap(), "../etc"));
    let tried = machine.run(attempt);
    let (told, login) = tried.text().trim_end().rsplit_once('\n').unwrap();
    assert!(told.contains("groups known here  /epos/demo"), "{told}");
    let (login, password) = login.split_once(':').unwrap();
    let login = Credentials { login: login.into(), password: password.into() };
    assert_eq!(found(&databases, &login.login).1, ["FR"], "{}", tried.text());
}
