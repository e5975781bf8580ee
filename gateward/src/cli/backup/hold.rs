//! `gateward backup hold` and `release`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::recorded::catch_up_or_say;
use super::sought::look_for;
use super::workshop::Workshop;
use crate::base::backup::FileName;
use crate::cli::terminal::{say, shown};
use crate::cli::{Context, YES};
use crate::flows::backup::target::{Error, Target};
use crate::flows::record::BackupWhat;

/// Keep one backup, whatever its age.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Hold {
    /// Its file name.
    backup: FileName,
}

/// Keep a backup no longer than others.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Release {
    /// Its file name.
    backup: FileName,
}

impl Hold {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        everywhere(context, &self.backup, true, out, |workshop, place| {
            match place.put(&self.backup.hold(), b"Kept until `gateward backup release`.\n") {
                Ok(()) => {
                    let (file, place) = (self.backup.to_string(), place.place());
                    workshop.job.note(BackupWhat::BackupHeld { file, place })?;
                }
                Err(Error::Exists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(())
        })
    }
}

impl Release {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        everywhere(context, &self.backup, false, out, |workshop, place| {
            place.remove(&self.backup.hold())?;
            let (file, place) = (self.backup.to_string(), place.place());
            workshop.job.note(BackupWhat::BackupReleased { file, place })?;
            Ok(())
        })
    }
}

/// Does it in each place that has the backup, and says so.
fn everywhere(
    context: &Context,
    backup: &FileName,
    is_held: bool,
    out: &mut impl Write,
    act: impl Fn(&Workshop, &dyn Target) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let workshop = Workshop::open(context)?;
    let (found, unseen) = look_for(backup, &workshop.config)?;
    for sought in &found {
        act(&workshop, &*sought.place)?;
        let place = sought.place.place();
        let text =
            format!("{place}: {backup} is kept{}", if is_held { "" } else { " no longer than others" });
        context.print(out, &text, &json!({ "file": backup, "place": place, "held": is_held }))?;
    }
    for error in &unseen {
        say(&shown(&error.to_string()));
    }
    catch_up_or_say(context, &workshop.job.spool);
    // It may lie where nobody could look.
    Ok(if unseen.is_empty() { YES } else { ExitCode::from(2) })
}
