//! `gateward backup`

mod hold;
mod list;
mod prune;
mod recorded;
mod words;
mod workshop;

use std::io::Write;
use std::process::ExitCode;

use super::Context;

/// Make backups that this machine cannot read, and see that they can be restored.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Backup {
    List(list::List),
    Hold(hold::Hold),
    Release(hold::Release),
    Prune(prune::Prune),
}

impl Backup {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(list) => list.run(context, out),
            Self::Hold(hold) => hold.run(context, out),
            Self::Release(release) => release.run(context, out),
            Self::Prune(prune) => prune.run(context, out),
        }
    }
}
