//! The index that searches go by: how fast it is made, and how far behind it is.

use std::time::{Duration, Instant};

use crate::filled::Filled;
use crate::raw::Raw;
use crate::{Outcome, message, sending};

/// How long lies between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// How many messages others send, on how many connections.
const MESSAGES: usize = 20_000;
const CONNECTIONS: usize = 8;

/// The position of the next event.
const NEXT: &str = "SELECT coalesce(max(position), -1) + 1 FROM event";

/// How many events are not in the index yet.
const BEHIND: &str =
    "SELECT (SELECT coalesce(max(position), -1) + 1 FROM event) - (SELECT next_position FROM audit_index)";

/// Starts the server on a log that has no index yet, prints how fast it makes one, and how far behind that falls then.
pub async fn measure(filled: &Filled) -> Outcome<()> {
    let raw = filled.database.raw().await?;
    filled.installation.enroll()?;
    let serving = filled.installation.serve()?;
    let (begun, first) = (Instant::now(), raw.integer(BEHIND).await?);
    caught_up(&raw).await?;
    let seconds = begun.elapsed().as_secs_f64();
    println!("  the index of {first} events in {seconds:.1} s, events/s {:>9.0}", first as f64 / seconds);
    let memory = serving.memory("VmHWM")?;
    println!("    processor time of the server   {:>9.1} s, at most {memory:.0} MiB", serving.cpu()?);
    let terms = raw.integer("SELECT count(*) FROM audit_term").await?;
    println!("    terms for an event             {:>9.1}", terms as f64 / filled.events as f64);
    behind(filled, &raw).await
}

async fn caught_up(raw: &Raw) -> Outcome<()> {
    while raw.integer(BEHIND).await? > 0 {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Sends messages by syslog as fast as they are taken, and prints how far the index falls behind, and for how long.
async fn behind(filled: &Filled, raw: &Raw) -> Outcome<()> {
    let all = raw.integer(NEXT).await? + i64::try_from(MESSAGES)?;
    let certificates = &filled.installation.certificates;
    let connected = sending::connect(certificates, filled.syslog, CONNECTIONS).await?;
    let each = MESSAGES / CONNECTIONS;
    let shares = (0..CONNECTIONS).map(|at| message::all_framed(at * each, each)).collect();
    let begun = Instant::now();
    let sending = tokio::spawn(connected.send(shares));
    let mut most = 0;
    while raw.integer(NEXT).await? < all {
        most = most.max(raw.integer(BEHIND).await?);
        tokio::time::sleep(LOOK).await;
    }
    let rate = MESSAGES as f64 / begun.elapsed().as_secs_f64();
    sending.await??.close().await?;
    let (left, begun) = (raw.integer(BEHIND).await?, Instant::now());
    caught_up(raw).await?;
    println!("  while {rate:.0} messages/s are received, at most {most} events behind; at the end {left},");
    println!("    which took another             {:>9.2} s", begun.elapsed().as_secs_f64());
    Ok(())
}
