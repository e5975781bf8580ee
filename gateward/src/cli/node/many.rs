//! Many machines at once: a folder of certificates, or a table (RFC 4180).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use serde::Deserialize;

use super::wish::Wish;
use crate::base::identity::NodeRole;
use crate::flows::nodes::Enrolled;

/// How many machines are enrolled at once.
const MOST: usize = 20_000;

/// A line of the table, as its header names it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    certificate: Option<PathBuf>,
    fingerprint: Option<String>,
    issuer: Option<PathBuf>,
    subject: Option<String>,
    san: Option<String>,
    roles: Option<String>,
}

/// What was read, and what stands against the rest, one sentence each.
#[derive(Default)]
pub(super) struct Read {
    pub enrolled: Vec<Enrolled>,
    pub wrong: Vec<String>,
}

impl Read {
    fn add(&mut self, place: &str, read: anyhow::Result<Enrolled>) {
        match read {
            Ok(enrolled) => self.enrolled.push(enrolled),
            Err(error) => self.wrong.push(format!("{place}: {error:#}")),
        }
        if self.enrolled.len() + self.wrong.len() == MOST + 1 {
            self.wrong.push(format!("more than {MOST} machines: cut it in pieces"));
        }
    }
}

/// Reads every certificate of a folder: what a file is called is what its machine is called.
pub(super) fn folder(path: &Path, roles: &[NodeRole], now: Timestamp) -> anyhow::Result<Read> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(|| path.display().to_string())? {
        let file = entry?.path();
        let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default().to_ascii_lowercase();
        if matches!(kind.as_str(), "pem" | "crt" | "cer" | "der") {
            files.push(file);
        }
    }
    files.sort();
    let mut read = Read::default();
    if files.is_empty() {
        read.wrong.push(format!("{}: no file in it ends in .pem, .crt, .cer or .der", path.display()));
    }
    for file in files {
        let enrolled = || -> anyhow::Result<Enrolled> {
            let name = file.file_stem().and_then(|name| name.to_str()).context("its name is no text")?;
            let wish = Wish { certificate: Some(file.clone()), ..Wish::default() };
            Ok(Enrolled { name: name.parse()?, roles: roles.to_vec(), credential: wish.read(now)? })
        };
        read.add(&file.display().to_string(), enrolled());
    }
    Ok(read)
}

/// Reads a table with a header; paths in it are taken from its own folder.
pub(super) fn table(path: &Path, roles: &[NodeRole], now: Timestamp) -> anyhow::Result<Read> {
    let named = || path.display().to_string();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut lines = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).with_context(named)?;
    let mut read = Read::default();
    for (at, line) in lines.deserialize::<Line>().enumerate() {
        // What is not a table at all is said once, not for each of its lines.
        let line = line.with_context(named)?;
        read.add(&format!("{}, line {}", path.display(), at + 2), line.read(folder, roles, now));
        if read.enrolled.len() + read.wrong.len() > MOST {
            break;
        }
    }
    Ok(read)
}

impl Line {
    fn read(self, folder: &Path, roles: &[NodeRole], now: Timestamp) -> anyhow::Result<Enrolled> {
        let wish = Wish {
            certificate: given(self.certificate).map(|file| folder.join(file)),
            fingerprint: written(self.fingerprint).map(|text| text.parse()).transpose()?,
            issuer: given(self.issuer).map(|file| folder.join(file)),
            subject: written(self.subject).map(|text| text.parse()).transpose()?,
            san: written(self.san).map(|text| text.parse()).transpose()?,
        };
        let own = written(self.roles);
        let own = own.iter().flat_map(|roles| roles.split([' ', ';'])).filter(|role| !role.is_empty());
        let own: Vec<NodeRole> = own.map(str::parse).collect::<Result<_, _>>()?;
        let roles = if own.is_empty() { roles.to_vec() } else { own };
        let name = self.name.parse().map_err(|error| anyhow!("{error}"))?;
        Ok(Enrolled { name, roles, credential: wish.read(now)? })
    }
}

fn written(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn given(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}
