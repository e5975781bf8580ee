//! `gateward backup verify`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use backup_manifest::{Manifest, VerifierKey};
use serde_json::json;

use super::opening::PrivateKey;
use super::recorded::catch_up_or_say;
use super::workshop::Workshop;
use crate::base::backup::{FileName, JobName};
use crate::cli::terminal::{say, shown};
use crate::cli::{Context, YES, no};
use crate::flows::backup::target::{Error, Target, read_note};
use crate::flows::backup::verify::{Verdict, verify};
use crate::flows::record::BackupWhat;
use crate::server::backup::folder::Folder;
use crate::server::boot;

/// See whether backups are what was made.
///
/// Without a private key: the signature of the manifest beside each file, its name, length and SHA-256, its
/// structure, and that it is sealed to the keys that the manifest names. With one, also every byte of what is
/// inside; nothing of it is written anywhere. The answer is no if anything is wrong, and says what: manifest,
/// signature, swapped, size, hash, structure, recipients or stream.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Verify {
    /// Files with their manifests beside them, or names as `gateward backup list` shows them.
    #[arg(value_name = "FILE", required_unless_present = "job", conflicts_with = "job")]
    files: Vec<PathBuf>,
    /// All backups of this job, in all of its places.
    #[arg(long)]
    job: Option<JobName>,
    #[command(flatten)]
    key: PrivateKey,
    /// A key that manifests are signed with, as `gateward backup signer` prints it where they are made; beside
    /// those of the keyring on this machine.
    #[arg(long, value_name = "KEY")]
    signer: Vec<VerifierKey>,
}

/// One backup to be looked at.
struct Wanted {
    place: Arc<dyn Target>,
    name: FileName,
}

impl Verify {
    pub(in crate::cli) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let opening = self.key.opening()?;
        let known = self.known(context)?;
        // Files that are named by where they are may be ours alone to read; those of jobs are their owner's.
        let by_name =
            self.job.is_some() || context.has_installation() && self.files.iter().any(|file| is_name(file));
        let mut workshop = if by_name { Some(Workshop::open(context)?) } else { None };
        let wanted = match (&self.job, &workshop) {
            (Some(job), Some(workshop)) => of_job(workshop, job, &known)?,
            _ => self.named(workshop.as_ref())?,
        };

        let mut verdicts = Vec::new();
        for Wanted { place, name } in &wanted {
            match verify(&**place, name, &known, opening.as_deref()) {
                Ok(verdict) => {
                    tell(context, out, &**place, name, &verdict)?;
                    verdicts.push((name, verdict));
                }
                Err(error) => say(&shown(&format!("{name}: {error}"))),
            }
        }
        if workshop.is_none() && context.has_installation() {
            workshop = open_or_say(context);
        }
        if let Some(workshop) = &workshop {
            note(context, workshop, &verdicts);
        }
        // Who cannot look at one has still found another one to be bad.
        Ok(if verdicts.iter().any(|(_, verdict)| !verdict.wrong.is_empty()) {
            no()
        } else if verdicts.len() < wanted.len() {
            ExitCode::from(2)
        } else {
            YES
        })
    }

    /// Whose signatures count.
    fn known(&self, context: &Context) -> anyhow::Result<Vec<VerifierKey>> {
        let mut known = self.signer.clone();
        if !context.has_installation() && known.is_empty() {
            bail!(
                "whose manifests count? Give --signer, as `gateward backup signer` prints it on the machine that \
                 makes the backups, or the configuration with --config"
            );
        }
        if context.has_installation() {
            let keyring = context.config().and_then(|config| Ok(boot::keyring(&config.keyring)?));
            match keyring {
                Ok(keyring) => known.extend(keyring.manifest_verifiers()),
                Err(error) if known.is_empty() => {
                    return Err(error.context("without the keyring, --signer says whose manifests count"));
                }
                // Whoever names a signer need not be able to read the keyring.
                Err(_) => {}
            }
        }
        Ok(known)
    }

    fn named(&self, workshop: Option<&Workshop>) -> anyhow::Result<Vec<Wanted>> {
        let mut wanted = Vec::new();
        for file in &self.files {
            match workshop {
                Some(workshop) if is_name(file) => {
                    let name = name(file)?;
                    let places = workshop.find(&name)?.into_iter().map(|(_, place)| Arc::from(place));
                    wanted.extend(places.map(|place| Wanted { place, name: name.clone() }));
                }
                _ => wanted.push(beside(file)?),
            }
        }
        Ok(wanted)
    }
}

