//! `gateward backup`

mod drill;
mod hold;
mod list;
mod named;
mod opening;
mod progress;
mod prune;
mod recipient;
mod recorded;
mod restore;
mod run;
mod signer;
mod sought;
mod status;
mod verify;
mod wish;
mod words;
mod workshop;

use std::io::Write;
use std::process::ExitCode;

use super::Context;

/// Make backups that this machine cannot read, and see that they can be restored.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Backup {
    Run(Box<run::Run>),
    List(list::List),
    Status(status::Status),
    Hold(hold::Hold),
    Release(hold::Release),
    Prune(prune::Prune),
    /// Look at the keys that backups are sealed to, and change them.
    #[command(subcommand)]
    Recipient(recipient::Recipient),
    Signer(signer::Signer),
    Verify(Box<verify::Verify>),
    Restore(restore::Restore),
    Drill(drill::Drill),
}

impl Backup {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match self {
            Self::Run(run) => run.run(context, out),
            Self::Status(status) => status.run(context, out),
            Self::List(list) => list.run(context, out),
            Self::Hold(hold) => hold.run(context, out),
            Self::Release(release) => release.run(context, out),
            Self::Prune(prune) => prune.run(context, out),
            Self::Recipient(recipient) => recipient.run(context, out),
            Self::Signer(signer) => signer.run(context, out),
            Self::Verify(verify) => verify.run(context, out),
            Self::Restore(restore) => restore.run(context, out),
            Self::Drill(drill) => drill.run(context, out),
        }
    }
}
