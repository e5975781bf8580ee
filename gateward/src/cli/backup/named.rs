//! One backup that somebody names, and what is said of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use backup_manifest::{Manifest, VerifierKey};

use super::sought::{Called, Sought, called, known, nowhere, places_of};
use crate::base::backup::{FileName, JobName};
use crate::cli::Context;
use crate::cli::terminal::{say, shown};
use crate::config::Config;
use crate::flows::backup::shelf::{Believed, Shelved, Shelves, look_through};
use crate::flows::backup::target::{Error, Target, read_note};
use crate::flows::keyring::Keyring;
use crate::server::backup::restore::Sealed;
use crate::server::boot;

/// A backup with its manifest, which a known key signed.
pub(super) struct Vouched {
    pub name: FileName,
    pub manifest: Manifest,
    /// Where it lies.
    pub place: Arc<dyn Target>,
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
    backup: Option<PathBuf>,
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
    pub fn find(&self, context: &Context) -> anyhow::Result<Vouched> {
        let installation = Installation::read(context)?;
        let known = known(&self.signer, installation.as_ref().map(|it| &it.keyring))?;
        let name = match self.backup.as_deref().map(called).transpose()? {
            Some(Called::File(sought)) => return beside(sought, &known, installation),
            Some(Called::Name(name)) => Some(name),
            None => None,
        };
        let Some(installation) = installation else {
            bail!("there is no configuration that says where backups lie: name the path of the file");
        };
        let all = places_of(&installation.config, self.job.as_slice())?;
        let Shelves { backups: shelved, unseen } =
            look_through(&all, Believed { of_all: &known, of_drills: &[] });
        let found = match &name {
            Some(name) => shelved.into_iter().find(|it| it.name == *name),
            None => newest(shelved, self.job.as_ref()),
        };
        let Some(found) = found else {
            return Err(match name {
                Some(name) => nowhere(&name, unseen),
                None => no_backup(self.job.as_ref(), unseen),
            });
        };
        for error in unseen {
            say(&shown(&error.to_string()));
        }
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
        Ok(Vouched { name: found.name, manifest, place, file, installation: Some(installation) })
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

fn no_backup(job: Option<&JobName>, mut unseen: Vec<Error>) -> anyhow::Error {
    let job = job.map(ToString::to_string).unwrap_or_default();
    match unseen.pop() {
        Some(error) => error.into(),
        None => anyhow!("there is no good backup of {job}: `gateward backup list {job}` shows what there is"),
    }
}

fn beside(
    sought: Sought,
    known: &[VerifierKey],
    installation: Option<Installation>,
) -> anyhow::Result<Vouched> {
    let Sought { name, place } = sought;
    let folder = PathBuf::from(place.place());
    let note = read_note(&*place, &name.manifest()).context("what is said of it")?;
    let manifest = Manifest::read(&note, known)
        .with_context(|| format!("{} is not believed", folder.join(name.manifest().as_str()).display()))?;
    if manifest.backup != name.as_str() {
        bail!("the manifest beside it is that of {}", manifest.backup);
    }
    let file = Some(folder.join(name.as_str()));
    Ok(Vouched { name, manifest, place, file, installation })
}

impl Vouched {
    /// Finds its file, to be proven before anything of it is opened.
    pub fn sealed(&self) -> std::io::Result<Sealed<'_>> {
        match &self.file {
            Some(path) => Sealed::file(path),
            None => Ok(Sealed::elsewhere(self.place.as_ref(), &self.name)),
        }
    }
}
