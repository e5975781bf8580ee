//! `gateward user`

mod create;
mod end;
mod import;
mod list;
mod password;

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::access::block_on;
use super::{Context, YES, no};
use crate::base::identity::UserName;
use crate::flows::users::{self, Error, LastAdmin};

/// Look at people with an account, make and change accounts, and end what people hold.
#[derive(Debug, clap::Subcommand)]
pub(super) enum User {
    /// List the accounts there are, in the order of their names.
    List,
    /// Show everything about one account but its secrets.
    Show {
        /// The user's name.
        name: UserName,
    },
    Create(create::Create),
    Password(password::Password),
    Import(import::Import),
    /// Disable an account within a second; nothing of it is lost.
    Disable {
        /// The user's name.
        name: UserName,
        /// Even if nobody is left who could log in as administrator.
        #[arg(long)]
        force: bool,
    },
    /// Make a disabled account good again.
    Enable {
        /// The user's name.
        name: UserName,
    },
    End(end::End),
    Delete(end::Delete),
}

impl User {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => list::list(context, out),
            Self::Show { name } => list::show(context, out, name),
            Self::Create(create) => create.run(context, out),
            Self::Password(password) => password.run(context, out),
            Self::Import(import) => import.run(context, out),
            Self::Disable { name, force } => {
                let access = context.access_to_change()?;
                let (by, now) = (&access.by, access.now);
                let done = block_on(users::disable(&access.door, name, last_admin(*force), by, now))?;
                said(context, out, done, name, "disabled")
            }
            Self::Enable { name } => {
                let access = context.access_to_change()?;
                let done = block_on(users::enable(&access.door, name, &access.by, access.now))?;
                said(context, out, done, name, "enabled")
            }
            Self::End(end) => end.run(context, out),
            Self::Delete(delete) => delete.run(context, out),
        }
    }
}

fn last_admin(force: bool) -> LastAdmin {
    if force { LastAdmin::MayGo } else { LastAdmin::Stays }
}

/// Says that something was done with an account, or why not.
fn said(
    context: &Context,
    out: &mut impl Write,
    done: Result<(), Error>,
    name: &UserName,
    what: &'static str,
) -> anyhow::Result<ExitCode> {
    match done {
        Ok(()) => {
            context.print(out, &format!("{name} {what}"), &json!({ "user": name, "result": what }))?;
            Ok(YES)
        }
        Err(error) => refused(error),
    }
}

/// Says why an account stays as it is: no, where that is the operator's to mend, and not found out otherwise.
fn refused(error: Error) -> anyhow::Result<ExitCode> {
    match error {
        Error::Store(_) | Error::Commit(_) => Err(error.into()),
        Error::NameTaken(_)
        | Error::NotAName(_)
        | Error::LikeALogin(_)
        | Error::NoSuchUser(_)
        | Error::AlreadyDisabled(_)
        | Error::NotDisabled(_)
        | Error::LastAdmin(_)
        | Error::DigestBySha256 => {
            eprintln!("gateward: {error}");
            Ok(no())
        }
    }
}
