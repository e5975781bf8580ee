//! The bodies of requests: read whole where that is needed to understand them, dropped otherwise.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{EXPECT, RETRY_AFTER};
use http::{HeaderValue, StatusCode, Version, request};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::{self, Answered, Problem};

/// How much of a body that is refused is read and dropped, so that the client sees the answer.
const DROPPED: usize = 1024 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// How large a body is that needs room of its own, in bytes.
const LARGE: usize = 64 * 1024;

/// How many large bodies are held at once. One of 4 MiB takes some 20 times that while it is understood.
const AT_ONCE: usize = 16;

/// When to come back for room, in seconds.
const COME_BACK: u64 = 5;

/// The room that there is for large bodies.
#[derive(Debug, Clone)]
pub struct LargeBodies(Arc<Semaphore>);

impl Default for LargeBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// A body that is held, and its room if it is large.
#[derive(Debug, Default)]
pub struct Held {
    /// The body.
    pub bytes: Bytes,
    /// Given back when the body is understood.
    pub room: Option<OwnedSemaphorePermit>,
}

/// Why a body is not there.
enum Unread {
    /// It ended before its time.
    Gone,
    /// There is no room for it.
    NoRoom,
}

/// Reads a body; of one that is longer than `most`, one byte more is kept, for which whoever understands
/// it refuses it.
///
/// # Errors
///
/// What the client is told.
pub async fn read(body: Incoming, most: usize, large: &LargeBodies) -> Result<Held, Problem> {
    match tokio::time::timeout(PATIENCE, read_up_to(body, most, large)).await {
        Ok(Ok(held)) => Ok(held),
        Ok(Err(Unread::Gone)) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "body", "The body ended too early."))
        }
        Ok(Err(Unread::NoRoom)) => {
            let said =
                "Too many large requests at once: try again in a few seconds, or ask for less at a time.";
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "body", said);
            Err(problem.with(RETRY_AFTER, COME_BACK))
        }
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body",
            "The body took longer than 30 s to arrive.",
        )),
    }
}

/// [`DROPPED`] bytes beyond `most` it stops reading.
async fn read_up_to(mut body: Incoming, most: usize, large: &LargeBodies) -> Result<Held, Unread> {
    let (mut kept, mut room, mut seen) = (Vec::new(), None, 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Gone)?.into_data() else { continue };
        seen += data.len();
        let fits = (most + 1).saturating_sub(kept.len());
        kept.extend_from_slice(&data[..data.len().min(fits)]);
        if kept.len() > LARGE + 1 && room.is_none() {
            let free = Arc::clone(&large.0).try_acquire_owned();
            room = Some(free.map_err(|_| Unread::NoRoom)?);
        }
        if seen > most + DROPPED {
            break;
        }
    }
    Ok(Held { bytes: kept.into(), room })
}

/// What becomes of a body that nobody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwanted {
    /// It is read and dropped, so that the client sees the answer and the connection goes on.
    Read,
    /// The client is told to stop, and others go on beside it (HTTP/2: RFC 9113 section 8.1).
    Stopped,
    /// The client keeps it back until it is asked for, which it never is (RFC 9110 section 10.1.1).
    KeptBack,
}

impl Unwanted {
    /// Tells what becomes of the body of the request with this head.
    pub fn of(head: &request::Parts) -> Self {
        let is_kept = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
        if head.version == Version::HTTP_2 {
            Self::Stopped
        } else if head.headers.get(EXPECT).is_some_and(is_kept) {
            Self::KeptBack
        } else {
            Self::Read
        }
    }
}

/// Drops the body of a request that is answered without it.
pub async fn dropping(body: Incoming, unwanted: Unwanted, answered: Answered) -> Answered {
    if drop_all(body, unwanted).await { answered } else { answer::closing(answered) }
}

/// Drops a body that nobody wants; `false` when the connection must close on it.
pub async fn drop_all(body: Incoming, unwanted: Unwanted) -> bool {
    match unwanted {
        Unwanted::Stopped => true,
        Unwanted::KeptBack => body.is_end_stream(),
        Unwanted::Read => matches!(tokio::time::timeout(PATIENCE, drop_body(body)).await, Ok(true)),
    }
}

async fn drop_body(mut body: Incoming) -> bool {
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => seen += data.len(),
            Ok(Err(_)) => {}
            Err(_) => return false,
        }
        if seen > DROPPED {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_have_bounded_room_that_comes_back() {
        let large = LargeBodies::default();
        let held: Vec<_> = (0..AT_ONCE).map(|_| Arc::clone(&large.0).try_acquire_owned().unwrap()).collect();
        assert!(Arc::clone(&large.0).try_acquire_owned().is_err());
        drop(held);
        assert!(Arc::clone(&large.0).try_acquire_owned().is_ok());
    }
}
