//! `gateward user password`, and where new passwords come from.

use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};

use super::{refused, said};
use crate::base::identity::UserName;
use crate::base::secret::Secret;
use crate::cli::access::{Access, block_on};
use crate::cli::files::{self, Readable};
use crate::cli::terminal::Terminal;
use crate::cli::{Context, no};
use crate::flows::passwords::{NewPassword, Unfit};
use crate::flows::users;

/// Give an account another password.
///
/// It is asked for twice on a terminal, or read from standard input. Whoever was let in by the old one is not any more,
/// browsers included; API tokens stay (`gateward user end` ends them).
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Password {
    /// The user's name.
    name: UserName,
    #[command(flatten)]
    from: From,
}

/// Where a new password comes from.
#[derive(Debug, clap::Args)]
pub(super) struct From {
    /// Make one that nobody guesses; it is shown once on the terminal, or written to --out.
    #[arg(long)]
    pub generate: bool,
    /// Let it be used by HTTP Digest, too, which needs more than its hash to be kept: such a password is always made.
    #[arg(long)]
    pub digest: bool,
    /// Read it from this file, or from standard input where it is `-`: the first line.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["generate", "digest"])]
    pub password_file: Option<PathBuf>,
    /// Write the one that is made to this file, which only its owner can read, as user:password.
    #[arg(long, value_name = "FILE", conflicts_with = "password_file")]
    pub out: Option<PathBuf>,
}

/// A password, and what is still to be done about it.
pub(super) struct Given<'a> {
    pub password: NewPassword,
    tell: Tell<'a>,
}

enum Tell<'a> {
    /// Whoever gave it knows it.
    Nobody,
    Terminal(Terminal),
    /// It stands there.
    File(&'a Path),
}

impl From {
    fn is_made(&self) -> bool {
        self.generate || self.digest || self.out.is_some()
    }

    /// Opens the door; a file is made by whoever runs us.
    pub fn access(&self, context: &Context) -> anyhow::Result<Access> {
        if self.out.is_some() { context.access_to_change_as_we_are() } else { context.access_to_change() }
    }

    /// Makes or asks for a password of `name`. One that is made is on the disk before it counts.
    pub fn take(&self, access: &Access, name: &UserName) -> anyhow::Result<Result<Given<'_>, Unfit>> {
        if self.is_made() {
            let password = NewPassword::generate(&access.door.random);
            let tell = match &self.out {
                Some(path) => {
                    let line = Secret::new(format!("{name}:{}\n", password.secret().expose()));
                    files::create(path, line.expose(), Readable::ByOwner)?;
                    Tell::File(path)
                }
                None => Tell::Terminal(Terminal::open().ok_or_else(|| {
                    anyhow!("there is no terminal, and a password is shown there alone: run this on one, or give --out FILE")
                })?),
            };
            return Ok(Ok(Given { password, tell }));
        }
        let typed = self.typed()?;
        let chosen = NewPassword::choose(name.as_str(), &typed);
        Ok(chosen.map(|password| Given { password, tell: Tell::Nobody }))
    }

    fn typed(&self) -> anyhow::Result<Secret> {
        if let Some(path) = &self.password_file {
            return first_line(&files::secret(path)?);
        }
        if !std::io::stdin().is_terminal() {
            return first_line(&files::secret(Path::new("-"))?);
        }
        let terminal = Terminal::open().context("there is no terminal")?;
        let typed = terminal.secret("New password: ")?;
        if typed.expose() != terminal.secret("The same again: ")?.expose() {
            bail!("these are two different passwords: nothing was changed");
        }
        Ok(typed)
    }
}

/// Takes the one line that a password is; what comes after it would be another one, or a mistake.
fn first_line(text: &Secret) -> anyhow::Result<Secret> {
    let mut lines = text.expose().lines();
    match (lines.next(), lines.next()) {
        (Some(line), None) => Ok(Secret::new(line.to_owned())),
        (None, _) => bail!("there is no password on standard input, or in the file"),
        (Some(_), Some(_)) => bail!("a password is one line, and there are several"),
    }
}

impl Given<'_> {
    /// Tells the password, now that it counts.
    pub fn tell(self, name: &UserName) -> anyhow::Result<()> {
        match self.tell {
            Tell::Nobody => Ok(()),
            Tell::Terminal(terminal) => {
                let password = self.password.secret().expose();
                terminal.show(&format!("\n    user      {name}\n    password  {password}   (shown once)\n\n"))
            }
            Tell::File(path) => {
                eprintln!("gateward: the password is in {}", path.display());
                Ok(())
            }
        }
    }

    /// Takes a file back in which a password stands that never counted.
    pub fn never_counted(&self) {
        if let Tell::File(path) = self.tell
            && let Err(error) = std::fs::remove_file(path)
        {
            eprintln!("gateward: {} holds a password that opens nothing: {error}", path.display());
        }
    }
}

/// Says why somebody may not have the password that they chose.
pub(super) fn unfit(why: Unfit) -> ExitCode {
    eprintln!("gateward: {why}");
    no()
}

impl Password {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let Self { name, from } = self;
        let access = from.access(context)?;
        let (door, by, now) = (&access.door, &access.by, access.now);
        if let Err(error) = block_on(users::found(door, name))? {
            return refused(error);
        }
        let given = match from.take(&access, name)? {
            Ok(given) => given,
            Err(why) => return Ok(unfit(why)),
        };
        let digest = from.digest.then(|| users::generated(door, name, &given.password, now)).transpose();
        let hash = door.passwords.cost().hash(given.password.secret(), &door.random);
        let set = match digest {
            Ok(digest) => block_on(users::set_password(door, name, hash, digest, by, now))?,
            Err(error) => Err(error),
        };
        if set.is_err() {
            given.never_counted();
            return said(context, out, set, name, "has another password");
        }
        given.tell(name)?;
        said(context, out, set, name, "has another password")
    }
}
