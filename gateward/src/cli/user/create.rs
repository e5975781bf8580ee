//! `gateward user create`

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;

use super::password::{From, unfit};
use super::{refused, said};
use crate::base::identity::UserName;
use crate::base::name::ServiceName;
use crate::cli::Context;
use crate::cli::access::{Access, block_on};
use crate::flows::users::{self, HeldRole, NewUser, Role};

/// Make an account.
///
/// Its password is asked for twice on a terminal, or read from standard input. What the account may reach, grants
/// say (`gateward grant create --user`).
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Create {
    /// The user's name, as they log in with.
    name: UserName,
    /// What they may do at the listener for operators: admin, operator or auditor; nothing unless given.
    #[arg(long)]
    role: Option<Role>,
    /// The one service that the role is for.
    #[arg(long, requires = "role", value_name = "SERVICE")]
    role_service: Option<ServiceName>,
    /// Without a password: for somebody who comes by API tokens alone.
    #[arg(long, conflicts_with_all = ["generate", "digest", "password_file", "out"])]
    no_password: bool,
    #[command(flatten)]
    from: From,
}

impl Create {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let name = match users::check_name(self.name.as_str()) {
            Ok(name) => name,
            Err(error) => return refused(error),
        };
        let access = self.from.access(context)?;
        let Access { config, door, by, now } = &access;
        if let Some(service) = &self.role_service
            && config.service.iter().all(|one| one.name() != *service)
        {
            bail!("there is no service {service} in the configuration");
        }
        // Before a password is asked for.
        if block_on(users::found(door, &name))?.is_ok() {
            return refused(users::Error::NameTaken(name));
        }
        let role = self.role.map(|role| HeldRole { role, service: self.role_service.clone() });
        let new = NewUser { name: name.clone(), password_hash: None, role, digest: None };
        if self.no_password {
            let made = block_on(users::create(&door.recorder, new, by, *now))?;
            return said(context, out, made, &name, "made");
        }
        let given = match self.from.take(&access, &name)? {
            Ok(given) => given,
            Err(why) => return Ok(unfit(why)),
        };
        let digest = self.from.digest.then(|| users::generated(door, &name, &given.password, *now));
        let password_hash = Some(door.passwords.cost().hash(given.password.secret(), &door.random));
        let made = match digest.transpose() {
            Ok(digest) => {
                let new = NewUser { password_hash, digest, ..new };
                block_on(users::create(&door.recorder, new, by, *now))?
            }
            Err(error) => Err(error),
        };
        match made {
            Ok(()) => given.tell(&name)?,
            Err(_) => given.never_counted(),
        }
        said(context, out, made, &name, "made")
    }
}
