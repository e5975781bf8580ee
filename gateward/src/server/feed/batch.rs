//! AuditEvents for a FHIR server, as batches (IHE ITI-20, RESTful ATNA).
//!
//! A server may refuse one event and take the next. What it refuses for good is left out where it takes others: it holds
//! up nobody. Where it takes nothing, the server is what is wrong, and everything waits.

use std::time::Duration;

use tokio::time::Instant;

use super::post::{Answer, Server, Verdict};
use super::{Error, Page, Place};
use crate::flows::audit::Observer;
use crate::flows::feed::{Refused, Sent, entry, told};

/// How much a batch brings: entries, and bytes. Our own interface takes twice that.
const MOST: (usize, usize) = (200, 512 * 1024);

/// How many bytes of entries are made of a page at most, and those of one event more: one may be told as hundreds.
const MADE: usize = 8 * 1024 * 1024;

/// How long batches are sent until what was taken is noted; with the last answer less than a lease.
const WINDOW: Duration = Duration::from_secs(30);

/// One AuditEvent.
struct Entry {
    /// Of the event in our log that it tells of.
    position: u64,
    id: String,
    text: String,
}

/// Sends `page`, or as much of it as there is time for.
pub async fn deliver(place: &Place, base: &str, page: Page) -> Result<Sent, Error> {
    let (page, entries) = entries(page, &place.observer);
    if entries.is_empty() {
        return Ok(page.sent());
    }
    let (server, begun) = (Server::new(place, base)?, Instant::now());
    let (mut rest, mut taken, mut refused, mut stopped) = (entries.as_slice(), 0, Vec::new(), None);
    while !rest.is_empty() && stopped.is_none() {
        let (batch, behind) = rest.split_at(first_batch(rest));
        match offer(&server, batch).await {
            Ok(verdicts) => {
                for (entry, verdict) in batch.iter().zip(verdicts) {
                    match verdict {
                        Verdict::Taken => taken += 1,
                        Verdict::Refused(why) => refused.push((entry, why)),
                    }
                }
                rest = behind;
                let ends_an_event =
                    rest.first().is_some_and(|next| next.position > batch[batch.len() - 1].position);
                if begun.elapsed() >= WINDOW && ends_an_event && taken > 0 {
                    break;
                }
            }
            Err(error) => stopped = Some(error),
        }
    }
    if let Some((first, why)) = refused.first().filter(|_| taken == 0 && stopped.is_none()) {
        let said = format!("it takes none of {} events, {} neither: {}", refused.len(), first.id, why.brief);
        return Err(Error::There(said));
    }
    // Of what one event of ours is told as, some may be there: they count when all of them are.
    let page = match rest.first() {
        Some(next) => page.before(next.position),
        None => page,
    };
    match stopped {
        Some(error) if page.is_empty() || taken == 0 => Err(error),
        _ => {
            refused.retain(|(entry, _)| entry.position < page.to());
            let refused =
                refused.into_iter().map(|(entry, why)| Refused { id: entry.id.clone(), why: why.words });
            Ok(Sent { refused: refused.collect(), ..page.sent() })
        }
    }
}

/// Makes the entries of a page, or of its first events; returns these with them.
fn entries(page: Page, observer: &Observer) -> (Page, Vec<Entry>) {
    let (mut entries, mut bytes) = (Vec::new(), 0);
    for recorded in &page.events {
        if bytes >= MADE {
            let next = recorded.position;
            return (page.before(next), entries);
        }
        for event in told(recorded, observer) {
            let id = event.id.as_ref().map_or(String::new(), |id| id.as_str().to_owned());
            let text = entry(&event).to_string();
            bytes += text.len();
            entries.push(Entry { position: recorded.position, id, text });
        }
    }
    (page, entries)
}

/// How many of `entries` are sent at once: one at least.
fn first_batch(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Entry| {
        bytes += entry.text.len();
        bytes <= MOST.1
    };
    entries.iter().take(MOST.0).take_while(fits).count().max(1)
}

/// Sends a batch. One that is refused as a whole is halved, until what it is refused for is found.
async fn offer(server: &Server<'_>, batch: &[Entry]) -> Result<Vec<Verdict>, Error> {
    let (mut told, mut parts) = (Vec::with_capacity(batch.len()), vec![batch]);
    while let Some(part) = parts.pop() {
        let texts: Vec<&str> = part.iter().map(|entry| entry.text.as_str()).collect();
        match server.post(&texts).await? {
            Answer::OfEach(each) => told.extend(each),
            Answer::OfAll(why) if part.len() == 1 => told.push(Verdict::Refused(why)),
            Answer::OfAll(_) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
        }
    }
    Ok(told)
}
