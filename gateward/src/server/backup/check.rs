//! What would stop the jobs of a configuration, found before they run: nothing is changed, and no server asked.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use backup_manifest::Compression;
use jiff::Timestamp;
use nix::unistd::{Uid, User};

use super::folder::Folder;
use super::places::{For, places};
use super::ready::{Around, planned, recipients};
use super::source::Planned;
use crate::base::backup::JobName;
use crate::config::{Backup, Config};

/// Says what is wrong with each job, and what would be right.
pub fn check(around: &Around<'_>, now: Timestamp) -> Vec<String> {
    let mut findings = Vec::new();
    let mut names = BTreeMap::new();
    for job in &around.config.backup {
        let head = format!("job {}: ", job.name);
        let mut find = |what: &dyn std::fmt::Display| {
            findings.extend(what.to_string().lines().map(|line| format!("{head}{line}")));
        };
        if let Err(error) = recipients(job, around, now) {
            find(&error.why);
        }
        if let Err(error) = places(job, For::Reading, around.clock, around.random) {
            find(&error);
        }
        if let Some(folder) = &job.folder {
            if let Err(error) = Folder::check(folder) {
                find(&error);
            }
            if let Some(shut) = shut(folder, around.config) {
                find(&shut);
            }
        }
        match planned(job, around, now) {
            Err(error) => find(&error.why),
            Ok(planned) => {
                for other in namesakes(job, &planned, now, &mut names) {
                    find(&format!(
                        "its files can have the names of those of {other}, in one place: give it a file_name"
                    ));
                }
            }
        }
    }
    findings
}

/// The jobs before this one whose files would have its names, begun at the same time.
fn namesakes(
    job: &Backup,
    planned: &Planned,
    now: Timestamp,
    names: &mut BTreeMap<(String, String), JobName>,
) -> Vec<JobName> {
    let name = planned.template.at(now, planned.inside, planned.compression == Compression::Zstd);
    let s3 = job.s3.iter().map(|s3| format!("{}/{}/{}", s3.endpoint, s3.bucket, s3.prefix.trim_matches('/')));
    let folder = job.folder.iter().map(|folder| folder.display().to_string());
    let taken = folder.chain(s3).filter_map(|place| {
        let other = names.entry((place, name.to_string())).or_insert_with(|| job.name.clone());
        (*other != job.name).then(|| other.clone())
    });
    let mut taken: Vec<_> = taken.collect();
    taken.dedup();
    taken
}

/// Says why whoever makes backups, the owner of `backup_state`, cannot lay them into `folder`.
fn shut(folder: &Path, config: &Config) -> Option<String> {
    let owner = std::fs::metadata(&config.backup_state).ok()?.uid();
    // Root can, and somebody else's folder that root has made theirs.
    if owner == 0 {
        return None;
    }
    let user =
        User::from_uid(Uid::from_raw(owner)).ok().flatten().map_or(owner.to_string(), |user| user.name);
    let makes = format!("{user}, who makes backups because {} is theirs,", config.backup_state.display());
    let path = folder.display();
    match std::fs::metadata(folder) {
        Ok(there) if there.uid() == owner => None,
        Ok(_) => Some(format!("{path}: {makes} does not own it: chown {user} {path}")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let above = folder.ancestors().find_map(|above| std::fs::metadata(above).ok())?;
            let may = above.uid() == owner || above.mode() & EVERYBODY_WRITES != 0;
            (!may).then(|| {
                format!(
                    "{path}: it is not there, and {makes} cannot make it: install -d -m 700 -o {user} {path}"
                )
            })
        }
        Err(error) => Some(format!("{path}: {error}")),
    }
}

/// The bit of a mode (inode(7)).
const EVERYBODY_WRITES: u32 = 0o002;
