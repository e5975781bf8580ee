//! `gateward user import`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::refused;
use crate::cli::access::{Access, block_on};
use crate::cli::files;
use crate::cli::terminal::shown;
use crate::cli::{Context, YES, no};
use crate::flows::users::{Foreign, NotImported, Origin, import, read_htdigest};

/// Make accounts of users elsewhere, who keep their passwords.
///
/// Everybody is imported, or nobody. They log in by HTTP Digest (MD5) in the realm of the configuration, which must be theirs, and have no role and no
/// grant yet.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    from: From,
    /// Leave this user out. Repeatable.
    #[arg(long, value_name = "NAME")]
    leave_out: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false, id = "from")]
struct From {
    /// From a file of Apache's htdigest: a line user:realm:MD5 for each; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    htdigest: Option<PathBuf>,
    /// From RESIF's database of logins that [exchange.resif] names: whoever is no temporary login.
    #[arg(long)]
    resif: bool,
}

impl Import {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        // Read by whoever runs us: a file of secrets is not the server's to read.
        let text = self.from.htdigest.as_deref().map(files::secret_lines).transpose()?;
        let access = context.access_to_change()?;
        let Access { door, by, now, .. } = &access;
        let (foreign, origin) = if let Some(text) = &text {
            (read_htdigest(door, text), Origin::Htdigest)
        } else {
            let resif = door.resif.as_ref();
            let resif =
                resif.context("the configuration names no databases of RESIF's: see [exchange.resif]")?;
            let users = block_on(resif.permanent())??.into_iter();
            let foreign = |(name, ha1): (String, _)| Foreign { at: format!("user {name:?}"), name, ha1 };
            (Ok(users.map(foreign).collect()), Origin::Resif)
        };
        let imported = match foreign {
            Ok(mut foreign) => {
                foreign.retain(|one| !self.leave_out.contains(&one.name));
                block_on(import(door, foreign, origin, by, *now))?
            }
            Err(error) => Err(error),
        };
        match imported {
            Ok(names) => {
                for name in &names {
                    let json = json!({ "user": name, "result": "imported", "digest": origin.as_str() });
                    context.print(out, &format!("{name} imported"), &json)?;
                }
                Ok(YES)
            }
            Err(NotImported::Users(error)) => refused(error),
            Err(error @ (NotImported::TooMany(_) | NotImported::Nobody)) => {
                eprintln!("gateward: {error}");
                Ok(no())
            }
            Err(NotImported::Wrong(wrong)) => {
                for (at, why) in &wrong {
                    eprintln!("gateward: {}: {}", shown(at), shown(&why.to_string()));
                }
                eprintln!("gateward: {}", NotImported::Wrong(wrong));
                Ok(no())
            }
        }
    }
}
