//! `gateward backup run`

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use super::progress::Shown;
use super::recorded::catch_up_or_say;
use super::wish::Wish;
use super::words;
use super::workshop::Workshop;
use crate::base::backup::JobName;
use crate::cli::access::become_owner_of;
use crate::cli::terminal::say;
use crate::cli::{Context, YES, no};
use crate::config::Backup;
use crate::flows::backup::make::Progress;
use crate::server::backup::alarm;
use crate::server::backup::job::{self, Error, Ran};
use crate::server::backup::programs::Programs;
use crate::server::backup::ready::{Around, ready};

/// Make a backup: of some jobs, of all of them, or of what the flags say.
///
/// What goes out is encrypted as it flows; nothing readable touches the disk. Exit status 1: at least one job
/// has no new backup in all of its places.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Run {
    /// The jobs; all those in the configuration, if none is named.
    jobs: Vec<JobName>,
    #[command(flatten)]
    wish: Wish,
}

impl Run {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let workshop = Workshop::open(context).inspect_err(|error| self.raise_alarms(context, error))?;
        let wished = self.wish.job(&workshop)?;
        let jobs = match &wished {
            Some(job) => vec![job],
            None => workshop.jobs(&self.jobs)?,
        };
        if jobs.is_empty() {
            anyhow::bail!(
                "there is no job: [[backup]] in the configuration is one, or say by flags what to back up \
                 (`gateward backup run --help`)"
            );
        }
        let mut unheard = None;
        let mut all_good = true;
        for job in jobs {
            let (is_good, print) = run(context, &workshop, job);
            all_good &= is_good;
            // Whoever reads our output may have gone; the other jobs are run all the same.
            if unheard.is_none() {
                unheard = context.print(out, &print.text, &print.json).err();
            }
        }
        // Last: the record may have to wait, and the backups do not.
        catch_up_or_say(context, &workshop.job.spool);
        match unheard {
            Some(error) => Err(error.into()),
            None => Ok(if all_good { YES } else { no() }),
        }
    }

    /// No job at all can be run: whoever is to be told of a failure of one of these is told.
    fn raise_alarms(&self, context: &Context, error: &anyhow::Error) {
        // What cannot be read names nobody; and what root could not give up is not handed on to a command.
        let Ok(config) = context.config() else { return };
        if self.wish.is_said() || become_owner_of(&config.backup_state).is_err() {
            return;
        }
        for job in config.backup.iter().filter(|job| self.jobs.is_empty() || self.jobs.contains(&job.name)) {
            tell(job, &format!("{error:#}"));
        }
    }
}

/// Tells whoever is to be told of a failure, or says that they were not.
fn tell(job: &Backup, why: &str) {
    if let Err(unheard) = alarm::raise(&job.on_failure, &job.name, why) {
        say(&unheard);
    }
}

/// What is printed of one job.
struct Printed {
    text: String,
    json: serde_json::Value,
}

/// Runs one job; tells whether all is as it should be, and what is to be printed.
fn run(context: &Context, workshop: &Workshop, job: &Backup) -> (bool, Printed) {
    let progress = Arc::new(Progress::default());
    let shown = Shown::begin(job.name.to_string(), Arc::clone(&progress));
    let job::Workshop { clock, random, .. } = &workshop.job;
    let programs = Programs::find(None, |name| std::env::var_os(name));
    let around =
        Around { config: &workshop.config, file: &context.config, programs: &programs, clock, random };
    let ran = workshop.job.run(&job.name, |now| ready(job, &around, now), &progress);
    drop(shown);
    let ran = match ran {
        Ok(ran) => ran,
        // The other jobs are run all the same.
        Err(error) => {
            match &error {
                Error::Busy(_) => say(&error.to_string()),
                Error::State { .. } => say(&format!("{}: {error}", job.name)),
            }
            tell(job, &error.to_string());
            let json = json!({ "job": job.name, "result": "failed", "failures": [error.to_string()] });
            return (false, Printed { text: format!("{}  failed", job.name), json });
        }
    };
    for failure in &ran.failures {
        say(&format!("{}: {failure}", job.name));
    }
    // What cannot be read stopped the run, which has said so.
    for warning in workshop.recipients_standing(job).map(|(_, warnings)| warnings).unwrap_or_default() {
        say(&format!("warning: {}: {warning}", job.name));
    }
    let is_whole = ran.failures.is_empty() && ran.made.is_some();
    if !is_whole {
        tell(job, &ran.failures.join("; "));
    }
    if let Some(killed) = &ran.found_killed {
        let why = format!("the run before was killed, which was to make {killed}");
        say(&format!("{}: {why}", job.name));
        tell(job, &why);
    }
    for (place, pruned) in &ran.pruned {
        super::prune::say_doubts(place, pruned);
    }
    (is_whole, printed(job, &ran))
}

fn printed(job: &Backup, ran: &Ran) -> Printed {
    let removed: Vec<String> =
        ran.pruned.iter().flat_map(|(_, pruned)| &pruned.removed).map(ToString::to_string).collect();
    let Some(made) = &ran.made else {
        let json = json!({ "job": job.name, "result": "failed", "failures": ran.failures });
        return Printed { text: format!("{}  failed", job.name), json };
    };
    let manifest = &made.manifest;
    let took = manifest.finished_at.duration_since(manifest.started_at);
    let mut text = format!(
        "{}  {}  {} in {}  {}",
        job.name,
        manifest.backup,
        words::bytes(manifest.file.bytes),
        words::time(took),
        made.places.join(", ")
    );
    if !removed.is_empty() {
        text = format!("{text}; removed {}", removed.len());
    }
    let json = json!({
        "job": job.name,
        "result": if ran.failures.is_empty() { "made" } else { "made in part" },
        "file": manifest.backup,
        "places": made.places,
        "bytes": manifest.file.bytes,
        "stream_bytes": manifest.stream.bytes,
        "sha256": manifest.file.sha256,
        "duration_ms": i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
        "removed": removed,
        "failures": ran.failures,
    });
    Printed { text, json }
}
