//! Our events on their way to others: which are sent, and as what.
//!
//! What others have told us is not told on: two installations that feed each other would never end.

use audit_event::Event;
use jiff::Timestamp;
use serde_json::{Value, json};
use syslog::{Message, Priority};

use super::audit::{Observer, translate};
use super::door::Door;
use super::record::{Happened, Outcome, SyslogWhat, What};
use crate::base::time::later;
use crate::store::event::{self, Recorded};
use crate::store::{Change, CommitError, Failed, feed};

/// How long a server may send to a place without saying that it still does.
const LEASE: jiff::SignedDuration = jiff::SignedDuration::from_secs(120);

/// The longest reason that is kept, in characters.
const REASON: usize = 500;

/// What a place is to get next.
#[derive(Debug)]
pub struct Next {
    /// The position of the first event that it does not have.
    pub position: u64,
}

/// Takes the right to send to `place`, and finds where to go on; `None` while another server sends there. A place that
/// is new begins with what happens from now on.
///
/// # Errors
///
/// [`Failed`].
pub async fn take(door: &Door, place: &str, now: Timestamp) -> Result<Option<Next>, Failed> {
    let reader = &door.store.reader;
    if feed::find(reader, place).await?.is_none() {
        let position = event::length(reader).await?.map_or(0, |length| length.events);
        let begin = Change::BeginFeed(feed::Begin { name: place.into(), position, at: now });
        door.recorder.commit(None, vec![begin], &[], now).await?;
    }
    let holder = door.recorder.instance();
    let lease = feed::Lease { name: place.into(), holder, at: now, until: later(now, LEASE) };
    match door.recorder.commit(None, vec![Change::LeaseFeed(lease)], &[], now).await {
        Ok(()) => {}
        Err(CommitError::Precondition) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    // Read once it is ours: nobody else moves it now.
    let found = feed::find(reader, place).await?;
    Ok(found.map(|feed| Next { position: feed.position }))
}

/// Notes that `place` has everything before `to`, and which events there were none of any more.
///
/// A crash before it sends them once more.
///
/// # Errors
///
/// [`CommitError::Precondition`]: another server has taken over.
pub async fn advance(
    door: &Door,
    place: &str,
    (from, to, missed): (u64, u64, u64),
    now: Timestamp,
) -> Result<(), CommitError> {
    let holder = door.recorder.instance();
    let advance = Change::AdvanceFeed(feed::Advance { name: place.into(), holder, from, to, at: now });
    let what = SyslogWhat::FeedMissed { feed: place.into(), events: missed, from, to };
    let missed =
        (missed > 0).then(|| Happened { outcome: Outcome::Failed, ..Happened::done(What::Syslog(what)) });
    door.recorder.commit(None, vec![advance], missed.as_slice(), now).await
}

/// Notes why `place` takes nothing.
///
/// # Errors
///
/// [`CommitError`].
pub async fn note_failing(door: &Door, place: &str, reason: &str, now: Timestamp) -> Result<(), CommitError> {
    let error: String = reason.chars().take(REASON).collect();
    let holder = door.recorder.instance();
    let failing = feed::Failing { name: place.into(), holder, error, at: now };
    door.recorder.commit(None, vec![Change::FeedFailing(failing)], &[], now).await
}

/// Tells `recorded` as others know it; nothing where it was told to us.
pub fn told(recorded: &Recorded, observer: &Observer) -> Vec<Event> {
    // Canonical: no text in it can look like this.
    let body = recorded.body.as_deref().unwrap_or_default();
    let is_of_others = body.contains("\"kind\":\"message_received\"");
    if is_of_others { Vec::new() } else { translate(recorded, observer) }
}

/// Writes an event as a syslog message with a DICOM audit message in it (IHE ITI-20).
pub fn message(event: &Event, observer: &Observer) -> Vec<u8> {
    let message = Message {
        timestamp: Some(event.recorded),
        hostname: Some(observer.name().into()),
        app_name: Some("gateward".into()),
        kind: Some("IHE+RFC-3881".into()),
        ..Message::new(Priority::AUDIT, audit_event::dicom::write(event).into_bytes())
    };
    message.to_bytes()
}

/// Writes events as a batch for a FHIR server; one that keeps their ids takes each once, however often it comes.
pub fn bundle(events: &[Event]) -> Value {
    let entry = |event: &Event| {
        let mut request = json!({ "method": "POST", "url": "AuditEvent" });
        if let Some(id) = &event.id {
            request["ifNoneExist"] = format!("_id={}", id.as_str()).into();
        }
        json!({ "resource": audit_event::fhir::write(event), "request": request })
    };
    let entries: Vec<Value> = events.iter().map(entry).collect();
    json!({ "resourceType": "Bundle", "type": "batch", "entry": entries })
}
