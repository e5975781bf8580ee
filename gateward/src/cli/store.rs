//! `gateward store`

mod copy;
mod ownership;
mod status;

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::access::{become_owner, block_on};
use super::{Context, YES, no};
use crate::store;

/// Look at the store, bring it up to date, or move it.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Store {
    /// Say what the store is and holds; the answer is no while this program cannot serve on it.
    Status,
    /// Bring the tables up to what this program needs.
    ///
    /// A server does so itself with a SQLite file. With a PostgreSQL database it never does: the tables'
    /// owner runs this once, and programs that the new tables still serve go on.
    Migrate,
    Copy(Box<copy::Copy>),
}

impl Store {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match self {
            Self::Status => status::run(context, out),
            Self::Migrate => migrate(context, out),
            Self::Copy(copy) => copy.run(context, out),
        }
    }
}

fn migrate(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let store = context.store()?;
    become_owner(&[&store])?;
    let before = match block_on(store::migrate(&store))? {
        Err(error @ store::Error::TooNew { .. }) => {
            eprintln!("gateward: {error}");
            return Ok(no());
        }
        before => before?,
    };
    let after = before.known.max(before.version);
    let said = if before.version == after {
        format!("{store}: nothing to do, its schema has version {after}")
    } else {
        format!("{store}: migrated from schema version {} to {after}", before.version)
    };
    let json = json!({ "store": store.to_string(), "from": before.version, "to": after });
    context.print(out, &said, &json)?;
    Ok(YES)
}
