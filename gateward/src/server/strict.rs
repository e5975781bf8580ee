//! A connection as the HTTP/1.1 parser may read it: what has no one reading never gets there.
//!
//! Heads are held until they are whole and judged (`crates/http-framing`). In place of one that is refused
//! the parser is given a request of ours, so that the refusal takes its turn after the answers to what
//! came before it; what follows on the connection is dropped.

use std::io::{Error, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http_framing::{Fault, Framing, Passed, request_line};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::Sleep;

/// Takes the place of a head that is refused: nobody's request, and the last one.
const IN_ITS_PLACE: &[u8] = b"GET / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n";

/// How much is read at once of what cannot be handed on directly, in bytes.
const AT_ONCE: usize = 4096;

/// How much is held of what comes before it is known which protocol it is, in bytes.
const MOST_HELD: usize = 64 * 1024;

/// How much is read and dropped after a refusal, so that the client sees it and not a reset, in bytes.
const DROPPED: usize = 1024 * 1024;

/// How long it is read and dropped.
const LINGER: Duration = Duration::from_secs(2);

/// A request that was refused before anybody could read it.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// What is wrong with it.
    pub fault: Fault,
    /// Its method, as far as it has one.
    pub method: String,
    /// Its target, as far as it has one.
    pub target: String,
}

/// What connection and answers tell each other; requests are counted from 1.
#[derive(Debug)]
pub struct Line {
    malformed: watch::Sender<Option<(u64, Malformed)>>,
    upgrade: Mutex<Upgrade>,
}

#[derive(Debug, Default)]
struct Upgrade {
    /// Which request was answered last, and whether another protocol is spoken since.
    answered: Option<(u64, bool)>,
    waiting: Option<Waker>,
}

impl Line {
    /// Returns why the request with this number is refused, if it is and that is known already.
    pub fn refusal(&self, number: u64) -> Option<Malformed> {
        let malformed = self.malformed.borrow();
        malformed.as_ref().filter(|(at, _)| *at == number).map(|(_, malformed)| malformed.clone())
    }

    /// Returns once the body of the request with this number is found to have no one end.
    pub async fn until_refused(&self, number: u64) -> Malformed {
        let mut told = self.malformed.subscribe();
        let found = told.wait_for(|malformed| malformed.as_ref().is_some_and(|(at, _)| *at == number)).await;
        match found.ok().and_then(|found| found.clone()) {
            Some((_, malformed)) => malformed,
            None => std::future::pending().await,
        }
    }

    /// Says whether the request with this number was answered with another protocol.
    pub fn answered(&self, number: u64, upgraded: bool) {
        let mut upgrade = self.upgrade.lock().unwrap_or_else(PoisonError::into_inner);
        upgrade.answered = Some((number, upgraded));
        if let Some(waker) = upgrade.waiting.take() {
            waker.wake();
        }
    }

