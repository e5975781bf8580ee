//! Carries a running answer: releases each piece only while it is still permitted, then records
//! how it ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::body::{AnswerBody, Pieces, Sent, Taken};
use super::cutter::Cutter;
use super::found::{Broken, Source};
use super::watch::Seen;
use crate::base::time::Clock;
use crate::flows::admit::{Admitted, Ending};
use crate::flows::door::Door;
use crate::flows::kind::{Effect, Named, Piece};
use crate::flows::record::Delivery;
use crate::store::revocation::Revision;

/// How long a client may take nothing before the answer is cut.
const STALLED: Duration = Duration::from_secs(60);

/// How long an answer pauses while the revocation counter cannot be read, before it is cut.
const BLIND: Duration = Duration::from_secs(60);

/// How long an upstream is heard on about what it made, once nobody takes its answer any more.
const HEARD_ON: Duration = Duration::from_secs(60);

/// How often it is tried again to decide, or to record an end.
const RETRY: Duration = Duration::from_millis(500);

/// How often it is looked whether what may end unannounced has: such an end acts within one second, too.
const LOOK: Duration = Duration::from_millis(400);

/// What a running answer needs besides its source.
#[derive(Debug)]
pub struct Pump {
    /// Where decisions are made again and the end is recorded.
    pub door: Arc<Door>,
    /// The time.
    pub clock: Clock,
    /// What is known of the revocation counter.
    pub seen: watch::Receiver<Seen>,
    /// Which trust it was decided under.
    pub trust: u64,
    /// Closes the connection that the answer runs on.
    pub cutter: Cutter,
    /// Counts answers whose end is not recorded yet; dropped when this one's is.
    pub running: mpsc::Sender<()>,
    /// When it was last decided.
    pub looked: Instant,
}

impl Pump {
    /// Starts carrying `source`; the answer may leave, because `admitted` is durable.
    pub fn start(self, admitted: Admitted, status: u16, source: Source) -> AnswerBody {
        let (sender, taken, pieces) = Pieces::new(source.length());
        tokio::spawn(async move {
            let mut carried =
                Carried { pump: self, admitted, sender, taken, broken: None, created: Vec::new() };
            let mut source = source;
            let delivery = carried.carry(&mut source).await;
            carried.finish(status, delivery, source).await;
        });
        AnswerBody::Running(pieces)
    }

