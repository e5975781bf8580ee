//! Carries a running answer: releases each piece only while it is still permitted, then records
//! how it ended.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::body::{AnswerBody, Cut, Pieces};
use super::cutter::Cutter;
use super::watch::Seen;
use crate::base::time::Clock;
use crate::flows::admit::{Admitted, Ending};
use crate::flows::door::Door;
use crate::flows::record::Delivery;

/// How much is read and released at a time.
const PIECE: usize = 128 * 1024;

/// How long a client may take nothing before the answer is cut.
const STALLED: Duration = Duration::from_secs(60);

/// How long an answer pauses while the revocation counter cannot be read, before it is cut.
const BLIND: Duration = Duration::from_secs(60);

/// How often it is tried again to decide, or to record an end.
const RETRY: Duration = Duration::from_millis(500);

/// What a running answer needs besides its source.
#[derive(Debug)]
pub struct Pump {
    /// Where decisions are made again and the end is recorded.
    pub door: Arc<Door>,
    /// The time.
    pub clock: Clock,
    /// What is known of the revocation counter.
    pub seen: watch::Receiver<Seen>,
    /// Closes the connection that the answer runs on.
    pub cutter: Cutter,
    /// Counts answers whose end is not recorded yet; dropped when this one's is.
    pub running: mpsc::Sender<()>,
}

impl Pump {
    /// Starts carrying `length` bytes of `source`; the answer may leave, because `admitted` is
    /// durable.
    pub fn start(
        self,
        admitted: Admitted,
        status: u16,
        source: impl Read + Send + 'static,
        length: u64,
    ) -> AnswerBody {
        let (sender, taken, pieces) = Pieces::new(length);
        tokio::spawn(async move {
            let mut carried = Carried { pump: self, admitted, sender, taken, length };
            let delivery = carried.carry(read_ahead(source, length)).await;
            carried.finish(status, delivery).await;
        });
        AnswerBody::Running(pieces)
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

struct Carried {
    pump: Pump,
    admitted: Admitted,
    sender: mpsc::Sender<Result<Bytes, Cut>>,
    taken: Arc<AtomicU64>,
    length: u64,
}

impl Carried {
    async fn carry(&mut self, mut pieces: mpsc::Receiver<std::io::Result<Bytes>>) -> Delivery {
        while let Some(piece) = pieces.recv().await {
            let Ok(piece) = piece else {
                return Delivery::UpstreamFailed;
            };
            match self.room().await {
                Ok(permit) => drop(permit.send(Ok(piece))),
                Err(delivery) => return delivery,
            }
        }
        self.drained().await
    }

    /// Waits until one more piece may be sent: the client takes it, and it is still permitted.
    async fn room(&mut self) -> Result<mpsc::OwnedPermit<Result<Bytes, Cut>>, Delivery> {
        let mut stalled = Box::pin(tokio::time::sleep(STALLED));
        let mut slot = Box::pin(self.sender.clone().reserve_owned());
        loop {
            self.still_permitted().await?;
            tokio::select! {
                biased;
                changed = self.pump.seen.changed() => if changed.is_err() { return Err(Delivery::Cut) },
                slot = &mut slot => return slot.map_err(|_| Delivery::Cut),
                () = &mut stalled => return Err(Delivery::Cut),
            }
        }
    }

    /// Waits until the transport has taken everything, or went away.
    async fn drained(&mut self) -> Delivery {
        let mut stalled = Box::pin(tokio::time::sleep(STALLED));
        // The transport drops its end when it has everything, or when the client is gone.
        let sender = self.sender.clone();
        let mut closed = Box::pin(async move { sender.closed().await });
        loop {
            if self.taken.load(Ordering::Acquire) == self.length {
                return Delivery::Complete;
            }
            if let Err(delivery) = self.still_permitted().await {
                return delivery;
            }
            tokio::select! {
                () = &mut closed => {
                    let all = self.taken.load(Ordering::Acquire) == self.length;
                    return if all { Delivery::Complete } else { Delivery::Cut };
                }
                changed = self.pump.seen.changed() => if changed.is_err() { return Delivery::Cut },
                () = &mut stalled => return Delivery::Cut,
            }
        }
    }

    /// Returns at once while the answer is permitted; waits while that cannot be known, because the
    /// counter, the policy or the clock cannot be read, and gives up after [`BLIND`].
    async fn still_permitted(&mut self) -> Result<(), Delivery> {
        let mut blind_since = None;
        loop {
            match self.is_permitted() {
                Some(true) => return Ok(()),
                Some(false) => return Err(Delivery::Revoked),
                None => {}
            }
            let since = *blind_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= BLIND {
                tracing::warn!("a running answer could not be decided again for too long: cut");
                return Err(Delivery::Cut);
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Decides again if anything moved; `None` while that cannot be known.
    fn is_permitted(&mut self) -> Option<bool> {
        let seen = *self.pump.seen.borrow_and_update();
        let now = self.pump.clock.now().ok()?;
        if seen.unreadable_since.is_some() {
            return None;
        }
        if self.admitted.ends_at() <= now {
            return Some(false);
        }
        if seen.revision == self.admitted.decided_under() {
            return Some(true);
        }
        let policy = self.pump.door.policy.up_to_date().ok()?;
        self.admitted.is_still_permitted(&self.pump.door, &policy, now).ok()
    }

    async fn finish(self, status: u16, delivery: Delivery) {
        let Self { pump, admitted, sender, taken, .. } = self;
        if delivery != Delivery::Complete {
            // Whatever waits to be taken is never taken: the connection goes, and with it the answer.
            drop(sender.try_send(Err(Cut)));
            pump.cutter.cut();
        }
        drop(sender);
        let ending = Ending { status, bytes: taken.load(Ordering::Acquire), delivery };
        loop {
            if let Ok(now) = pump.clock.now() {
                match admitted.end(&pump.door, ending, now).await {
                    Ok(()) => return drop(pump.running),
                    Err(error) => {
                        tracing::warn!(%error, "the end of an answer is not recorded yet");
                    }
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}
