//! What is behind a service says: whole in hand, or running, or that it failed.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::sync::mpsc;

use super::upstream::fields;
use crate::flows::admit::Failure;
use crate::flows::kind::{Alarm, Inspected, Inspector, Named, Piece};

/// What is at most held whole before its first byte leaves; larger answers run.
pub const WHOLE: u64 = 64 * 1024;

/// How long a beginning is held for the rest to come, where nothing says how much there is: an application may
/// tell its reader a little at a time, for ever (server-sent events), and its reader waits for each piece.
const HOLD: Duration = Duration::from_millis(200);

/// How much is read and released at a time.
const PIECE: usize = 128 * 1024;

/// An answer that is in hand; it leaves only with proof that it was recorded.
#[derive(Debug)]
pub struct Found {
    /// The status.
    pub status: StatusCode,
    /// Its header fields.
    pub fields: HeaderMap,
    /// Its content.
    pub content: Content,
    /// Whom its head names, and its content where that is whole.
    pub named: Named,
}

/// The content of an answer.
#[derive(Debug)]
pub enum Content {
    /// All of it, and what was found in it where it was looked into.
    Whole(Bytes, Option<Inspected>),
    /// Taken as it leaves.
    Running(Source),
}

impl Content {
    /// Takes it as something that runs, whole or not.
    pub fn into_source(self) -> Source {
        match self {
            Self::Whole(bytes, inspected) => Source::Held(Some(bytes), inspected.map(Box::new)),
            Self::Running(source) => source,
        }
    }
}

/// Why there is no answer to give.
#[derive(Debug)]
pub struct Failed {
    /// What the caller is told.
    pub status: StatusCode,
    /// In words: a sentence.
    pub said: String,
    /// What the operator is told.
    pub detail: String,
    /// When to come back, in seconds.
    pub retry_after: Option<u64>,
    /// What was in an answer of which nothing is left.
    pub inspected: Option<Box<Inspected>>,
    /// What was wrong with what came.
    pub alarm: Option<Box<Alarm>>,
    /// What was made all the same, as far as the answer said so.
    pub created: Box<[String]>,
}

impl Failed {
    /// Says that what came from behind makes no answer.
    pub fn bad_gateway(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_GATEWAY,
            said: "What is behind this service does not answer as it should.".into(),
            detail: detail.into(),
            retry_after: None,
            inspected: None,
            alarm: None,
            created: Box::default(),
        }
    }

    /// As it is recorded.
    pub fn recorded(&self) -> Failure {
        Failure {
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            inspected: self.inspected.as_deref().cloned(),
            alarm: self.alarm.as_deref().cloned(),
        }
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::bad_gateway(error.to_string())
    }
}

/// Why a running answer stops before its end.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// What is behind the service failed.
    #[error("{0}")]
    Upstream(String),
    /// What came was not what was asked for.
    #[error("{0}")]
    Alarm(Alarm),
}

/// Where a running answer comes from.
#[derive(Debug)]
pub enum Source {
    /// A file, read a piece ahead on a thread that may block.
    File {
        /// The pieces.
        pieces: mpsc::Receiver<std::io::Result<Bytes>>,
        /// How many bytes there are.
        length: u64,
    },
    /// An upstream's answer.
    Flow(Box<Flow>),
    /// An answer that is whole in hand, and what was found in it.
    Held(Option<Bytes>, Option<Box<Inspected>>),
}

impl Source {
    /// Reads `length` bytes of `file`.
    pub fn file(file: File, length: u64) -> Self {
        Self::File { pieces: read_ahead(file, length), length }
    }

    /// How many bytes it gives, if that is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::File { length, .. } => Some(*length),
            Self::Flow(flow) => flow.length,
            Self::Held(bytes, _) => bytes.as_ref().map(|bytes| bytes.len() as u64),
        }
    }

    /// Returns the next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Broken`]: nothing comes after it.
    pub async fn next(&mut self) -> Option<Result<Piece, Broken>> {
        match self {
            Self::File { pieces, .. } => {
                let piece = pieces.recv().await?;
                Some(piece.map(Piece::from).map_err(|error| Broken::Upstream(error.to_string())))
            }
            Self::Flow(flow) => flow.next().await,
            Self::Held(bytes, _) => {
                bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(bytes.into()))
            }
        }
    }

    /// Takes the fields that came behind it; there are none before its end.
    pub fn trailers(&mut self) -> Option<HeaderMap> {
        match self {
            Self::File { .. } | Self::Held(..) => None,
            Self::Flow(flow) => flow.trailers.take(),
        }
    }

    /// Whether it may still tell of something that was made.
    pub fn tells_what_was_made(&self) -> bool {
        match self {
            Self::File { .. } | Self::Held(..) => false,
            Self::Flow(flow) => {
                let is_over = flow.ended && flow.ready.is_empty();
                matches!(flow.inspector, Some(Inspector::Resources(_))) && !is_over
            }
        }
    }

    /// Returns what was found in what has passed, where it was looked into.
    pub fn inspected(&self) -> Option<Inspected> {
        match self {
            Self::File { .. } => None,
            Self::Held(_, inspected) => inspected.as_deref().cloned(),
            Self::Flow(flow) => flow.inspector.as_ref().map(Inspector::inspected),
        }
    }
}