/// Whether it is looked for in the places of all jobs.
fn is_name(file: &Path) -> bool {
    file.components().count() == 1 && !file.exists()
}

fn name(file: &Path) -> anyhow::Result<FileName> {
    let shown = || shown(&file.display().to_string());
    let name = file.file_name().and_then(|name| name.to_str()).with_context(shown)?;
    name.parse().with_context(shown)
}

/// A file, and the folder where its manifest is.
fn beside(file: &Path) -> anyhow::Result<Wanted> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(Wanted { place: Arc::new(Folder::for_reading(folder)), name: name(file)? })
}

/// The backups of a job; those whose manifest nobody believes may be its own, too.
fn of_job(workshop: &Workshop, job: &JobName, known: &[VerifierKey]) -> anyhow::Result<Vec<Wanted>> {
    let mut wanted = Vec::new();
    for job in workshop.jobs(std::slice::from_ref(job))? {
        for place in workshop.places(job)? {
            let place: Arc<dyn Target> = place.into();
            let files = place.list()?;
            for name in files.iter().map(|file| &file.name).filter(|name| name.is_backup()) {
                let said = match read_note(&*place, &name.manifest()) {
                    Err(Error::Missing { .. }) => {
                        say(&format!("{}: {name} has no manifest, and was not looked at", place.place()));
                        continue;
                    }
                    note => Manifest::read(&note?, known),
                };
                if said.is_ok_and(|manifest| manifest.job != job.name.as_str()) {
                    continue;
                }
                wanted.push(Wanted { place: Arc::clone(&place), name: name.clone() });
            }
        }
    }
    Ok(wanted)
}

fn tell(
    context: &Context,
    out: &mut impl Write,
    target: &dyn Target,
    name: &FileName,
    verdict: &Verdict,
) -> anyhow::Result<()> {
    let Verdict { manifest, opened_with, wrong } = verdict;
    let text = if wrong.is_empty() {
        let how = match opened_with {
            Some(key) => format!("opened with {key}, whole"),
            None => "as it was made; nobody opened it".to_owned(),
        };
        format!("{name}: good, {how}")
    } else {
        let said: Vec<_> = wrong.iter().map(|wrong| format!("{}: {wrong}", wrong.word())).collect();
        shown(&format!("{name}: BAD, {}", said.join("; ")))
    };
    let wrong: Vec<_> =
        wrong.iter().map(|wrong| json!({ "what": wrong.word(), "detail": wrong.to_string() })).collect();
    let json = json!({
        "file": name, "place": target.place(), "good": wrong.is_empty(), "wrong": wrong,
        "opened_with": opened_with.map(|key| key.to_string()),
        "job": manifest.as_ref().map(|manifest| &manifest.job),
        "started_at": manifest.as_ref().map(|manifest| manifest.started_at.to_string()),
    });
    context.print(out, &text, &json)?;
    Ok(())
}

/// Whoever may look at a backup may still not write to the record here: the answer stands.
fn open_or_say(context: &Context) -> Option<Workshop> {
    Workshop::open(context).map_err(|error| say(&format!("this is not recorded: {error:#}"))).ok()
}

fn note(context: &Context, workshop: &Workshop, verdicts: &[(&FileName, Verdict)]) {
    for (name, verdict) in verdicts {
        let wrong = verdict.wrong.iter().map(|wrong| wrong.word().to_owned()).collect();
        let opened = verdict.opened_with.is_some();
        let verified = BackupWhat::BackupVerified { file: name.to_string(), opened, wrong };
        if let Err(error) = workshop.job.note(verified) {
            say(&format!("this is not recorded: {error}"));
        }
    }
    catch_up_or_say(context, &workshop.job.spool);
}
