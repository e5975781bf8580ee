//! `gateward backup recipient`

mod import;
mod list;
mod remove;

use std::io::Write;
use std::process::ExitCode;

use openpgp::Fingerprint;

use crate::base::backup::JobName;
use crate::cli::Context;
use crate::config::Config;
use crate::server::backup::recipients::RecipientFolder;

/// Look at the keys that backups are sealed to, and change them.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Recipient {
    Import(import::Import),
    /// List the keys: whose, until when, and which jobs name them.
    ///
    /// The answer is no while one needs care.
    List,
    Remove(remove::Remove),
}

impl Recipient {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match self {
            Self::Import(import) => import.run(context, out),
            Self::List => list::run(context, out),
            Self::Remove(remove) => remove.run(context, out),
        }
    }
}

fn folder(config: &Config) -> RecipientFolder {
    RecipientFolder::below(&config.backup_state)
}

/// The jobs that there are, each with the keys that it names.
fn jobs(config: &Config) -> Vec<(JobName, Vec<Fingerprint>)> {
    let keys = |job: &crate::config::Backup| job.recipients.iter().map(|key| key.0).collect();
    config.backup.iter().map(|job| (job.name.clone(), keys(job))).collect()
}
