//! The backup that somebody means, and what is said of it.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use backup_manifest::{Manifest, VerifierKey};

use crate::base::backup::{FileName, JobName};
use crate::cli::Context;
use crate::cli::terminal::{say, shown};
use crate::config::Config;
use crate::flows::backup::opening;
use crate::flows::backup::restore::{Why, prove_file};
use crate::flows::backup::shelf::{Believed, Shelved, Shelves, look_through};
use crate::flows::backup::target::{Target, read_note};
use crate::flows::keyring::Keyring;
use crate::server::backup::folder::Folder;
use crate::server::backup::interrupt::Interrupt;
use crate::server::backup::places::{For, places};
use crate::server::{boot, system};

/// A backup with its manifest, which a known key signed.
pub(super) struct Sought {
    pub name: FileName,
    pub manifest: Manifest,
    /// Where it lies.
    pub place: Box<dyn Target>,
    /// Its file, where that is on this machine.
    pub file: Option<PathBuf>,
    pub installation: Option<Installation>,
}

/// This machine's own.
pub(super) struct Installation {
    pub config: Config,
    pub keyring: Keyring,
}

/// How a backup is named.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The backup's name, or the path of its file.
    #[arg(required_unless_present = "job")]
    backup: Option<String>,
    /// The newest one of this job.
    #[arg(long, conflicts_with = "backup")]
    job: Option<JobName>,
    /// A key that signs manifests besides those of this machine's keyring, as `gateward backup signer` prints it
    /// where the backup was made.
    #[arg(long, value_name = "KEY")]
    signer: Vec<VerifierKey>,
}

impl Installation {
    /// Reads the configuration and the keyring; a machine that only opens backups need have none.
    fn read(context: &Context) -> anyhow::Result<Option<Self>> {
        if !context.has_installation() {
            return Ok(None);
        }
        let config = context.config()?;
        let keyring = boot::keyring(&config.keyring)?;
        Ok(Some(Self { config, keyring }))
    }
}

impl Named {
    /// Finds it, and believes its manifest or says why not.
    pub fn find(&self, context: &Context) -> anyhow::Result<Sought> {
        let installation = Installation::read(context)?;
        let mut known = self.signer.clone();
        known.extend(installation.iter().flat_map(|it| it.keyring.manifest_verifiers()));
        if known.is_empty() {
            bail!("no key is known whose manifests count: name one with --signer KEY, or a configuration");
        }
        if let Some(backup) = &self.backup
            && (backup.contains('/') || Path::new(backup).exists())
        {
            return at_path(Path::new(backup), &known, installation);
        }
        let Some(installation) = installation else {
            bail!("there is no configuration that says where backups lie: name the path of the file");
        };
        let name = self.backup.as_deref().map(str::parse::<FileName>).transpose()?;
        let jobs = &installation.config.backup;
        let of_job = jobs.iter().filter(|job| self.job.as_ref().is_none_or(|name| job.name == *name));
        let mut all = Vec::new();
        for job in of_job {
            all.extend(places(job, For::Reading, &system::clock(), &system::random())?);
        }
        if all.is_empty() {
            bail!("no job of that name has a place for backups");
        }
        let Shelves { backups: shelved, mut unseen } =
            look_through(&all, Believed { of_all: &known, of_drills: &[] });
        let found = match &name {
            Some(name) => shelved.into_iter().find(|it| it.name == *name),
            None => newest(shelved, self.job.as_ref()),
        };
        let Some(found) = found else {
            if let Some(error) = unseen.pop() {
                return Err(error.into());
            }
            bail!("no place has such a backup: `gateward backup list` shows what there is");
        };
        let doubts =
            found.copies.iter().filter_map(|lies| Some((&lies.place, lies.manifest.as_ref().err()?)));
        let doubts: Vec<_> =
            doubts.map(|(place, doubt)| format!("{place}: {}: {doubt}", found.name)).collect();
        let (lies, manifest) = found.good().ok_or_else(|| anyhow!("{}", doubts.join("; ")))?;
        let (lies, manifest) = (lies.place.clone(), manifest.clone());
        for doubt in &doubts {
            say(&shown(&format!("{doubt}; the one in {lies} is taken")));
        }
        let place = all.into_iter().find(|place| place.place() == lies);
        let place = place.context("the place of the backup is gone")?;
        let file = Path::new(&place.place()).join(found.name.as_str());
        let file = file.is_file().then_some(file);
        Ok(Sought { name: found.name, manifest, place, file, installation: Some(installation) })
    }
}

/// The newest one of `job` that somebody known vouches for.
fn newest(shelved: Vec<Shelved>, job: Option<&JobName>) -> Option<Shelved> {
    let begun = |it: &Shelved| {
        let (_, manifest) = it.good()?;
        job.is_none_or(|job| manifest.job == job.as_str()).then_some(manifest.started_at)
    };
    shelved.into_iter().filter(|it| begun(it).is_some()).max_by_key(begun)
}

fn at_path(path: &Path, known: &[VerifierKey], installation: Option<Installation>) -> anyhow::Result<Sought> {
    let path = std::path::absolute(path)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name: FileName = name.parse()?;
    let place = Folder::for_reading(path.parent().unwrap_or(Path::new("/")));
    let note = read_note(&place, &name.manifest()).context("what is said of it")?;
    let manifest = Manifest::read(&note, known).with_context(|| {
        format!("{} is not believed", path.with_file_name(name.manifest().as_str()).display())
    })?;
    if manifest.backup != name.as_str() {
        bail!("the manifest beside it is that of {}", manifest.backup);
    }
    Ok(Sought { name, manifest, place: Box::new(place), file: Some(path), installation })
}

impl Sought {
    /// Reads the file once, where it is on this machine, to see that it is the one that the manifest describes.
    pub fn prove(&self, interrupt: &Interrupt) -> Result<(), Why> {
        let Some(path) = &self.file else { return Ok(()) };
        let file = File::open(path).map_err(opening::Error::Input)?;
        prove_file(&self.manifest, interrupt.over(file))
    }
}
