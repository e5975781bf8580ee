//! `gateward cleanup`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::access::{Access, block_on};
use super::{Context, YES};
use crate::base::id::LoginName;
use crate::flows::clean_up::clean_up;
use crate::flows::placement::{Pending, find_orphans, sweep, take_orphans};
use crate::store::resif::Orphans;

/// Delete expired logins now, here and in RESIF's databases; a server does so anyway, within two minutes.
#[derive(Debug, clap::Args)]
pub(super) struct Cleanup {
    /// Delete also what earlier software left in RESIF's databases: logins without hash or privileges,
    /// and privileges without login.
    #[arg(long)]
    orphans: bool,
    /// Only list what would be deleted.
    #[arg(long, requires = "orphans")]
    dry_run: bool,
}

impl Cleanup {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        if self.dry_run {
            let access = context.access()?;
            let found = block_on(find_orphans(&access.door))??;
            return list(context, out, found.as_ref(), "would be deleted");
        }
        let access = context.access_to_change()?;
        let Access { door, by, now, .. } = &access;
        let deleted = block_on(clean_up(door, Some(by), *now))??;
        let mut text = format!("expired logins deleted: {deleted}");
        let mut json = json!({ "deleted": deleted });
        if door.resif.is_none() {
            context.print(out, &text, &json)?;
        } else {
            let swept = block_on(sweep(door, Pending::All, Some(by), *now));
            if let Ok(Ok(swept)) = &swept {
                text = format!(
                    "{text}; in RESIF's databases: completed {}, taken away {}, expired of others {}",
                    swept.placed, swept.taken, swept.others
                );
                json["placed"] = swept.placed.into();
                json["taken_away"] = swept.taken.into();
                json["others_deleted"] = swept.others.into();
            }
            context.print(out, &text, &json)?;
            swept??;
        }
        if self.orphans {
            let taken = block_on(take_orphans(door, by, *now))??;
            return list(context, out, taken.as_ref(), "deleted");
        }
        Ok(YES)
    }
}

/// Lists what other programs left, a line each.
fn list(
    context: &Context,
    out: &mut impl Write,
    orphans: Option<&Orphans>,
    done: &str,
) -> anyhow::Result<ExitCode> {
    let Some(Orphans { ended, halves, nobodies }) = orphans else {
        anyhow::bail!("the configuration names no databases of RESIF's: see [exchange.resif]");
    };
    let mut print = |logins: &[LoginName], why: &str| -> std::io::Result<()> {
        for login in logins {
            let json = json!({ "login": login.as_str(), "why": why, "done": done });
            context.print(out, &format!("{login}  {why}: {done}"), &json)?;
        }
        Ok(())
    };
    print(ended, "has expired")?;
    print(halves, "has no hash or no privileges")?;
    print(nobodies, "has privileges and is no user")?;
    Ok(YES)
}
