//! Somebody who follows a page of docs/ to the letter: its commands run, its files are loaded. Only names
//! are others.
#![allow(dead_code, reason = "shared: no test target uses all of it")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The blocks of one language on a page, or on a part of it.
#[track_caller]
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let blocks: Vec<_> = blocks.collect();
    assert!(!blocks.is_empty(), "no {language} in: {text}");
    blocks
}

/// What stands on a page below a heading, up to the next one.
#[track_caller]
pub fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let begin = page.find(&format!("# {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let section = &page[begin + 2..];
    &section[..section.find("\n#").unwrap_or(section.len())]
}

/// The reader's machine: a folder with what there is of it.
pub struct Reader {
    folder: PathBuf,
    /// What stands on the page, and what it is here.
    names: Vec<(String, String)>,
}

impl Reader {
    /// Makes the machine in an empty folder: the folders `etc`, `run` and `state`, and `bin` with programs
    /// that are found instead of the system's.
    pub fn in_folder(folder: &Path) -> Self {
        for name in ["etc", "run", "state", "bin"] {
            std::fs::create_dir(folder.join(name)).unwrap();
        }
        let reader = Self { folder: folder.to_owned(), names: Vec::new() };
        reader.write_program("sudo", "exec \"$@\"");
        reader.write_program("systemctl", "exit 0");
        reader
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The same as text.
    pub fn path(&self, name: &str) -> String {
        self.at(name).display().to_string()
    }

    /// Writes the text of a shell script that is found by this name.
    pub fn write_program(&self, name: &str, text: &str) {
        let path = self.at("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    /// From now on what the page calls `theirs` is `ours`; names are replaced in the order of their coming.
    pub fn call(&mut self, theirs: &str, ours: impl Into<String>) {
        self.names.push((theirs.to_owned(), ours.into()));
    }

    /// The text with the names that things have here.
    pub fn here(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    /// What runs a block of the page on this machine; the first failure ends it.
    pub fn shell(&self, block: &str) -> Command {
        let script = format!("PATH={}:$PATH\n{}", self.path("bin"), self.here(block));
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &script]).current_dir(&self.folder);
        shell.env("GATEWARD_CONFIG", self.at("etc/gateward.toml"));
        shell.env_remove("GATEWARD_STORE").env_remove("GATEWARD_KEYRING");
        shell
    }
}
