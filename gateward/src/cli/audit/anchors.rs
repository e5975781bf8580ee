//! `gateward audit anchors` and `gateward audit recover`: who outside has seen how much of the log, and what follows.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::access::{Access, block_on};
use crate::cli::{Context, YES, no};
use crate::flows::anchor;
use crate::server::anchors::{self, Ahead, Place};
use crate::server::boot;
use crate::store::{log, tree};

/// Lists how far each anchor is; 1 where one cannot be read, or has seen what the store has not.
pub(super) fn list(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let access = context.access()?;
    let (places, reader) = (places(&access), &access.door.store.reader);
    if places.is_empty() {
        eprintln!("gateward: [audit] anchor names no place: checkpoints are kept in the store alone");
    }
    let events = block_on(tree::edge(reader))??.size();
    let current = block_on(log::all(reader))??.pop().map(|log| log.origin);
    let seen = block_on(anchors::all_seen(&places, &access.door))?;
    let mut is_well = true;
    for (place, seen) in places.iter().zip(seen) {
        if !place.tells() {
            let json = json!({ "anchor": place.to_string(), "size": null, "lag": null, "trouble": null });
            context.print(out, &format!("{place}  is sent each, and tells nobody what it has"), &json)?;
            continue;
        }
        let (mut size, mut trouble) = (0, None);
        match seen {
            Err(error) => trouble = Some(error.to_string()),
            Ok(seen) => {
                for kept in seen {
                    let behind = block_on(anchor::behind(reader, &kept))??;
                    trouble = behind
                        .map(|behind| format!("the store is not what it has seen: {behind}"))
                        .or(trouble);
                    if current.as_deref() == Some(kept.origin()) {
                        size = kept.size();
                    }
                }
            }
        }
        is_well &= trouble.is_none();
        let lag = events.saturating_sub(size);
        let said = trouble.as_ref().map_or_else(String::new, |trouble| format!(": {trouble}"));
        let json = json!({ "anchor": place.to_string(), "size": size, "lag": lag, "trouble": trouble });
        context.print(out, &format!("{place}  {size} events, {lag} behind{said}"), &json)?;
    }
    Ok(if is_well { YES } else { no() })
}

/// Begins a new log where an anchor has seen more of the old one than the store has; one for each log that was lost.
pub(super) fn recover(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let access = context.access_to_change()?;
    let (places, mut is_done) = (places(&access), false);
    loop {
        let compared = block_on(anchors::compare(&places, &access.door))??;
        for (anchor, trouble) in compared.unread.iter().filter(|_| !is_done) {
            eprintln!("gateward: {anchor}: {trouble}; what it has seen is not named by the new log");
        }
        let Some(Ahead { anchor: place, kept, behind }) = compared.ahead else { break };
        is_done = true;
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
    }
    if !is_done {
        eprintln!("gateward: no anchor has seen more of the log than the store has: nothing was done");
        return Ok(no());
    }
    Ok(YES)
}

/// Compares the store with every anchor before anything is signed by hand, as a server does at its start; `false` where it is
/// behind one, and the reason is said.
pub(super) fn may_sign(access: &Access) -> anyhow::Result<bool> {
    let compared = block_on(anchors::compare(&places(access), &access.door))??;
    for (anchor, trouble) in compared.unread {
        eprintln!("gateward: {anchor}: {trouble}; whether the store is behind what it has seen is not known");
    }
    let Some(Ahead { anchor, behind, .. }) = compared.ahead else { return Ok(true) };
    eprintln!("gateward: nothing is signed: {}", boot::Error::Behind { anchor, behind });
    Ok(false)
}

fn places(access: &Access) -> Vec<Place> {
    Place::all(&access.config)
}
