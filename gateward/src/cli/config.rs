//! `gateward config`

mod check;
mod show;

use std::io::Write;
use std::process::ExitCode;

use super::Context;
pub(super) use check::others;

/// Look at the configuration.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Config {
    /// Check the file and everything that it names; prints each finding.
    Check,
    /// Print every option with the value that is in force, as the file would have it.
    Show(show::Show),
}

impl Config {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check => check::run(context, out),
            Self::Show(show) => show.run(context, out),
        }
    }
}
