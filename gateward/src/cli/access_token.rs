//! `gateward access-token`

mod activate;
mod batch;
mod certificate;
mod create;
mod csv;
mod existing;
mod inspect;
mod letters;
mod list;
mod renew;
mod revoke;
mod sight;
mod telling;
mod wish;
mod words;
mod workshop;

use std::io::Write;
use std::process::ExitCode;

use super::Context;

/// Make access tokens (.dcor-access files), see who has which, and end them.
#[derive(Debug, clap::Subcommand)]
pub(super) enum AccessToken {
    Create(Box<create::Create>),
    Activate(activate::Activate),
    Inspect(inspect::Inspect),
    List(list::List),
    Show(list::Show),
    Revoke(revoke::Revoke),
    Renew(Box<renew::Renew>),
    Existing(existing::Existing),
    Letters(letters::Letters),
}

impl AccessToken {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(create) => create.run(context, out),
            Self::Activate(activate) => activate.run(context, out),
            Self::Inspect(inspect) => inspect.run(context, out),
            Self::List(list) => list.run(context, out),
            Self::Show(show) => show.run(context, out),
            Self::Revoke(revoke) => revoke.run(context, out),
            Self::Renew(renew) => renew.run(context, out),
            Self::Existing(existing) => existing.run(context, out),
            Self::Letters(letters) => letters.run(context, out),
        }
    }
}
