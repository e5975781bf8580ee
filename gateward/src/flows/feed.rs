//! Our events on their way to others: which are sent, and as what.
//!
//! What others have told us is not told on: two installations that feed each other would never end.

use audit_event::Event;
use jiff::Timestamp;
use serde_json::{Value, json};
use syslog::{Message, Priority};

use super::audit::{Observer, translate};
use super::door::Door;
use super::record::{Happened, Outcome, Personal, SyslogWhat, What};
use crate::base::time::later;
use crate::store::event::{self, Recorded};
use crate::store::{self, Change, CommitError, Failed, Reader, feed};

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
        door.recorder.behind(begin, Vec::new()).await?;
    }
    let holder = door.recorder.instance();
    let lease = feed::Lease { name: place.into(), holder, at: now, until: later(now, LEASE) };
    match door.recorder.behind(Change::LeaseFeed(lease), Vec::new()).await {
        Ok(()) => {}
        Err(CommitError::Precondition) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    // Read once it is ours: nobody else moves it now.
    let found = feed::find(reader, place).await?;
    Ok(found.map(|feed| Next { position: feed.position }))
}

/// What of the log a place has, after it was sent some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The position of the first event that it does not have.
    pub to: u64,
    /// How many events before that were not there any more.
    pub missed: u64,
    /// Those before that which it will never take.
    pub refused: Vec<Refused>,
}

/// An event that a place will never take, whatever else it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The id that it was sent with.
    pub id: String,
    /// Why, as the place says.
    pub why: String,
}

impl Refused {
    /// One whose message is longer than what takes it.
    pub fn too_long(event: &Event, (message, longest): (usize, usize), what: &str) -> Self {
        let id = event.id.as_ref().map_or(String::new(), |id| id.as_str().to_owned());
        Self { id, why: format!("it has {message} octets, and {what} has at most {longest}") }
    }
}

/// Notes that `place` has everything from position `from` up to what was `sent`, and what of it there it has not.
///
/// A crash before it sends all of it once more.
///
/// # Errors
///
/// [`CommitError::Precondition`]: another server has taken over.
pub async fn advance(
    door: &Door,
    place: &str,
    from: u64,
    sent: &Sent,
    now: Timestamp,
) -> Result<(), CommitError> {
    let holder = door.recorder.instance();
    let Sent { to, missed, ref refused } = *sent;
    let (name, count) = (place.to_owned(), refused.len() as u64);
    let advance = Change::AdvanceFeed(feed::Advance { name, holder, from, to, refused: count, at: now });
    let mut happened = Vec::new();
    if missed > 0 {
        let what = SyslogWhat::FeedMissed { feed: place.into(), events: missed, from, to };
        happened.push(failed(what));
    }
    if let Some(first) = refused.first() {
        let events = refused.iter().map(|refused| refused.id.clone()).collect();
        let what = SyslogWhat::FeedRefused { feed: place.into(), events };
        // What a place says can repeat what the event says.
        let personal = Personal { detail: Some(first.why.clone()), ..Personal::default() };
        happened.push(Happened { personal, ..failed(what) });
    }
    door.recorder.behind(advance, door.recorder.make(&happened, now)?).await
}

fn failed(what: SyslogWhat) -> Happened {
    Happened { outcome: Outcome::Failed, ..Happened::done(What::Syslog(what)) }
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
    door.recorder.behind(Change::FeedFailing(failing), Vec::new()).await
}

/// Finds which of `places` do not have yet what was recorded before `before`, and how many events each lacks.
///
/// # Errors
///
/// [`store::Error`].
pub async fn lacking(
    reader: &Reader,
    places: &[String],
    before: Timestamp,
) -> Result<Vec<(String, u64)>, store::Error> {
    let end = event::first_at(reader, before).await?;
    let known = feed::all(reader).await?.into_iter().filter(|feed| places.contains(&feed.name));
    let lacking = known.map(|feed| (feed.name, end.saturating_sub(feed.position)));
    Ok(lacking.filter(|(_, events)| *events > 0).collect())
}

/// Tells `recorded` as others know it; nothing where it was told to us, or is gone.
pub fn told(recorded: &Recorded, observer: &Observer) -> Vec<Event> {
    let Some(body) = &recorded.body else { return Vec::new() };
    // Canonical: no text in it can look like this.
    let is_of_others = ["message_received", "event_received"]
        .iter()
        .any(|kind| body.contains(&format!("\"kind\":\"{kind}\"")));
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

/// The system of the tag that an event is known by at a FHIR server, which gives it an id of its own.
const TAG: &str = "urn:x-gateward:id";

/// Writes an event as an entry of a batch for a FHIR server: it is made unless one with its tag is there.
pub fn entry(event: &Event) -> Value {
    let mut request = json!({ "method": "POST", "url": "AuditEvent" });
    let mut resource = audit_event::fhir::write(event);
    if let Some(id) = &event.id {
        request["ifNoneExist"] = format!("_tag={TAG}|{}", id.as_str()).into();
        resource["meta"]["tag"] = json!([{ "system": TAG, "code": id.as_str() }]);
    }
    json!({ "resource": resource, "request": request })
}
