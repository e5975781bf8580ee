//! Programs that are no `ckan`, or a broken one; and what the program is given.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateward::flows::access_token::ckan::{Ckan, Error};
use gateward::server::ckan::Program;
use tempfile::TempDir;

use super::asking::{LITTLE, PATIENCE, api, new_user, program, user, wait};
use super::site::{self, Site, USER};

/// A shell script in the place of `ckan`.
struct Script {
    folder: TempDir,
}

impl Script {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ckan");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ckan")
    }

    fn ckan(&self, patience: Duration) -> Program {
        Program::new(&self.path(), Path::new("/etc/hostname"), patience).unwrap()
    }

    /// Asks it for a key; returns why there is none.
    fn refused(&self) -> Error {
        let refused = wait(self.ckan(LITTLE).create_key(&user("ann"), "x")).unwrap_err();
        let said = refused.to_string();
        assert!(said.chars().count() < 1000 && !said.contains(char::is_control), "{said}");
        refused
    }
}

#[test]
fn a_program_that_is_not_there_was_never_started() {
    let site = Site::shared();
    for (path, why) in [("/nowhere/ckan", "No such file"), ("/etc/passwd", "Permission denied")] {
        let ckan = Program::new(Path::new(path), &site.ini(), PATIENCE).unwrap();
        let refused = wait(ckan.create_key(&user(USER), "x")).unwrap_err();
        assert!(matches!(&refused, Error::Unreachable { .. }), "{refused}");
        assert!(refused.to_string().contains(path) && refused.to_string().contains(why), "{refused}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_told_before_anything_is_started() {
    let refused = Program::new(&site::program(), Path::new("/nowhere/ckan.ini"), PATIENCE).unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("/nowhere/ckan.ini") && refused.contains("who may read"), "{refused}");
}

#[test]
fn what_no_ckan_writes_is_no_key_and_stands_in_no_error() {
    for text in
        ["echo", "echo opensesame", "printf 'API Token created:\\n\\topensesame\\n'", "yes opensesame"]
    {
        let refused = Script::new(text).refused();
        assert!(refused.is_of_unknown_end(), "{text}: {refused}");
        assert!(!refused.to_string().contains("opensesame"), "{text}: {refused}");
    }
}

#[test]
fn a_program_that_ends_badly_may_have_done_it_all_the_same() {
    for (text, why) in [
        ("printf '\\033[31mOh\\n' >&2; exit 3", "exit status: 3: [31mOh"),
        ("kill -9 $$", "signal: 9"),
        ("exec sleep 1000", "within 2 s"),
    ] {
        let refused = Script::new(text).refused();
        assert!(matches!(&refused, Error::BrokenOff { why: said, .. } if said.contains(why)), "{refused}");
    }
}

#[test]
fn a_program_that_writes_much_of_an_error_is_read_to_its_end() {
    let noise = "i=0; while [ $i -lt 20000 ]; do echo 'a line of a traceback, as CKAN writes them' >&2";
    let script = Script::new(&format!("{noise}; i=$((i+1)); done; echo 'User not found' >&2; exit 1"));
    let refused = wait(script.ckan(PATIENCE).create_key(&user("ann"), "x")).unwrap_err();
    assert!(matches!(&refused, Error::BrokenOff { why, .. } if why.ends_with("User not found")), "{refused}");
}

#[test]
fn the_program_gets_nothing_of_our_environment_and_cannot_ask() {
    let script = Script::new(concat!(
        "{ tr '\\0' '\\n' </proc/$$/environ | cut -d= -f1 | sort; pwd; cat; echo \"$@\"; } >${0}.seen; ",
        "printf 'API Token created:\\n\\t0123456789abcdef\\n'"
    ));
    let key = wait(script.ckan(PATIENCE).create_key(&user("ann"), "-x y")).unwrap();
    assert_eq!(key.expose(), "0123456789abcdef");
    let seen = std::fs::read_to_string(script.path().with_extension("seen")).unwrap();
    assert_eq!(seen, "LC_ALL\nPATH\n/\n-c /etc/hostname user token add -- ann -x y\n");
}

#[test]
fn a_key_name_that_looks_like_an_option_is_a_name() {
    let site = Site::shared();
    let new = new_user("optional");
    wait(api(site).create_user(&new)).unwrap();
    wait(program(site).create_key(&new.name, "--quiet")).unwrap();
    let keys = wait(program(site).keys(&new.name)).unwrap();
    assert_eq!(keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["--quiet"]);
}

#[test]
fn the_program_is_found_in_the_folders_of_path() {
    let script = Script::new("");
    let path = format!("/nowhere:{}:/usr/bin", script.folder.path().display());
    assert_eq!(Program::find(Some(path.as_ref())), Some(script.path()));
    let inside = std::env::join_paths([""]).unwrap();
    assert_ne!(Program::find(Some(&inside)), Some(PathBuf::from("ckan")));
}