    fn poll_answered(&self, number: u64, context: &Context<'_>) -> Poll<bool> {
        let mut upgrade = self.upgrade.lock().unwrap_or_else(PoisonError::into_inner);
        match upgrade.answered {
            Some((at, upgraded)) if at == number => Poll::Ready(upgraded),
            Some(_) | None => {
                upgrade.waiting = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// How a connection ends that brought what has no one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// A head: [`IN_ITS_PLACE`] is read, and nothing after it.
    Head,
    /// A body: reading it fails.
    Body,
}

/// A connection that is read strictly, and written as it is.
#[derive(Debug)]
pub struct Strict<S> {
    wire: S,
    line: Arc<Line>,
    framing: Framing,
    /// What was read and is not handed on yet; so many of it may be.
    held: Vec<u8>,
    ready: usize,
    refused: Option<Refused>,
    lingering: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S> Strict<S> {
    /// Reads `wire` strictly.
    pub fn new(wire: S) -> (Self, Arc<Line>) {
        let line = Arc::new(Line { malformed: watch::Sender::new(None), upgrade: Mutex::default() });
        let strict = Self {
            wire,
            line: Arc::clone(&line),
            framing: Framing::default(),
            held: Vec::new(),
            ready: 0,
            refused: None,
            lingering: None,
        };
        (strict, line)
    }

    /// Judges as much of `bytes` as can be; returns how many may be handed on.
    fn judge(&mut self, bytes: &[u8], context: &Context<'_>) -> usize {
        let mut passed = 0;
        loop {
            match self.framing.judge(&bytes[passed..]) {
                Ok(Passed::Some(more)) => passed += more,
                Ok(Passed::NeedsMore) => return passed,
                Ok(Passed::NeedsAnswer) => match self.line.poll_answered(self.framing.requests(), context) {
                    Poll::Ready(upgraded) => self.framing.answered(upgraded),
                    Poll::Pending => return passed,
                },
                Err(fault) => {
                    self.refuse(fault, &bytes[passed..]);
                    return passed;
                }
            }
        }
    }

    fn refuse(&mut self, fault: Fault, bytes: &[u8]) {
        let (refused, number) = if self.framing.is_in_body() {
            (Refused::Body, self.framing.requests())
        } else {
            (Refused::Head, self.framing.requests() + 1)
        };
        let (method, target) = match refused {
            Refused::Head => request_line(bytes),
            Refused::Body => Default::default(),
        };
        self.refused = Some(refused);
        self.line.malformed.send_replace(Some((number, Malformed { fault, method, target })));
    }

    /// Takes over what was read and may not be handed on yet, or what stands in its place.
    fn hold(&mut self, bytes: &[u8]) {
        match self.refused {
            None => self.held.extend_from_slice(bytes),
            Some(Refused::Head) => {
                self.held.extend_from_slice(IN_ITS_PLACE);
                self.ready = self.held.len();
            }
            Some(Refused::Body) => {}
        }
    }

    /// Judges again what is held: there is more of it, or it is known now what it is.
    fn judge_held(&mut self, context: &Context<'_>) {
        let mut held = std::mem::take(&mut self.held);
        self.ready = self.judge(&held, context);
        let rest = held.split_off(self.ready);
        self.held = held;
        self.hold(&rest);
    }

    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let size = self.ready.min(buffer.remaining());
        buffer.put_slice(&self.held[..size]);
        self.held.drain(..size);
        self.ready -= size;
        if self.held.is_empty() {
            // Most connections never need it again.
            self.held = Vec::new();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if !this.held.is_empty() && this.ready == 0 && this.refused.is_none() {
            this.judge_held(context);
        }
        loop {
            if this.ready > 0 {
                this.hand_on(buffer);
                return Poll::Ready(Ok(()));
            }
            match this.refused {
                None => {}
                // Whoever reads has the last request already, and ends with it.
                Some(Refused::Head) => return Poll::Pending,
                Some(Refused::Body) => {
                    return Poll::Ready(Err(Error::new(ErrorKind::InvalidData, "the body has no one end")));
                }
            }
            if this.held.is_empty() {
                ready!(Pin::new(&mut this.wire).poll_read(context, buffer))?;
                let read = &buffer.filled()[before..];
                if read.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                let passed = this.judge(read, context);
                this.hold(&read[passed..]);
                if passed > 0 {
                    // What is held now follows it.
                    buffer.set_filled(before + passed);
                    return Poll::Ready(Ok(()));
                }
                buffer.set_filled(before);
            } else {
                if this.held.len() >= MOST_HELD {
                    // Only what waits for an answer grows so far: it wakes us.
                    return Poll::Pending;
                }
                let mut more = [0; AT_ONCE];
                let mut more = ReadBuf::new(&mut more);
                ready!(Pin::new(&mut this.wire).poll_read(context, &mut more))?;
                if more.filled().is_empty() {
                    return Poll::Ready(Ok(()));
                }
                this.held.extend_from_slice(more.filled());
                this.judge_held(context);
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_flush(context)
    }

    /// What is left unread makes the system reset the connection, and a refusal is lost with it: so its
    /// end is waited for, within bounds.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.wire).poll_shutdown(context))?;
            if this.refused.is_none() {
                return Poll::Ready(Ok(()));
            }
        }
        let (late, dropped) = this.lingering.get_or_insert_with(|| (Box::pin(tokio::time::sleep(LINGER)), 0));
        let mut rest = [0; AT_ONCE];
        while *dropped < DROPPED && late.as_mut().poll(context).is_pending() {
            let mut rest = ReadBuf::new(&mut rest);
            ready!(Pin::new(&mut this.wire).poll_read(context, &mut rest))?;
            if rest.filled().is_empty() {
                break;
            }
            *dropped += rest.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}
