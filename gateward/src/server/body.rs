//! The bodies of our answers: whole, or piece by piece from a running answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::sync::mpsc;

/// Says that a running answer was cut; the transport closes the connection on it.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut")]
pub struct Cut;

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it.
    Whole(Full<Bytes>),
    /// Pieces from a running answer.
    Running(Pieces),
}

impl AnswerBody {
    /// Makes a whole body.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Full::new(bytes.into()))
    }
}

/// What is sent to the transport.
#[derive(Debug)]
pub enum Sent {
    /// A piece.
    Piece(Bytes),
    /// There is no more than these fields behind it: the answer is complete.
    End(Option<HeaderMap>),
    /// There is more, and it will never come.
    Cut,
}

/// What the transport has taken of a running answer.
#[derive(Debug, Default)]
pub struct Taken {
    /// How many bytes, and the highest bit once it gets no more.
    bytes: AtomicU64,
    all: AtomicBool,
}

/// Says that the answer was cut.
const CUT: u64 = 1 << 63;

impl Taken {
    /// Gives the transport no more, whatever waits for it; returns how many bytes it has.
    pub fn cut(&self) -> u64 {
        self.bytes.fetch_or(CUT, Ordering::AcqRel) & !CUT
    }

    /// Whether it has all of them.
    pub fn is_all(&self) -> bool {
        self.all.load(Ordering::Acquire)
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire) & !CUT
    }

    /// Counts `more` bytes; `None` when the answer was cut before.
    fn take(&self, more: u64) -> Option<u64> {
        let counted = |bytes: u64| (bytes & CUT == 0).then_some(bytes + more);
        let before = self.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, counted);
        before.ok().map(|before| before + more)
    }
}

/// The receiving end of a running answer.
#[derive(Debug)]
pub struct Pieces {
    receiver: mpsc::Receiver<Sent>,
    length: Option<u64>,
    taken: Arc<Taken>,
}

impl Pieces {
    /// Makes the two ends of a body of `length` bytes, if that is known, and what tells how much of it
    /// the transport took.
    pub fn new(length: Option<u64>) -> (mpsc::Sender<Sent>, Arc<Taken>, Self) {
        let (sender, receiver) = mpsc::channel(1);
        // Of nothing, everything is taken from the beginning.
        let taken = Arc::new(Taken { all: AtomicBool::new(length == Some(0)), ..Taken::default() });
        (sender, Arc::clone(&taken), Self { receiver, length, taken })
    }

    /// Takes a piece for the transport, unless the answer was cut meanwhile.
    fn take(&self, piece: Bytes) -> Result<Frame<Bytes>, Cut> {
        let taken = self.taken.take(piece.len() as u64).ok_or(Cut)?;
        // The transport asks for no more once it has the length that it announced.
        if self.length == Some(taken) {
            self.taken.all.store(true, Ordering::Release);
        }
        Ok(Frame::data(piece))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole(full) => Pin::new(full).poll_frame(context).map_err(|never| match never {}),
            Self::Running(pieces) => {
                let next = std::task::ready!(pieces.receiver.poll_recv(context));
                Poll::Ready(match next {
                    Some(Sent::Piece(piece)) => Some(pieces.take(piece)),
                    Some(Sent::End(trailers)) if pieces.length.is_none() => {
                        pieces.taken.all.store(true, Ordering::Release);
                        trailers.map(|trailers| Ok(Frame::trailers(trailers)))
                    }
                    // The end of what has a length is where that length is reached.
                    Some(Sent::End(_)) | None if pieces.taken.is_all() => None,
                    Some(Sent::End(_) | Sent::Cut) | None => Some(Err(Cut)),
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(full) => full.is_end_stream(),
            Self::Running(pieces) => pieces.taken.is_all(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(full) => full.size_hint(),
            Self::Running(pieces) => match pieces.length {
                Some(length) => SizeHint::with_exact(length - pieces.taken.bytes()),
                None => SizeHint::default(),
            },
        }
    }
}
