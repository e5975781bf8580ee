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
use crate::flows::feed::{Sent, message, told};
use crate::server::outwards;

/// How long connection and handshake may take.
const BEGIN: Duration = Duration::from_secs(10);

/// How long the other end may take nothing.
const STALLED: Duration = Duration::from_secs(20);

/// How long a connection is left open after what was written last: a refusal, or an end, shows itself.
const LULL: Duration = Duration::from_secs(1);

/// How long, and for how many events, one connection is written to.
const WINDOW: (Duration, u64) = (Duration::from_secs(10), 10_000);

/// How long the other end may take to read the rest and to close.
const END: Duration = Duration::from_secs(20);

/// Sends `page` and what comes after it, on one connection.
pub async fn deliver(place: &Place, there: (&str, u16), page: Page) -> Result<Sent, Error> {
    let (mut from, mut to) = begin(place.tls()?, there).await?;
    let mut other_end = pin!(until_closed(&mut from));
    let sent = unless_closed(other_end.as_mut(), there, write(place, &mut to, page)).await?;
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
    to.shutdown().await.map_err(|error| Place::went_wrong(&error, host))?;
    match timeout(END, other_end).await {
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

/// Writes events as long as there are some; then waits a little for more.
async fn write(place: &Place, to: &mut (impl AsyncWrite + Unpin), mut page: Page) -> Result<Sent, Error> {
    let begun = Instant::now();
    let (mut sent, mut count) = (Sent { missed: 0, ..page.sent() }, 0);
    let mut last = begun;
    loop {
        if !page.is_empty() {
            let mut frames = Vec::new();
            for event in page.events.iter().flat_map(|recorded| told(recorded, &place.observer)) {
                syslog::frame(&message(&event, &place.observer), &mut frames);
            }
            written(to, &frames).await?;
            (sent.to, sent.missed) = (page.to(), sent.missed + page.missed());
            count += page.events.len() as u64;
            last = Instant::now();
        }
        let is_full = begun.elapsed() >= WINDOW.0 || count >= WINDOW.1;
        if last.elapsed() >= LULL {
            return Ok(sent);
        }
        if page.is_empty() || is_full {
            tokio::time::sleep(LULL / 5).await;
        }
        page = if is_full { Page::none(sent.to) } else { Page::read(place, sent.to).await? };
    }
}
