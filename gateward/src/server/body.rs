//! The bodies of our answers: whole, or piece by piece from a running answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
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

/// The receiving end of a running answer.
#[derive(Debug)]
pub struct Pieces {
    receiver: mpsc::Receiver<Result<Bytes, Cut>>,
    length: u64,
    taken: Arc<AtomicU64>,
}

impl Pieces {
    /// Makes the two ends of a body of `length` bytes; the counter says how many the transport took.
    pub fn new(length: u64) -> (mpsc::Sender<Result<Bytes, Cut>>, Arc<AtomicU64>, Self) {
        let (sender, receiver) = mpsc::channel(1);
        let taken = Arc::new(AtomicU64::new(0));
        (sender, Arc::clone(&taken), Self { receiver, length, taken })
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
                let left = pieces.length - pieces.taken.load(Ordering::Acquire);
                Poll::Ready(match next {
                    Some(Ok(piece)) => {
                        pieces.taken.fetch_add(piece.len() as u64, Ordering::AcqRel);
                        Some(Ok(Frame::data(piece)))
                    }
                    Some(Err(cut)) => Some(Err(cut)),
                    None if left == 0 => None,
                    None => Some(Err(Cut)),
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(full) => full.is_end_stream(),
            Self::Running(pieces) => pieces.taken.load(Ordering::Acquire) == pieces.length,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(full) => full.size_hint(),
            Self::Running(pieces) => {
                SizeHint::with_exact(pieces.length - pieces.taken.load(Ordering::Acquire))
            }
        }
    }
}
