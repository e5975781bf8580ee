//! Messages by UDP (RFC 5426): one datagram is one message, and nobody vouches for its sender.
//!
//! A flood is bounded twice: by what one address and all of them may send in a minute, and by what waits to
//! be recorded. What is beyond is counted, and the count is recorded. What the system itself drops before we
//! see it, nobody counts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::net::UdpSocket;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::keep::{self, End};
use crate::base::address::{AddressBlock, ClientAddress};
use crate::flows::receive::{Dropped, Sender, dropped, received};
use crate::flows::record::Happened;
use crate::server::gate::Gate;
use crate::server::listener::until_true;

/// How many messages may wait to be recorded, and how many octets of them.
const WAITING: (usize, usize) = (16_384, 16 * 1024 * 1024);

/// How many of them are committed at once at most; with the last one, so many octets.
const AT_ONCE: (usize, usize) = (512, 1024 * 1024);

/// How many messages are taken in a [`WINDOW`], and how many octets.
struct Most {
    messages: u32,
    octets: usize,
}

/// Of one address.
const OF_ONE: Most = Most { messages: 30_000, octets: 16 * 1024 * 1024 };

/// Of all.
const OF_ALL: Most = Most { messages: 60_000, octets: 64 * 1024 * 1024 };

/// How many addresses are kept apart in a window; all others share one count.
const APART: usize = 4_096;

/// How long a window is; a count of what was dropped is recorded when it is over.
const WINDOW: Duration = Duration::from_secs(60);

/// The longest datagram there is.
const LONGEST: usize = 65_535;

