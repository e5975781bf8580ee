//! `gateward backup status`

use std::io::Write;
use std::process::ExitCode;

use jiff::SignedDuration;
use serde_json::json;

use super::words;
use super::workshop::Workshop;
use crate::base::backup::JobName;
use crate::base::time::later;
use crate::cli::{Context, YES, no};
use crate::config::Backup;
use crate::server::backup::state::Standing;

/// Say how each job stands, for monitoring.
///
/// Exit status 1: one is overdue, its last run failed or was killed, or one of its recipients can be used no more.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Status {
    /// The jobs; all those in the configuration, if none is named.
    jobs: Vec<JobName>,
}

impl Status {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let workshop = Workshop::open(context)?;
        let mut all_good = true;
        for job in workshop.jobs_or_say(&self.jobs)? {
            all_good &= show(context, &workshop, job, out)?;
        }
        Ok(if all_good { YES } else { no() })
    }
}

fn show(context: &Context, workshop: &Workshop, job: &Backup, out: &mut impl Write) -> anyhow::Result<bool> {
    let standing = workshop.job.state.read(&job.name)?;
    // Whoever runs it holds its lock; a run that was begun and holds none was killed.
    let is_running = workshop.job.state.is_running(&job.name)?;
    let mut troubles = troubles(workshop, job, &standing, is_running);
    let (unusable, warnings) = workshop.recipients_standing(job)?;
    troubles.extend(unusable);
    let last = match &standing.last_success {
        Some(success) => format!("last good one {:.0}", success.at),
        None => "no good one yet".into(),
    };
    let mut text = format!("{}  {}  {last}", job.name, if troubles.is_empty() { "good" } else { "FAILING" });
    if is_running {
        text.push_str("; running now");
    }
    for said in troubles.iter().chain(&warnings) {
        text = format!("{text}; {said}");
    }
    let success = standing.last_success.as_ref();
    let json = json!({
        "job": job.name,
        "good": troubles.is_empty(),
        "last_success": success.map(|success| success.at),
        "last_success_unix": success.map(|success| success.at.as_second()),
        "last_file": success.map(|success| &success.file),
        "last_failure": standing.last_failure.as_ref().map(|failure| failure.at),
        "running": is_running,
        "troubles": troubles,
        "warnings": warnings,
    });
    context.print(out, &text, &json)?;
    Ok(troubles.is_empty())
}

fn troubles(workshop: &Workshop, job: &Backup, standing: &Standing, is_running: bool) -> Vec<String> {
    let now = workshop.job.now();
    let mut troubles = Vec::new();
    match &standing.last_success {
        Some(success) => {
            let due = later(success.at, SignedDuration::from_hours(job.overdue_after_hours().into()));
            if due < now {
                let late = words::time(now.duration_since(due));
                troubles.push(format!("overdue for {late}"));
            }
            if success.at > later(now, SignedDuration::from_mins(5)) {
                troubles.push("the last good one lies in the future: look at the clock".into());
            }
        }
        None => troubles.push("overdue: it was never made".into()),
    }
    if let Some(failure) = &standing.last_failure
        && standing.last_success.as_ref().is_none_or(|success| success.at < failure.at)
    {
        troubles.push(format!("failed at {:.0}: {}", failure.at, failure.why));
    }
    if let Some(begun) = &standing.begun
        && !is_running
    {
        troubles.push(format!("the run that was begun at {:.0} was killed", begun.at));
    }
    troubles
}