/// An upstream's answer as it comes, looked into where its kind wants it.
#[derive(Debug)]
pub struct Flow {
    incoming: Incoming,
    inspector: Option<Inspector>,
    ready: VecDeque<Piece>,
    silence: Duration,
    length: Option<u64>,
    trailers: Option<HeaderMap>,
    ended: bool,
}

impl Flow {
    /// Takes the body of an answer; `silence` is how long it may say nothing.
    pub fn new(incoming: Incoming, inspector: Option<Inspector>, silence: Duration) -> Self {
        let length = if inspector.is_none() { incoming.size_hint().exact() } else { None };
        Self { incoming, inspector, ready: VecDeque::new(), silence, length, trailers: None, ended: false }
    }

    /// Returns the next piece that may leave; `None` at the end.
    async fn next(&mut self) -> Option<Result<Piece, Broken>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(piece));
            }
            if self.ended {
                return None;
            }
            if let Err(broken) = self.pull().await {
                self.ended = true;
                return Some(Err(broken));
            }
        }
    }

    /// Takes one frame from the upstream.
    async fn pull(&mut self) -> Result<(), Broken> {
        let frame = tokio::time::timeout(self.silence, self.incoming.frame()).await;
        let frame = frame.map_err(|_| {
            Broken::Upstream(format!("it said nothing for {} s in the middle", self.silence.as_secs()))
        })?;
        match (frame, &mut self.inspector) {
            (None, inspector) => {
                self.ended = true;
                let ready = &mut self.ready;
                let finished = inspector.as_mut().map_or(Ok(()), |inspector| inspector.finish(ready));
                finished.map_err(Broken::Alarm)
            }
            (Some(Err(error)), _) => Err(Broken::Upstream(format!("it broke off: {error}"))),
            (Some(Ok(frame)), inspector) => {
                let piece = match frame.into_data() {
                    Ok(piece) => piece,
                    Err(frame) => {
                        // What is looked into passes as its kind knows it, and nothing behind it.
                        let good = frame
                            .trailers_ref()
                            .filter(|_| inspector.is_none())
                            .map(fields::trailers_of_upstream);
                        self.trailers = good.filter(|good| !good.is_empty());
                        return Ok(());
                    }
                };
                match inspector {
                    None => self.ready.push_back(piece.into()),
                    Some(inspector) => {
                        inspector.push(&piece, &mut self.ready).map_err(Broken::Alarm)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Waits until all of it is in hand, or more than [`WHOLE`]: then the rest runs. What is whole comes with whom
    /// it names.
    ///
    /// # Errors
    ///
    /// [`Broken`]: nothing of it leaves.
    pub async fn gather(self) -> Result<(Content, Named), Broken> {
        self.gather_until(std::future::pending()).await
    }

    /// Does so, but lets it run once a part of it is in hand and the rest did not come within [`HOLD`].
    ///
    /// # Errors
    ///
    /// [`Broken`]: nothing of it leaves.
    pub async fn gather_for_a_moment(self) -> Result<(Content, Named), Broken> {
        if self.length.is_some() {
            return self.gather().await;
        }
        self.gather_until(tokio::time::sleep(HOLD)).await
    }

    async fn gather_until(mut self, enough: impl Future<Output = ()>) -> Result<(Content, Named), Broken> {
        let mut enough = pin!(enough);
        let mut held: Vec<Piece> = Vec::new();
        let mut size = 0;
        while size <= WHOLE {
            let next = tokio::select! {
                biased;
                next = self.next() => next,
                () = &mut enough, if !held.is_empty() => break,
            };
            let Some(piece) = next else {
                if self.trailers.is_some() {
                    // They come behind a body that runs.
                    break;
                }
                let inspected = self.inspector.as_ref().map(Inspector::inspected);
                let mut named = Named::default();
                for piece in &mut held {
                    named.add(std::mem::take(&mut piece.named));
                }
                let mut held: Vec<Bytes> = held.into_iter().map(|piece| piece.bytes).collect();
                let whole = if held.len() == 1 { held.swap_remove(0) } else { held.concat().into() };
                return Ok((Content::Whole(whole, inspected), named));
            };
            let piece = piece?;
            size += piece.bytes.len() as u64;
            held.push(piece);
        }
        for piece in held.into_iter().rev() {
            self.ready.push_front(piece);
        }
        Ok((Content::Running(Source::Flow(Box::new(self))), Named::default()))
    }
}

/// Reads `length` bytes of `source` on a thread that may block, a piece ahead of what is sent.
fn read_ahead(mut source: impl Read + Send + 'static, length: u64) -> mpsc::Receiver<std::io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        let mut left = length;
        while left > 0 {
            let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let mut piece = vec![0; size];
            let read = source.read_exact(&mut piece).map(|()| Bytes::from(piece));
            let failed = read.is_err();
            left -= size as u64;
            if sender.blocking_send(read).is_err() || failed {
                return;
            }
        }
    });
    receiver
}