/// Receives until the program stops.
pub async fn receive(
    socket: UdpSocket,
    gate: Arc<Gate>,
    mut stop: watch::Receiver<bool>,
    held: mpsc::Sender<()>,
) {
    let (waiting, taken) = mpsc::channel(WAITING.0);
    let room = Arc::new(Semaphore::new(WAITING.1));
    let recording = record(taken, Arc::clone(&gate), End::new(stop.clone()), held);
    tokio::spawn(recording);
    if keep::opened(&gate, &mut stop).await.is_none() {
        return;
    }
    let mut piece = vec![0; LONGEST];
    let (mut window, mut lost) = (Window::default(), None);
    loop {
        let (length, from) = tokio::select! {
            () = until_true(&mut stop) => break,
            () = tokio::time::sleep(WINDOW), if lost.is_some() => {
                hand_over(&waiting, &mut lost);
                continue;
            }
            came = socket.recv_from(&mut piece) => match came {
                Ok(came) => came,
                Err(error) => {
                    tracing::warn!(%error, "cannot receive datagrams");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        if window.turns(Instant::now()) {
            hand_over(&waiting, &mut lost);
        }
        let address = ClientAddress::new(from.ip());
        if length == 0 {
            continue;
        }
        let message = &piece[..length];
        let is_kept = window.takes(address, length) && wait(&waiting, &room, message, address);
        if !is_kept {
            count(&gate, &mut lost);
        }
    }
    if let Some(counted) = lost {
        // Whoever records ends some seconds after this at the latest, and takes none behind that.
        let _ = waiting.send(Came::Dropped(counted)).await;
    }
}

/// Has a message wait to be recorded, if there is room for it.
fn wait(waiting: &mpsc::Sender<Came>, room: &Arc<Semaphore>, message: &[u8], address: ClientAddress) -> bool {
    let octets = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let Ok(room) = Arc::clone(room).try_acquire_many_owned(octets) else { return false };
    let message = Bytes::copy_from_slice(message);
    let sender = Sender::unknown(address);
    waiting.try_send(Came::Message { message, sender, _room: room }).is_ok()
}

/// What waits to be recorded.
enum Came {
    Message {
        message: Bytes,
        sender: Sender,
        /// What it takes until it is recorded.
        _room: OwnedSemaphorePermit,
    },
    Dropped(Dropped),
}

impl Came {
    fn octets(&self) -> usize {
        match self {
            Self::Message { message, .. } => message.len(),
            Self::Dropped(_) => 0,
        }
    }

    fn happened(&self) -> Happened {
        match self {
            Self::Message { message, sender, .. } => received(message, sender),
            Self::Dropped(counted) => dropped(*counted),
        }
    }
}

/// Counts one that is not kept.
fn count(gate: &Gate, lost: &mut Option<Dropped>) {
    let (now, _) = gate.now();
    let lost = lost.get_or_insert(Dropped { count: 0, since: now, until: now });
    lost.count += 1;
    lost.until = Timestamp::max(lost.until, now);
}

/// Has what was counted recorded; it stays counted while there is no room even for that.
fn hand_over(waiting: &mpsc::Sender<Came>, lost: &mut Option<Dropped>) {
    if let Some(counted) = *lost
        && waiting.try_send(Came::Dropped(counted)).is_ok()
    {
        *lost = None;
    }
}

/// Commits what waits, as much at once as is there.
async fn record(mut taken: mpsc::Receiver<Came>, gate: Arc<Gate>, mut end: End, held: mpsc::Sender<()>) {
    let _held = held;
    while let Some(first) = taken.recv().await {
        let (mut octets, mut came) = (first.octets(), vec![first]);
        while came.len() < AT_ONCE.0
            && octets < AT_ONCE.1
            && let Some(Some(more)) = taken.recv().now_or_never()
        {
            octets += more.octets();
            came.push(more);
        }
        let happened: Vec<_> = came.iter().map(Came::happened).collect();
        keep::keep(&gate, &happened, &mut end).await;
    }
}

/// What was taken in this minute, by address.
#[derive(Default)]
struct Window {
    since: Option<Instant>,
    of_all: Taken,
    of_one: HashMap<Option<AddressBlock>, Taken>,
}

/// What was taken.
#[derive(Default)]
struct Taken {
    messages: u32,
    octets: usize,
}

impl Taken {
    fn has_room(&self, length: usize, most: &Most) -> bool {
        self.messages < most.messages && self.octets + length <= most.octets
    }

    fn add(&mut self, length: usize) {
        self.messages += 1;
        self.octets += length;
    }
}

impl Window {
    /// Begins anew when its time is over; `true` then.
    fn turns(&mut self, now: Instant) -> bool {
        let is_over = self.since.is_none_or(|since| now.duration_since(since) >= WINDOW);
        if is_over {
            *self = Self { since: Some(now), ..Self::default() };
        }
        is_over
    }

    /// Counts one message from `address`, and says whether it is taken.
    fn takes(&mut self, address: ClientAddress, length: usize) -> bool {
        let block = Some(address.block());
        let block = if self.of_one.len() < APART || self.of_one.contains_key(&block) { block } else { None };
        let own = self.of_one.entry(block).or_default();
        let is_taken = own.has_room(length, &OF_ONE) && self.of_all.has_room(length, &OF_ALL);
        if is_taken {
            own.add(length);
            self.of_all.add(length);
        }
        is_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_datagrams_is_taken_up_to_a_bound_and_begins_anew_after_a_minute() {
        let (mut window, now) = (Window::default(), Instant::now());
        assert!(window.turns(now) && !window.turns(now));
        let address = |last: u8| ClientAddress::new(std::net::IpAddr::from([192, 0, 2, last]));
        let taken = |window: &mut Window, last, length| {
            (0..70_000).filter(|_| window.takes(address(last), length)).count()
        };
        assert_eq!(taken(&mut window, 1, 100), 30_000);
        assert_eq!(taken(&mut window, 2, 100), 30_000);
        assert_eq!(taken(&mut window, 3, 100), 0, "all of them have their bound, too");
        assert!(window.turns(now + WINDOW));
        // Long ones are bounded by their octets.
        assert_eq!(taken(&mut window, 1, 65_507), 256);
        assert_eq!((2..100).map(|last| taken(&mut window, last, 65_507)).sum::<usize>(), 1024 - 256);
    }
}
