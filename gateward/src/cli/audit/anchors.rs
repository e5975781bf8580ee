//! `gateward audit anchors` and `gateward audit recover`: who outside has seen how much of the log, and what follows.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::access::block_on;
use crate::cli::{Context, YES, no};
use crate::config::Anchor;
use crate::flows::anchor;
use crate::server::anchors;
use crate::store::tree;

/// Lists how far each anchor is.
pub(super) fn list(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let access = context.access()?;
    let reader = &access.door.store.reader;
    let events = block_on(tree::edge(reader))??.size();
    for place in &access.config.audit.anchor {
        let Anchor::File(path) = place;
        let (size, said) = match anchors::newest(path, &access.door.keyring) {
            Ok(Some(kept)) => (kept.size(), format!("{} events of {}", kept.size(), kept.origin())),
            Ok(None) => (0, "no checkpoint of ours".to_owned()),
            Err(error) => (0, format!("cannot be read: {error}")),
        };
        let place = place.to_string();
        let lag = events.saturating_sub(size);
        let json = json!({ "anchor": place, "size": size, "lag": lag });
        context.print(out, &format!("{place}  {said}, {lag} behind"), &json)?;
    }
    Ok(YES)
}

/// Begins a new log where an anchor has seen more of the old one than the store has.
pub(super) fn recover(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let access = context.access_to_change()?;
    let Some((place, kept, behind)) = block_on(anchors::ahead(&access.config, &access.door))?? else {
        eprintln!("gateward: no anchor has seen more of the log than the store has: nothing was done");
        return Ok(no());
    };
    let log = block_on(anchor::recover(&access.door, &kept, &access.by, access.now))??;
    let said = format!(
        "{place}: {behind}. A new log goes on from {} events: {}. Its key is another one: gateward audit key",
        log.took_over, log.origin
    );
    let json = json!({
        "origin": log.origin, "took_over": log.took_over, "old_origin": kept.origin(), "old_size": kept.size(),
        "old_root": kept.root().to_string(),
    });
    context.print(out, &said, &json)?;
    Ok(YES)
}
