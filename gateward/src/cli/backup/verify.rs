//! `gateward backup verify`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use backup_manifest::{Manifest, VerifierKey};
use serde_json::json;

use super::opening::PrivateKey;
use super::recorded::catch_up_or_say;
use super::sought::{Called, Sought, called, known, look_for, places_of};
use super::workshop::Workshop;
use crate::base::backup::{FileName, JobName};
use crate::cli::terminal::{say, shown};
use crate::cli::{Context, YES, no};
use crate::config::Config;
use crate::flows::backup::target::{Error, Target, read_note};
use crate::flows::backup::verify::{Verdict, verify};
use crate::flows::record::BackupWhat;
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

impl Verify {
    pub(in crate::cli) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let opening = self.key.opening()?;
        let known = self.known(context)?;
        let called = self.files.iter().map(|file| called(file)).collect::<anyhow::Result<Vec<_>>>()?;
        // Files that are named by where they are may be ours alone to read; those of jobs are their owner's.
        let by_name = self.job.is_some() || called.iter().any(|it| matches!(it, Called::Name(_)));
        let mut workshop =
            if by_name && context.has_installation() { Some(Workshop::open(context)?) } else { None };
        let config = workshop.as_ref().map(|workshop| &workshop.config);
        let (wanted, unseen) = match &self.job {
            Some(job) => {
                of_job(config.context("there is no configuration that says what a job is")?, job, &known)?
            }
            None => named(called, config)?,
        };
        for error in &unseen {
            say(&shown(&error.to_string()));
        }

        let mut verdicts = Vec::new();
        for Sought { place, name } in &wanted {
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
        if let Some(job) = &self.job
            && wanted.is_empty()
        {
            // An empty folder, perhaps of a disk that is not mounted, is no proof of anything.
            say(&format!("there is no backup of {job} to be looked at"));
            return Ok(ExitCode::from(2));
        }
        // Who cannot look at one has still found another one to be bad.
        Ok(if verdicts.iter().any(|(_, verdict)| !verdict.wrong.is_empty()) {
            no()
        } else if verdicts.len() < wanted.len() || !unseen.is_empty() {
            ExitCode::from(2)
        } else {
            YES
        })
    }

    /// Whose signatures count.
    fn known(&self, context: &Context) -> anyhow::Result<Vec<VerifierKey>> {
        if !context.has_installation() {
            return known(&self.signer, None);
        }
        match context.config().and_then(|config| Ok(boot::keyring(&config.keyring)?)) {
            Ok(keyring) => known(&self.signer, Some(&keyring)),
            Err(error) if self.signer.is_empty() => {
                Err(error.context("without the keyring, --signer says whose manifests count"))
            }
            // Whoever names a signer need not be able to read the keyring.
            Err(_) => known(&self.signer, None),
        }
    }
}

fn named(called: Vec<Called>, config: Option<&Config>) -> anyhow::Result<(Vec<Sought>, Vec<Error>)> {
    let (mut wanted, mut all_unseen) = (Vec::new(), Vec::new());
    for called in called {
        match (called, config) {
            (Called::File(sought), _) => wanted.push(sought),
            (Called::Name(name), Some(config)) => {
                let (found, unseen) = look_for(&name, config)?;
                wanted.extend(found);
                all_unseen.extend(unseen);
            }
            (Called::Name(name), None) => {
                bail!("the current folder has no {name}, and no configuration says where else it may be")
            }
        }
    }
    Ok((wanted, all_unseen))
}

/// The backups of a job; those whose manifest nobody believes may be its own, too.
fn of_job(
    config: &Config,
    job: &JobName,
    known: &[VerifierKey],
) -> anyhow::Result<(Vec<Sought>, Vec<Error>)> {
    let (mut wanted, mut unseen) = (Vec::new(), Vec::new());
    for place in places_of(config, std::slice::from_ref(job))? {
        match of_job_in(&place, job, known) {
            Ok(found) => wanted.extend(found),
            Err(error) => unseen.push(error),
        }
    }
    Ok((wanted, unseen))
}

fn of_job_in(place: &Arc<dyn Target>, job: &JobName, known: &[VerifierKey]) -> Result<Vec<Sought>, Error> {
    let mut wanted = Vec::new();
    let files = place.list()?;
    for name in files.iter().map(|file| &file.name).filter(|name| name.is_backup()) {
        let said = match read_note(&**place, &name.manifest()) {
            Err(Error::Missing { .. }) => {
                say(&format!("{}: {name} has no manifest, and was not looked at", place.place()));
                continue;
            }
            note => Manifest::read(&note?, known),
        };
        if said.is_ok_and(|manifest| manifest.job != job.as_str()) {
            continue;
        }
        wanted.push(Sought { place: Arc::clone(place), name: name.clone() });
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
