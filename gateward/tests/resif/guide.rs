//! docs/eidaws-auth.md, followed to the letter: its commands run, its files are loaded.
//!
//! Only names are others: hosts, folders, the issuer, and users where we are not root.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use nix::unistd::{Gid, Group, Uid, User};
use tempfile::TempDir;

use super::databases::Databases;
use super::drop_in::{found, token};
use super::gnupg::{Gnupg, Issuer};
use super::guide_reader::{self, Reader, section};
use super::installation::{GATEWARD, Installation};
use super::server::{Credentials, Server};
use super::tools::{Ran, run};

const GUIDE: &str = include_str!("../../../docs/eidaws-auth.md");

/// The blocks of one language below a heading.
#[track_caller]
pub fn blocks(heading: &str, language: &str) -> Vec<String> {
    guide_reader::blocks(section(GUIDE, heading), language)
}

/// A machine on which the page is followed.
pub struct Machine {
    pub reader: Reader,
    outer: TempDir,
}

impl Machine {
    pub fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        std::fs::set_permissions(outer.path(), Permissions::from_mode(0o755)).unwrap();
        let mut reader = Reader::in_folder(outer.path());
        let us = User::from_uid(Uid::effective()).unwrap().unwrap().name;
        // The group of the Apache that the tests start, if we may give it something.
        let group = if Uid::effective().is_root() {
            "nogroup".to_owned()
        } else {
            Group::from_gid(Gid::effective()).unwrap().unwrap().name
        };
        reader.call("--owner gateward", format!("--owner {us}"));
        reader.call("--group www-data", format!("--group {group}"));
        reader.call("/etc/gateward", reader.path("etc"));
        reader.call("/run/gateward", reader.path("run"));
        reader.call("/var/lib/gateward-logins", reader.path("logins"));
        Self { reader, outer }
    }

    /// One whose databases, issuer and role are these.
    fn before(databases: &Databases, issuer: &Issuer<'_>, password: &str) -> Self {
        let mut machine = Self::new();
        let reader = &mut machine.reader;
        std::fs::write(reader.at("eas.asc"), &issuer.public).unwrap();
        let init = format!(
            "[ \"$1\" != init ] || set -- \"$@\" --dir {} --store {} --admin-listen 127.0.0.1:0",
            reader.path("etc"),
            reader.path("state/gateward.db"),
        );
        reader.write_program("gateward", &format!("{init}\nexec {GATEWARD} \"$@\""));
        reader.write_program("sudoedit", &format!("echo '{password}' > \"$1\""));
        let server = databases.cluster.address();
        reader.call("C83815158DF0077272F19E1E4169CE9D00970757", &issuer.fingerprint);
        reader.call("localhost/resifAuth", format!("{server}/{}", databases.auth));
        reader.call("localhost/resifInv-Prod", format!("{server}/{}", databases.privileges));
        machine
    }

    /// Runs a block of the page.
    #[track_caller]
    pub fn run(&self, block: &str) -> Ran {
        run(&mut self.reader.shell(block), b"").good()
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
    let password = std::fs::metadata(machine.reader.at("etc/resif.pass")).unwrap();
    assert_eq!((password.uid(), password.mode() & 0o777), (Uid::effective().as_raw(), 0o400));
    machine.run(write);
    let config = machine.reader.at("etc/gateward.toml");
    let written = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{written}\n{}", blocks("The hour", "toml").concat())).unwrap();
    let checked = machine.run(check);
    assert!(checked.text().contains("gateward.toml: good"), "{}", checked.text());

    std::fs::write(machine.reader.at("token.asc"), token(&issuer, "/epos/demo")).unwrap();
    let outer = machine.outer.path().to_owned();
    let _server = Server::start(Installation::at(tempfile::tempdir_in(&outer).unwrap(), "../etc"));
    let tried = machine.run(attempt);
    let (told, login) = tried.text().trim_end().rsplit_once('\n').unwrap();
    assert!(told.contains("groups known here  /epos/demo"), "{told}");
    let (login, password) = login.split_once(':').unwrap();
    let login = Credentials { login: login.into(), password: password.into() };
    assert_eq!(found(&databases, &login.login).1, ["FR"], "{}", tried.text());
}
