//! `gateward backup list`

use std::io::Write;
use std::process::ExitCode;

use backup_manifest::{Drill, RecipientKey};
use serde_json::json;

use super::sought::places_of;
use super::words;
use super::workshop::Workshop;
use crate::base::backup::JobName;
use crate::cli::terminal::{say, shown};
use crate::cli::{Context, YES};
use crate::flows::backup::shelf::{Believed, Lies, Shelved, look_through};

/// List the backups that there are, those of all places together.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    /// Only those of these jobs.
    jobs: Vec<JobName>,
}

impl List {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let workshop = Workshop::open(context)?;
        workshop.jobs_or_say(&self.jobs)?;
        let all = places_of(&workshop.config, &self.jobs)?;
        let ours = workshop.job.keyring.manifest_verifiers();
        let elsewhere: Vec<_> = workshop.config.drill_signers.iter().map(|key| key.0.clone()).collect();
        let shelves = look_through(&all, Believed { of_all: &ours, of_drills: &elsewhere });
        for backup in shelves.backups {
            let job = backup.good().map(|(_, manifest)| manifest.job.as_str());
            // What nobody can say the job of is shown with any.
            let is_asked = job.is_none_or(|job| {
                self.jobs.is_empty() || self.jobs.iter().any(|asked| asked.as_str() == job)
            });
            if is_asked {
                print(context, &backup, out)?;
            }
        }
        for error in &shelves.unseen {
            say(&error.to_string());
        }
        // Who cannot look everywhere cannot say what there is.
        Ok(if shelves.unseen.is_empty() { YES } else { ExitCode::from(2) })
    }
}

fn print(context: &Context, backup: &Shelved, out: &mut impl Write) -> anyhow::Result<()> {
    let Shelved { name, copies, is_held, drill, doubted_drills } = backup;
    let manifest = backup.good().map(|(_, manifest)| manifest);
    let bytes = backup.good().map(|(lies, _)| lies).or(copies.first()).map(|lies| lies.bytes);
    let places: Vec<_> = copies.iter().map(in_words).collect();
    let mut text =
        shown(&format!("{name}  {}  {}", words::bytes(bytes.unwrap_or_default()), places.join(", ")));
    if *is_held {
        text.push_str("  held");
    }
    if let Some(drill) = drill {
        let came_out = if is_good(drill) { "drill good" } else { "DRILL FAILED" };
        text = format!("{text}  {came_out} at {:.0}", drill.at);
    }
    for doubt in doubted_drills {
        text = shown(&format!("{text}  {doubt}"));
    }
    let json = json!({
        "file": name,
        "bytes": bytes,
        "places": copies.iter().map(|lies| &lies.place).collect::<Vec<_>>(),
        "doubts": copies.iter().filter_map(in_doubt).collect::<Vec<_>>(),
        "held": is_held,
        "job": manifest.map(|manifest| &manifest.job),
        "started_at": manifest.map(|manifest| manifest.started_at),
        "recipients": manifest.map(|manifest| manifest.recipients.iter().map(as_people_read_it).collect::<Vec<_>>()),
        // Where it is good nowhere.
        "doubt": copies.iter().find_map(in_doubt).filter(|_| manifest.is_none()).map(|doubt| doubt["why"].clone()),
        "drilled_at": drill.as_ref().map(|drill| drill.at),
        "drill_good": drill.as_ref().map(is_good),
        "drill_host": drill.as_ref().map(|drill| &drill.host),
        "doubted_drills": doubted_drills.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    Ok(context.print(out, &text, &json)?)
}

/// Fingerprints as every command prints them.
fn as_people_read_it(key: &RecipientKey) -> serde_json::Value {
    json!({ "fingerprint": key.fingerprint.to_uppercase(), "opens_with": key.opens_with.to_uppercase() })
}

/// A place, with what speaks against the backup there.
fn in_words(lies: &Lies) -> String {
    match &lies.manifest {
        Ok(_) => lies.place.clone(),
        Err(doubt) => format!("{} ({doubt})", lies.place),
    }
}

fn in_doubt(lies: &Lies) -> Option<serde_json::Value> {
    let doubt = lies.manifest.as_ref().err()?;
    Some(json!({ "place": lies.place, "why": doubt.to_string() }))
}

fn is_good(drill: &Drill) -> bool {
    matches!(drill.outcome, backup_manifest::Outcome::Good)
}