    /// Records how a transaction ended, and goes on trying until that is done.
    pub async fn record_end(self, admitted: Admitted, ending: Ending) {
        loop {
            if let Ok(now) = self.clock.now() {
                match admitted.end(&self.door, ending.clone(), now).await {
                    Ok(()) => return drop(self.running),
                    Err(error) => {
                        tracing::warn!(%error, "the end of an answer is not recorded yet");
                    }
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Returns once what `admitted` is for is not permitted any more.
    pub async fn until_not_permitted(&mut self, admitted: &mut Admitted) -> Delivery {
        self.decide_again_and_again(admitted, |_| ()).await
    }

    /// As [`Pump::until_not_permitted`]; `permitted` is told under which counter it still is.
    pub async fn decide_again_and_again(
        &mut self,
        admitted: &mut Admitted,
        mut permitted: impl FnMut(Revision),
    ) -> Delivery {
        loop {
            if let Err(delivery) = still_permitted(self, admitted).await {
                return delivery;
            }
            permitted(admitted.decided_under());
            let left = admitted.ends_at().zip(self.clock.now().ok());
            let left = left.and_then(|(end, now)| Duration::try_from(end.duration_since(now)).ok());
            tokio::select! {
                moved = self.moved(admitted) => if moved.is_err() { return Delivery::Cut },
                () = tokio::time::sleep(left.unwrap_or(BLIND).min(BLIND)) => {}
            }
        }
    }

    /// Returns once it is time to decide `admitted` again.
    ///
    /// # Errors
    ///
    /// The program stops.
    async fn moved(&mut self, admitted: &Admitted) -> Result<(), watch::error::RecvError> {
        tokio::select! {
            changed = self.seen.changed() => changed,
            () = tokio::time::sleep(LOOK), if admitted.ends_unannounced() => Ok(()),
        }
    }
}

struct Carried {
    pump: Pump,
    admitted: Admitted,
    sender: mpsc::Sender<Sent>,
    taken: Arc<Taken>,
    broken: Option<Broken>,
    /// What the upstream made and nobody was told of.
    created: Vec<String>,
}

impl Carried {
    async fn carry(&mut self, source: &mut Source) -> Delivery {
        loop {
            let next = tokio::select! {
                next = source.next() => next,
                // An upstream may be silent for long: whoever lost the right to it is not kept on.
                delivery = self.pump.until_not_permitted(&mut self.admitted) => {
                    return if self.taken.is_all() { Delivery::Complete } else { delivery };
                }
                () = self.sender.closed() => return self.left(),
            };
            let sent = match next {
                None => Sent::End(source.trailers()),
                Some(Ok(Piece { bytes, named })) => {
                    if let Err(delivery) = self.disclose(&named).await {
                        self.created.extend(named.created);
                        return delivery;
                    }
                    Sent::Piece(bytes)
                }
                Some(Err(broken)) => {
                    tracing::error!(%broken, transaction = %self.admitted.transaction(), "an upstream failed");
                    self.broken = Some(broken);
                    return Delivery::UpstreamFailed;
                }
            };
            let last = matches!(sent, Sent::End(_));
            match self.room().await {
                Ok(permit) => drop(permit.send(sent)),
                Err(delivery) => return delivery,
            }
            if last {
                return self.drained().await;
            }
        }
    }

    /// Records whom the next piece names; waits while that cannot be recorded, and gives up after [`BLIND`].
    async fn disclose(&mut self, named: &Named) -> Result<(), Delivery> {
        if named.is_empty() {
            return Ok(());
        }
        let since = Instant::now();
        loop {
            self.still_permitted().await?;
            if let Ok(now) = self.pump.clock.now() {
                match self.admitted.disclose(&self.pump.door, named.clone(), now).await {
                    Ok(()) => return Ok(()),
                    Err(error) => tracing::warn!(%error, "whom an answer names is not recorded yet"),
                }
            }
            if since.elapsed() >= BLIND || self.sender.is_closed() {
                return Err(Delivery::Cut);
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// How it ended when the transport wants no more.
    fn left(&self) -> Delivery {
        if self.taken.is_all() { Delivery::Complete } else { Delivery::Cut }
    }

    /// Waits until one more piece may be sent: the client takes it, and it is still permitted.
    async fn room(&mut self) -> Result<mpsc::OwnedPermit<Sent>, Delivery> {
        let mut stalled = Box::pin(tokio::time::sleep(STALLED));
        let mut slot = Box::pin(self.sender.clone().reserve_owned());
        loop {
            self.still_permitted().await?;
            tokio::select! {
                biased;
                moved = self.pump.moved(&self.admitted) => if moved.is_err() { return Err(self.left()) },
                slot = &mut slot => return slot.map_err(|_| self.left()),
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
            if self.taken.is_all() {
                return Delivery::Complete;
            }
            if let Err(delivery) = self.still_permitted().await {
                return delivery;
            }
            tokio::select! {
                () = &mut closed => return self.left(),
                // The program stops: it may be because the last transport has everything.
                moved = self.pump.moved(&self.admitted) => if moved.is_err() { return self.left() },
                () = &mut stalled => return Delivery::Cut,
            }
        }
    }

    /// Returns at once while the answer is permitted; waits while that cannot be known, because the
    /// counter, the policy or the clock cannot be read, and gives up after [`BLIND`].
    async fn still_permitted(&mut self) -> Result<(), Delivery> {
        still_permitted(&mut self.pump, &mut self.admitted).await
    }

    async fn finish(self, status: u16, delivery: Delivery, mut source: Source) {
        let Self { pump, admitted, sender, taken, broken, mut created } = self;
        // Whatever waits to be taken is never taken: what is recorded is what left.
        let bytes = taken.cut();
        if delivery != Delivery::Complete {
            drop(sender.try_send(Sent::Cut));
            pump.cutter.cut();
        }
        drop(sender);
        if admitted.effect() == Effect::Change {
            // Whoever left has made all of it, and nobody else is told whose it is.
            let mut seen = pump.seen.clone();
            tokio::select! {
                () = hear_what_was_made(&mut source, &mut created) => {}
                // The program stops.
                () = async { while seen.changed().await.is_ok() {} } => {}
                () = tokio::time::sleep(HEARD_ON) => {}
            }
        }
        let inspected = source.inspected();
        let detail = broken.as_ref().map(ToString::to_string);
        let alarm = match broken {
            Some(Broken::Alarm(alarm)) => Some(alarm),
            Some(Broken::Upstream(_)) | None => None,
        };
        pump.record_end(
            admitted,
            Ending { status, bytes, bytes_up: None, delivery, inspected, detail, alarm, created },
        )
        .await;
    }
}

/// Reads an answer that nobody takes any more to its end.
async fn hear_what_was_made(source: &mut Source, created: &mut Vec<String>) {
    while source.tells_what_was_made() {
        let Some(Ok(Piece { named, .. })) = source.next().await else { return };
        created.extend(named.created);
    }
}

async fn still_permitted(pump: &mut Pump, admitted: &mut Admitted) -> Result<(), Delivery> {
    let mut blind_since = None;
    loop {
        match is_permitted(pump, admitted).await {
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
async fn is_permitted(pump: &mut Pump, admitted: &mut Admitted) -> Option<bool> {
    let seen = *pump.seen.borrow_and_update();
    let now = pump.clock.now().ok()?;
    if seen.unreadable_since.is_some() {
        return None;
    }
    if admitted.ends_at().is_some_and(|end| end <= now) {
        return Some(false);
    }
    let trust = pump.door.trust.current().generation();
    let unmoved = seen.revision == admitted.decided_under() && trust == pump.trust;
    if unmoved && (!admitted.ends_unannounced() || pump.looked.elapsed() < LOOK) {
        return Some(true);
    }
    let policy = pump.door.policy.up_to_date().await.ok()?;
    let permitted = admitted.is_still_permitted(&pump.door, &policy, now).await.ok()?;
    pump.trust = trust;
    pump.looked = Instant::now();
    Some(permitted)
}
