//! `gateward backup prune`

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;

use super::recorded::catch_up_or_say;
use super::workshop::Workshop;
use crate::base::backup::JobName;
use crate::cli::terminal::say;
use crate::cli::{Context, YES, no};
use crate::flows::backup::prune::Pruned;

/// Remove the backups whose time is over, as `keep` of each job says.
///
/// Every run does so anyway. The newest one stays whatever `keep` says, and so does what is held.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Prune {
    /// The jobs; all those in the configuration, if none is named.
    jobs: Vec<JobName>,
}

impl Prune {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let workshop = Workshop::open(context)?;
        let mut is_whole = true;
        for job in workshop.jobs_or_say(&self.jobs)? {
            let Some(_lock) = workshop.job.state.lock(&job.name)? else {
                bail!("{} is being run: its backups are pruned then", job.name);
            };
            for place in workshop.places(job)? {
                let pruned = workshop.job.prune(&job.name, place.as_ref(), job.keep())?;
                for removed in &pruned.removed {
                    let json = json!({ "job": job.name, "place": place.place(), "removed": removed });
                    context.print(out, &format!("{}  {removed}  removed", place.place()), &json)?;
                }
                say_doubts(&place.place(), &pruned);
                is_whole &= pruned.stopped.is_none();
            }
        }
        catch_up_or_say(context, &workshop.job.spool);
        Ok(if is_whole { YES } else { no() })
    }
}

/// Says what was left alone, and why it went no further.
pub(super) fn say_doubts(place: &str, pruned: &Pruned) {
    // Once a night, perhaps: a line, however many there are.
    match pruned.doubtful.as_slice() {
        [] => {}
        [(file, doubt)] => say(&format!("{place}: {file} counts for nothing: {doubt}")),
        [(file, doubt), others @ ..] => say(&format!(
            "{place}: {file} and {} more count for nothing ({doubt}): `gateward backup list` says why",
            others.len()
        )),
    }
    if let Some(error) = &pruned.stopped {
        say(&format!("older backups stay there: {error}"));
    }
}
