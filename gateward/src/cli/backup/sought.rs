//! Where a backup lies that somebody names: by its path, by its name, or as one of a job.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use backup_manifest::VerifierKey;

use crate::base::backup::{FileName, JobName};
use crate::cli::terminal::shown;
use crate::config::{Backup, Config};
use crate::flows::backup::target::{Error, Target};
use crate::flows::keyring::Keyring;
use crate::server::backup::folder::Folder;
use crate::server::backup::places::{For, places};
use crate::server::system;

/// A backup in one of its places; nobody has looked at it yet.
pub(super) struct Sought {
    pub name: FileName,
    pub place: Arc<dyn Target>,
}

/// What somebody calls a backup.
pub(super) enum Called {
    /// A file of this machine.
    File(Sought),
    /// To be looked for in the places of jobs.
    Name(FileName),
}

/// Takes what was typed: the path of a file, or a name that nothing in the current folder has.
pub(super) fn called(typed: &Path) -> anyhow::Result<Called> {
    let as_typed = || shown(&typed.display().to_string());
    if typed.is_dir() {
        bail!("{} is a folder: name files, or --job", as_typed());
    }
    let name = typed.file_name().and_then(|name| name.to_str()).with_context(as_typed)?;
    let name: FileName = name.parse().with_context(as_typed)?;
    if typed.components().count() == 1 && !typed.exists() {
        return Ok(Called::Name(name));
    }
    let path = std::path::absolute(typed)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    Ok(Called::File(Sought { name, place: Arc::new(Folder::for_reading(folder)) }))
}

/// Whose manifests count: those that are named, and our own.
pub(super) fn known(named: &[VerifierKey], keyring: Option<&Keyring>) -> anyhow::Result<Vec<VerifierKey>> {
    let mut known = named.to_vec();
    known.extend(keyring.into_iter().flat_map(Keyring::manifest_verifiers));
    if known.is_empty() {
        bail!(
            "whose manifests count? Give --signer, as `gateward backup signer` prints it on the machine that \
             makes the backups, or the configuration with --config"
        );
    }
    Ok(known)
}

/// The jobs of these names; all of them if none is named.
pub(super) fn jobs<'a>(config: &'a Config, names: &[JobName]) -> anyhow::Result<Vec<&'a Backup>> {
    let jobs = &config.backup;
    if let Some(name) = names.iter().find(|name| jobs.iter().all(|job| job.name != **name)) {
        let there: Vec<_> = jobs.iter().map(|job| job.name.as_str()).collect();
        let there = if there.is_empty() { "none: [[backup]] is one".into() } else { there.join(", ") };
        bail!("there is no job {name}: the configuration has {there}");
    }
    Ok(jobs.iter().filter(|job| names.is_empty() || names.contains(&job.name)).collect())
}

/// The places of these jobs, of all if none is named; each place once.
pub(super) fn places_of(config: &Config, names: &[JobName]) -> anyhow::Result<Vec<Arc<dyn Target>>> {
    let mut all: Vec<Arc<dyn Target>> = Vec::new();
    for job in jobs(config, names)? {
        for place in places(job, For::Reading, &system::clock(), &system::random())? {
            if all.iter().all(|other| other.place() != place.place()) {
                all.push(place.into());
            }
        }
    }
    Ok(all)
}

/// Looks for a backup in the places of all jobs, and says which of them cannot be looked into.
pub(super) fn look_for(name: &FileName, config: &Config) -> anyhow::Result<(Vec<Sought>, Vec<Error>)> {
    let (mut found, mut unseen) = (Vec::new(), Vec::new());
    for place in places_of(config, &[])? {
        match place.list() {
            Ok(files) if files.iter().any(|there| there.name == *name) => {
                found.push(Sought { name: name.clone(), place });
            }
            Ok(_) => {}
            Err(error) => unseen.push(error),
        }
    }
    if found.is_empty() {
        return Err(nowhere(name, unseen));
    }
    Ok((found, unseen))
}

/// Says why nothing of this name was found.
pub(super) fn nowhere(name: &FileName, mut unseen: Vec<Error>) -> anyhow::Error {
    match unseen.pop() {
        Some(error) => anyhow::Error::from(error).context(format!("{name} is not where one can look")),
        None => anyhow::anyhow!(
            "neither the current folder nor a job's place has {name}: name the path of the file; `gateward backup list` shows what jobs made"
        ),
    }
}
