//! Messages by syslog over TLS (RFC 5425), and how it is known that they arrived.
//!
//! Syslog knows no answer, and with TLS 1.3 a certificate is refused after we believe the handshake over. So a
//! connection is written to, then left open for a second while its other side is read, then closed from
//! our side; only when the other end has read up to there and closes too, everything on it counts as sent. Whatever
//! else happens before, all of it is sent again: at least once.

use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Error, Page, Place};
use crate::flows::feed::{Refused, Sent, message, told};
use crate::server::outwards;

/// How long connection and handshake may take.
const BEGIN: Duration = Duration::from_secs(10);

/// How long the other end may take nothing.
const STALLED: Duration = Duration::from_secs(20);

/// How long a connection is left open after what was written last: a refusal, or an end, shows itself.
const LULL: Duration = Duration::from_secs(1);

/// How long one connection is written to.
const WINDOW: Duration = Duration::from_secs(10);

/// How many octets are written at once: as long as the other end takes these in time, it is not stalled.
const PIECE: usize = 256 * 1024;

/// The longest message that is sent, as long as our own receiver takes; what is longer would be refused again and again.
const LONGEST: usize = syslog::LONGEST;

/// How long the other end may take to read the rest and to close.
const END: Duration = Duration::from_secs(20);

/// Sends `page` and what comes after it on one connection, `most` events.
pub async fn deliver(place: &Place, there: (&str, u16), page: Page, most: u64) -> Result<Sent, Error> {
    let (mut from, mut to) = begin(place.tls()?, there).await?;
    let mut other_end = pin!(until_closed(&mut from));
    let sent = unless_closed(other_end.as_mut(), there, write(place, &mut to, page, most)).await?;
    end(to, other_end, there).await?;
    Ok(sent)
}

/// Sends one message.
pub async fn deliver_one(tls: rustls::ClientConfig, there: (&str, u16), message: &[u8]) -> Result<(), Error> {
    let (mut from, mut to) = begin(tls, there).await?;
    let mut other_end = pin!(until_closed(&mut from));
    let mut frame = Vec::new();
    syslog::frame(message, &mut frame);
    let write = async {
        written(&mut to, &frame).await?;
        tokio::time::sleep(LULL).await;
        Ok(())
    };
    unless_closed(other_end.as_mut(), there, write).await?;
    end(to, other_end, there).await
}

type There = TlsStream<TcpStream>;

/// Opens a connection.
async fn begin(
    tls: rustls::ClientConfig,
    (host, port): (&str, u16),
) -> Result<(ReadHalf<There>, WriteHalf<There>), Error> {
    let tls = TlsConnector::from(Arc::new(tls));
    let name = ServerName::try_from(host.to_owned()).map_err(|error| Place::went_wrong(&error, host))?;
    let begin = async {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        tls.connect(name, stream).await
    };
    let late = |what: &str| Error::There(format!("{what} within {} s", BEGIN.as_secs()));
    let stream = timeout(BEGIN, begin).await.map_err(|_| late("no connection came about"))?;
    Ok(tokio::io::split(stream.map_err(|error| Place::went_wrong(&error, host))?))
}

/// Writes while the other end stays.
async fn unless_closed<T>(
    other_end: Pin<&mut impl Future<Output = std::io::Result<()>>>,
    (host, _): (&str, u16),
    write: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::select! {
        biased;
        closed = other_end => Err(match closed {
            Ok(()) => Error::There("it closed the connection: perhaps it takes no messages of ours".into()),
            Err(error) => Place::went_wrong(&error, host),
        }),
        sent = write => sent,
    }
}

/// Closes from our side, and waits until the other end has read up to there and closes, too.
async fn end(
    mut to: WriteHalf<There>,
    other_end: Pin<&mut impl Future<Output = std::io::Result<()>>>,
    (host, _): (&str, u16),
) -> Result<(), Error> {
    let end = async {
        to.shutdown().await?;
        other_end.await
    };
    match timeout(END, end).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Place::went_wrong(&error, host)),
        Err(_) => Err(Error::There("it does not read to the end".into())),
    }
}

/// Reads until the other end closes, with a goodbye or without: rsyslog says none.
async fn until_closed(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    let mut piece = [0; 1024];
    loop {
        match from.read(&mut piece).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Writes and flushes.
async fn written(to: &mut (impl AsyncWrite + Unpin), frames: &[u8]) -> Result<(), Error> {
    let written = async {
        to.write_all(frames).await?;
        to.flush().await
    };
    let stalled = |_| Error::There("it takes nothing any more".into());
    timeout(STALLED, written).await.map_err(stalled)?.map_err(|error| Error::There(outwards::whole(&error)))
}

/// Writes events as long as there are some, and `most` have not been written; then waits a little for more.
async fn write(
    place: &Place,
    to: &mut (impl AsyncWrite + Unpin),
    mut page: Page,
    most: u64,
) -> Result<Sent, Error> {
    let begun = Instant::now();
    let (mut sent, mut count) = (Sent { missed: 0, ..page.sent() }, 0);
    let mut last = begun;
    loop {
        if !page.is_empty() {
            sent.refused.extend(write_page(place, to, &page).await?);
            (sent.to, sent.missed) = (page.to(), sent.missed + page.missed());
            count += page.events.len() as u64;
            last = Instant::now();
        }
        let is_full = begun.elapsed() >= WINDOW || count >= most;
        if last.elapsed() >= LULL {
            return Ok(sent);
        }
        if page.is_empty() || is_full {
            tokio::time::sleep(LULL / 5).await;
        }
        page = if is_full { Page::none(sent.to) } else { Page::read(place, sent.to, most - count).await? };
    }
}

/// Writes what the events of a page are told as, piece by piece; returns those that are too long.
async fn write_page(
    place: &Place,
    to: &mut (impl AsyncWrite + Unpin),
    page: &Page,
) -> Result<Vec<Refused>, Error> {
    let (mut frames, mut refused) = (Vec::new(), Vec::new());
    for recorded in &page.events {
        for event in told(recorded, &place.observer) {
            let message = message(&event, &place.observer);
            if message.len() > LONGEST {
                refused.push(Refused::too_long(&event, (message.len(), LONGEST), "a message"));
                continue;
            }
            syslog::frame(&message, &mut frames);
            if frames.len() >= PIECE {
                written(to, &frames).await?;
                frames.clear();
            }
        }
    }
    if !frames.is_empty() {
        written(to, &frames).await?;
    }
    Ok(refused)
}
