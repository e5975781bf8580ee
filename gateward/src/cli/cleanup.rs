//! `gateward cleanup`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::access::{Access, block_on};
use super::{Context, YES, no};
use crate::base::id::LoginName;
use crate::flows::access_token::{self, Left};
use crate::flows::clean_up::clean_up;
use crate::flows::placement::{Pending, find_orphans, sweep, take_orphans};
use crate::server::backup::spool::{Spool, catch_up};
use crate::server::boot;
use crate::store::resif::Orphans;

/// End what is over: expired logins, here and in RESIF's databases, and access tokens, with their keys in
/// CKAN; and record what commands about backups could not record themselves. A server does so anyway, within
/// two minutes.
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
        let spool = Spool::of(&access.config.backup_state);
        // A record that has to wait keeps nothing from ending.
        let recorded = block_on(catch_up(door, &spool, *now))?;
        let whole = sweep_access_tokens(context, out, &access)?;
        if self.orphans {
            let taken = block_on(take_orphans(door, by, *now))??;
            list(context, out, taken.as_ref(), "deleted")?;
        }
        recorded?;
        Ok(if whole { YES } else { no() })
    }
}

/// Ends the access tokens that are due; tells whether nothing is left of them.
fn sweep_access_tokens(context: &Context, out: &mut impl Write, access: &Access) -> anyhow::Result<bool> {
    let Access { config, door, by, now } = access;
    if config.access_token.is_none() && config.ckan.is_none() {
        return Ok(true);
    }
    let ckan = boot::ckan(config, None, &door.random)?;
    let swept = block_on(access_token::sweep(door, ckan.as_ref(), Some(by), *now))??;
    let json = json!({ "access_tokens_ended": swept.ended });
    context.print(out, &format!("access tokens ended: {}", swept.ended), &json)?;
    for Left { id, why } in &swept.left {
        let json = json!({ "access_token": id, "result": "ending", "why": why.to_string() });
        context.print(out, &format!("{id}  its key may still be good: {why}"), &json)?;
    }
    for file in &swept.worthless {
        let json = json!({ "file": file, "result": "worthless" });
        context.print(
            out,
            &format!("{file}  was never finished; if it is there, it opens nothing"),
            &json,
        )?;
    }
    Ok(swept.left.is_empty())
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
