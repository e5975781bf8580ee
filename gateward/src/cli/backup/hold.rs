//! `gateward backup hold` and `release`

use std::io::Write;
use std::process::ExitCode;

use super::recorded::catch_up_or_say;
use super::workshop::Workshop;
use crate::base::backup::FileName;
use crate::cli::{Context, YES};
use crate::flows::backup::target::Error;
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
        let workshop = Workshop::open(context)?;
        for (_, place) in workshop.find(&self.backup)? {
            match place.put(&self.backup.hold(), b"Kept until `gateward backup release`.\n") {
                Ok(()) => {
                    let (file, place) = (self.backup.to_string(), place.place());
                    workshop.job.note(BackupWhat::BackupHeld { file, place })?;
                }
                Err(Error::Exists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            writeln!(out, "{}: {} is kept", place.place(), self.backup)?;
        }
        catch_up_or_say(context, &workshop.job.spool);
        Ok(YES)
    }
}

impl Release {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let workshop = Workshop::open(context)?;
        for (_, place) in workshop.find(&self.backup)? {
            place.remove(&self.backup.hold())?;
            let (file, at) = (self.backup.to_string(), place.place());
            workshop.job.note(BackupWhat::BackupReleased { file, place: at })?;
            writeln!(out, "{}: {} is kept no longer than others", place.place(), self.backup)?;
        }
        catch_up_or_say(context, &workshop.job.spool);
        Ok(YES)
    }
}
