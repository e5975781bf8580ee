//! `gateward node`

mod enroll;
mod list;
mod many;
mod replace;
mod wish;

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::access::block_on;
use super::{Context, YES, no};
use crate::base::identity::NodeName;
use crate::flows::nodes::{self, Error};

/// Look at machines that may come in, enroll and revoke them.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Node {
    Enroll(enroll::Enroll),
    List(list::List),
    Show(list::Show),
    Replace(replace::Replace),
    /// Let a machine in no more: its connections end within a second.
    ///
    /// The certificate stays out for good, also if a machine of this name is enrolled again. Grants by command that name
    /// it are revoked with it, and what it created is nobody's own any more.
    Revoke {
        /// The machine.
        name: NodeName,
    },
}

impl Node {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match self {
            Self::Enroll(enroll) => enroll.run(context, out),
            Self::List(list) => list.run(context, out),
            Self::Show(show) => show.run(context, out),
            Self::Replace(replace) => replace.run(context, out),
            Self::Revoke { name } => {
                let access = context.access_to_change()?;
                let revoked = match block_on(nodes::revoke(&access.door, name, &access.by, access.now))? {
                    Ok(revoked) => revoked,
                    Err(error) => return refused(vec![error]),
                };
                for grant in &revoked.grants {
                    let json = json!({ "node": name, "grant": grant, "result": "revoked" });
                    context.print(out, &format!("{grant}  revoked"), &json)?;
                }
                for grant in &revoked.grants_in_file {
                    eprintln!(
                        "gateward: the configuration file goes on granting to {name} ({grant}), and to whoever is \
                         enrolled under that name: take it out there"
                    );
                }
                context.print(out, &format!("{name} revoked"), &json!({ "node": name }))?;
                Ok(YES)
            }
        }
    }
}

/// Says each reason on a line of its own; what only could not be found out is another matter.
fn refused(errors: Vec<Error>) -> anyhow::Result<ExitCode> {
    for error in errors {
        match error {
            Error::Store(_) | Error::Commit(_) => return Err(error.into()),
            Error::Taken(_) | Error::Known { .. } | Error::NoSuchNode(_) | Error::Changed => {
                eprintln!("gateward: {error}");
            }
        }
    }
    Ok(no())
}
