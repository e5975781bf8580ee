//! `gateward access-token existing`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use crate::base::time::stored;
use crate::cli::access::block_on;
use crate::cli::terminal::{say, shown};
use crate::cli::{Context, YES};
use crate::store::existing_key;

/// List CKAN's own keys that are still in use, by pseudonyms: those that were shown to a service with
/// existing_keys = "pass".
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Existing;

impl Existing {
    #[expect(clippy::unused_self, reason = "as every command")]
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access()?;
        let rows = block_on(existing_key::all(&access.door.store.reader))??;
        for row in &rows {
            let text = format!(
                "{}  {:<12} first {:.0}  last {:.0}  from {}",
                row.pseudonym,
                shown(row.service.as_str()),
                row.first_seen_at,
                row.last_seen_at,
                shown(&row.last_address),
            );
            let json = json!({
                "pseudonym": row.pseudonym, "service": row.service, "first_seen_at": stored(row.first_seen_at),
                "last_seen_at": stored(row.last_seen_at), "last_address": row.last_address,
            });
            context.print(out, &text, &json)?;
        }
        if u32::try_from(rows.len()).is_ok_and(|rows| rows >= existing_key::LISTED) {
            say("the list is full: what was seen once makes room for new ones, and there may be more");
        }
        Ok(YES)
    }
}
