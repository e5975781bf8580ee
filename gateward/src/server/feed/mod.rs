//! Sends events to other places as well: each in order, from where it was, however long it was away.
//!
//! A task for each place, so that one that is away holds up nobody. Nothing counts as sent before it is known
//! to be there, as far as its protocol can tell.

mod batch;
mod datagrams;
mod page;
mod post;
mod single;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use self::page::Page;
pub(super) use self::single::send_one;
use super::gate::Opened;
use super::tls::{Strictness, strictness};
use super::{outwards, system, tls, trust};
use crate::config::Config;
use crate::config::audit::{Feed, Target};
use crate::flows::audit::Observer;
use crate::flows::feed::{advance, note_failing, take};
use crate::store::CommitError;

/// How often it is looked whether others appended to the log, where there is nothing to send.
const IDLE: Duration = Duration::from_secs(2);

/// How long is waited for more after this server appended something.
const GATHERED: Duration = Duration::from_millis(500);

/// How long is waited while another server sends.
const NOT_OURS: Duration = Duration::from_secs(10);

/// How long is waited after a failure: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// How many events are sent until it is looked whether they are there. After each failure a tenth, so that a place
/// that is slow has some of them in time; after each success more again.
const AT_ONCE: u64 = 10_000;

/// Why a place does not get what it should: the operator's, or it passes.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Nothing can be read or noted here.
    #[error("here: {0}")]
    Here(String),
    /// It cannot be reached, or does not take what it is sent.
    #[error("{0}")]
    There(String),
}

/// What every place needs.
struct Place {
    opened: Arc<Opened>,
    feed: Feed,
    name: String,
    observer: Observer,
    strictness: Strictness,
}

/// Begins to send to each place that the configuration names.
pub fn keep(config: &Config, opened: &Arc<Opened>) -> Vec<AbortHandle> {
    let observer = system::observer(config);
    let place = |feed: &Feed| Place {
        opened: Arc::clone(opened),
        feed: feed.clone(),
        name: feed.to.to_string(),
        observer: observer.clone(),
        strictness: strictness(config.mode),
    };
    config.audit.feed.iter().map(|feed| tokio::spawn(send(place(feed))).abort_handle()).collect()
}

/// Sends for ever.
async fn send(place: Place) {
    let (mut pause, mut is_failing, mut most) = (AGAIN.0, false, AT_ONCE);
    let mut grown = place.opened.door.store.writer.grown();
    loop {
        match turn(&place, most).await {
            Ok(Turn::Sent) => {
                if is_failing {
                    tracing::info!(feed = place.name, "it takes events again");
                }
                (pause, is_failing) = (AGAIN.0, false);
                most = (most * 2).min(AT_ONCE);
            }
            Ok(Turn::Idle) => {
                if let Ok(Ok(())) = tokio::time::timeout(IDLE, grown.changed()).await {
                    tokio::time::sleep(GATHERED).await;
                }
            }
            Ok(Turn::NotOurs) => tokio::time::sleep(NOT_OURS).await,
            Err(error) => {
                if !is_failing {
                    tracing::warn!(feed = place.name, %error, "events wait to be sent");
                }
                is_failing = true;
                place.note(&error).await;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(AGAIN.1);
                most = (most / 10).max(1);
            }
        }
    }
}

/// What came of one attempt.
enum Turn {
    Sent,
    Idle,
    NotOurs,
}

async fn turn(place: &Place, most: u64) -> Result<Turn, Error> {
    let door = &place.opened.door;
    let now = || place.opened.clock.now().map_err(|unbelieved| Error::Here(unbelieved.to_string()));
    let here = |error: &dyn std::error::Error| Error::Here(error.to_string());
    // Looked at before the lease is taken: what is idle writes nothing.
    let known = crate::store::feed::find(&door.store.reader, &place.name).await.map_err(|e| here(&e))?;
    if let Some(known) = &known
        && Page::read(place, known.position, 1).await?.is_empty()
    {
        return Ok(Turn::Idle);
    }
    let Some(next) = take(door, &place.name, now()?).await.map_err(|e| here(&e))? else {
        return Ok(Turn::NotOurs);
    };
    let page = Page::read(place, next.position, most).await?;
    if page.is_empty() {
        return Ok(Turn::Idle);
    }
    let sent = match &place.feed.to {
        Target::SyslogTls { host, port } => stream::deliver(place, (host, *port), page, most).await?,
        Target::SyslogUdp { host, port } => datagrams::deliver(place, (host, *port), page).await?,
        Target::Fhir { base } => batch::deliver(place, base, page).await?,
    };
    if let Some(first) = sent.refused.first() {
        // Why is said in the event alone: a place can quote what it was sent.
        let (count, id) = (sent.refused.len(), &first.id);
        tracing::warn!(feed = place.name, count, id, "it will never take these events, and got the others");
    }
    match advance(door, &place.name, next.position, &sent, now()?).await {
        Ok(()) => Ok(Turn::Sent),
        Err(CommitError::Precondition) => Ok(Turn::NotOurs),
        Err(error) => Err(here(&error)),
    }
}

impl Place {
    /// Notes why nothing is taken; an operator sees it in the list.
    async fn note(&self, error: &Error) {
        let Ok(now) = self.opened.clock.now() else { return };
        if let Err(error) = note_failing(&self.opened.door, &self.name, &error.to_string(), now).await {
            tracing::debug!(%error, "it is not noted either");
        }
    }

    fn tls(&self) -> Result<rustls::ClientConfig, Error> {
        tls_towards(&self.feed, self.strictness)
    }
}

/// Believes whom the file says, and shows our certificate; read anew, so that renewed ones are shown.
fn tls_towards(
    Feed { ca, certificate, key, .. }: &Feed,
    strictness: Strictness,
) -> Result<rustls::ClientConfig, Error> {
    let wrong = |error: &dyn std::error::Error| Error::There(outwards::whole(error));
    let mut config = trust::tls(true, ca.as_deref()).map_err(|error| wrong(&error))?;
    if let Some((certificate, key)) = certificate.as_ref().zip(key.as_ref()) {
        let loaded = tls::load(certificate, key, strictness).map_err(|error| wrong(&error))?;
        config.client_auth_cert_resolver = tls::Shown::new(loaded);
    }
    // A session that is resumed goes on with the certificate that it began with.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

impl Place {
    /// Says what went wrong on the way to `host`.
    fn went_wrong(error: &(dyn std::error::Error + 'static), host: &str) -> Error {
        Error::There(trust::what_is_wrong(error, host).unwrap_or_else(|| outwards::whole(error)))
    }
}
