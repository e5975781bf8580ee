//! A websocket: bytes both ways for as long as they are permitted, then how it ended is recorded.
//!
//! Nobody here understands what is said on it, so it counts as a change: admitted before the upstream is
//! asked, decided again whenever the revocation counter moves, and silent while that cannot be read.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, Method, Version, request};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;

use super::pump::Pump;
use super::watch::Seen;
use crate::base::once::Once;
use crate::flows::admit::{Admitted, Ending};
use crate::flows::record::Delivery;
use crate::store::revocation::Revision;

/// How long the client may take until it speaks the other protocol.
const SWITCH: Duration = Duration::from_secs(10);

/// How long one side may go on after the other has ended.
const FAREWELL: Duration = Duration::from_secs(5);

/// How much is carried at once in each direction, in bytes.
const PIECE: usize = 16 * 1024;

/// Tells whether a request asks to go on as a websocket (RFC 6455 section 4.1), and can.
pub fn is_asked(head: &request::Parts) -> bool {
    let is_get = head.method == Method::GET && head.version == Version::HTTP_11;
    is_get && head.extensions.get::<OnUpgrade>().is_some() && names_websocket(&head.headers)
}

/// Tells whether the fields of a head, in either direction, say that a websocket follows.
pub fn names_websocket(fields: &HeaderMap) -> bool {
    let upgrades = |value: &http::HeaderValue| {
        let mut options = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        options.any(|option| option.eq_ignore_ascii_case(b"upgrade"))
    };
    let protocol = Once::of(fields, UPGRADE).one();
    protocol.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && fields.get_all(CONNECTION).iter().any(upgrades)
}

/// A websocket that runs; the connection is not over before it is.
#[derive(Debug, Clone)]
pub struct Tunnel(watch::Receiver<()>);

/// What a websocket is made of.
#[derive(Debug)]
pub struct Ends {
    /// The client, once the answer is written.
    pub client: OnUpgrade,
    /// The upstream.
    pub upstream: Upgraded,
    /// How long both may be silent.
    pub silence: Duration,
}

impl Tunnel {
    /// Starts to carry between `ends`; it may, because `admitted` is durable.
    pub fn start(ends: Ends, admitted: Admitted, pump: Pump) -> Self {
        let (running, ended) = watch::channel(());
        // A task of its own: however the connection ends, the end is recorded.
        tokio::spawn(async move {
            carry(ends, admitted, pump).await;
            drop(running);
        });
        Self(ended)
    }

    /// Returns once it has ended.
    pub async fn until_ended(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// How much went which way, and when last.
#[derive(Debug)]
struct Moved {
    up: AtomicU64,
    down: AtomicU64,
    last: Mutex<Instant>,
}

impl Moved {
    fn note(&self, way: &AtomicU64, bytes: usize) {
        way.fetch_add(bytes as u64, Ordering::Relaxed);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn until_silent(&self, silence: Duration) {
        loop {
            let since = self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            match silence.checked_sub(since) {
                None => return,
                Some(left) => tokio::time::sleep(left + Duration::from_millis(1)).await,
            }
        }
    }
}

async fn carry(ends: Ends, mut admitted: Admitted, mut pump: Pump) {
    let Ends { client, upstream, silence } = ends;
    let moved = Moved { up: 0.into(), down: 0.into(), last: Mutex::new(Instant::now()) };
    let (permitted, under) = watch::channel(admitted.decided_under());
    let gate = Gate { seen: pump.seen.clone(), under };
    let cutter = pump.cutter.clone();
    let (delivery, detail) = tokio::select! {
        delivery = pump.decide_again_and_again(&mut admitted, |now| _ = permitted.send_replace(now)) => {
            (delivery, None)
        }
        () = cutter.until_cut() => (Delivery::Cut, None),
        ended = between(client, upstream, &moved, &gate) => ended,
        () = moved.until_silent(silence) => {
            (Delivery::Cut, Some(format!("nothing was said for {} s", silence.as_secs())))
        }
    };
    let ending = Ending {
        bytes: moved.down.into_inner(),
        bytes_up: Some(moved.up.into_inner()),
        detail,
        ..Ending::nothing_left(101, delivery)
    };
    pump.record_end(admitted, ending).await;
}

/// Carries both ways until both ends, or one of them broke.
async fn between(
    client: OnUpgrade,
    upstream: Upgraded,
    moved: &Moved,
    gate: &Gate,
) -> (Delivery, Option<String>) {
    let Ok(Ok(client)) = tokio::time::timeout(SWITCH, client).await else {
        return (Delivery::Cut, Some("the client was gone before it began".into()));
    };
    let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
    let (from_upstream, to_upstream) = tokio::io::split(TokioIo::new(upstream));
    let up = one_way(from_client, to_upstream, |bytes| moved.note(&moved.up, bytes), gate.clone());
    let down = one_way(from_upstream, to_client, |bytes| moved.note(&moved.down, bytes), gate.clone());
    tokio::pin!(up, down);
    // The last words of the other side are still carried.
    let (first, second) = tokio::select! {
        up = &mut up => (up, tokio::time::timeout(FAREWELL, down).await),
        down = &mut down => (down, tokio::time::timeout(FAREWELL, up).await),
    };
    match (first, second) {
        (Ok(()), Ok(Ok(()))) => (Delivery::Complete, None),
        (Err(error), _) | (Ok(()), Ok(Err(error))) => (Delivery::Cut, Some(error.to_string())),
        (Ok(()), Err(_)) => (Delivery::Complete, Some("one side did not say that it ended".into())),
    }
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    note: impl Fn(usize),
    mut gate: Gate,
) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = match from.read(&mut piece).await {
            // Many end TLS without a word; a websocket says itself that it is whole (RFC 6455 section 7.1.4).
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
            read => read?,
        };
        if length == 0 {
            return to.shutdown().await;
        }
        gate.until_open().await;
        to.write_all(&piece[..length]).await?;
        to.flush().await?;
        note(length);
    }
}

/// Open while what is known of the revocation counter is what it was last permitted under.
#[derive(Debug, Clone)]
struct Gate {
    seen: watch::Receiver<Seen>,
    under: watch::Receiver<Revision>,
}

impl Gate {
    async fn until_open(&mut self) {
        loop {
            let seen = *self.seen.borrow_and_update();
            let under = *self.under.borrow_and_update();
            if seen.unreadable_since.is_none() && seen.revision == under {
                return;
            }
            let moved = tokio::select! {
                moved = self.seen.changed() => moved,
                moved = self.under.changed() => moved,
            };
            if moved.is_err() {
                // The program ends: whoever decides cuts it.
                std::future::pending::<()>().await;
            }
        }
    }
}
