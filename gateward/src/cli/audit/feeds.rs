//! `gateward audit feeds`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use crate::base::time::stored;
use crate::cli::access::block_on;
use crate::cli::{Context, YES, no};
use crate::server::system;
use crate::store::{event, feed};

/// Lists the places that events are or were sent to, and how far each of them has them; 1 where one fails that the
/// configuration names.
pub(super) fn run(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let access = context.access()?;
    let reader = &access.door.store.reader;
    let end = block_on(event::length(reader))??.map_or(0, |length| length.events);
    let named = context.config()?.audit.feed_names();
    let mut is_failing = false;
    let feeds = block_on(feed::all(reader))??;
    for name in named.iter().filter(|name| feeds.iter().all(|feed| feed.name != **name)) {
        is_failing = true;
        let line = format!("{name} not begun: no server has sent anything there with this configuration");
        let nothing = json!({ "feed": name, "configured": true, "position": null, "waiting": end });
        context.print(out, &line, &nothing)?;
    }
    for feed in feeds {
        let waiting = end.saturating_sub(feed.position);
        let oldest = block_on(event::from(reader, feed.position, 1))??.into_iter().next();
        let since = oldest.and_then(|oldest| oldest.recorded_at.parse::<jiff::Timestamp>().ok());
        let seconds = since.map_or(0, |since| system::wall_clock().duration_since(since).as_secs().max(0));
        let is_named = named.contains(&feed.name);
        is_failing |= is_named && feed.failing_since.is_some();
        let line = format!(
            "{} position={} waiting={waiting} behind={seconds}s{}{}{}",
            feed.name,
            feed.position,
            if is_named { "" } else { " (not in the configuration any more: nothing is sent there)" },
            match feed.refused {
                0 => String::new(),
                refused => format!(" refused={refused} (feed_refused events name them)"),
            },
            match (&feed.failing_since, &feed.last_error) {
                (Some(since), Some(error)) => format!(" failing since {}: {error}", stored(*since)),
                _ => String::new(),
            }
        );
        let json = json!({
            "feed": feed.name,
            "configured": is_named,
            "position": feed.position,
            "waiting": waiting,
            "behind_seconds": seconds,
            "refused": feed.refused,
            "updated_at": stored(feed.updated_at),
            "failing_since": feed.failing_since.map(stored),
            "last_error": feed.last_error,
        });
        context.print(out, &line, &json)?;
    }
    Ok(if is_failing { no() } else { YES })
}
