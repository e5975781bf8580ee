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
use tokio::sync::{mpsc, watch};

use super::keep;
use crate::base::address::{AddressBlock, ClientAddress};
use crate::flows::receive::{Dropped, Sender, dropped, received};
use crate::server::gate::Gate;
use crate::server::listener::until_true;

/// How many messages may wait to be recorded.
const WAITING: usize = 4096;

/// How many of them are committed at once at most.
const AT_ONCE: usize = 512;

/// How many messages of one address, and of all, are taken in a [`WINDOW`].
const TAKEN: (u32, u32) = (6_000, 60_000);

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
    let (waiting, taken) = mpsc::channel(WAITING);
    let recording = record(taken, Arc::clone(&gate), stop.clone(), held);
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
        let message = Came::Message(Bytes::copy_from_slice(&piece[..length]), Sender::unknown(address));
        let is_kept = length > 0 && window.takes(address) && waiting.try_send(message).is_ok();
        if !is_kept && length > 0 {
            count(&gate, &mut lost);
        }
    }
    hand_over(&waiting, &mut lost);
}

/// What waits to be recorded.
enum Came {
    Message(Bytes, Sender),
    Dropped(Dropped),
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
async fn record(
    mut taken: mpsc::Receiver<Came>,
    gate: Arc<Gate>,
    mut stop: watch::Receiver<bool>,
    held: mpsc::Sender<()>,
) {
    let _held = held;
    while let Some(first) = taken.recv().await {
        let mut happened = vec![event(first)];
        while happened.len() < AT_ONCE
            && let Some(Some(more)) = taken.recv().now_or_never()
        {
            happened.push(event(more));
        }
        keep::keep(&gate, &happened, &mut stop).await;
    }
}

fn event(came: Came) -> crate::flows::record::Happened {
    match came {
        Came::Message(bytes, sender) => received(&bytes, &sender),
        Came::Dropped(counted) => dropped(counted),
    }
}

/// What was taken in this minute, by address.
#[derive(Default)]
struct Window {
    since: Option<Instant>,
    of_all: u32,
    of_one: HashMap<Option<AddressBlock>, u32>,
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
    fn takes(&mut self, address: ClientAddress) -> bool {
        let block = Some(address.block());
        let block = if self.of_one.len() < APART || self.of_one.contains_key(&block) { block } else { None };
        let own = self.of_one.entry(block).or_insert(0);
        let is_taken = *own < TAKEN.0 && self.of_all < TAKEN.1;
        if is_taken {
            *own += 1;
            self.of_all += 1;
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
        let taken = |window: &mut Window, last| (0..70_000).filter(|_| window.takes(address(last))).count();
        assert_eq!(taken(&mut window, 1), 6_000);
        assert_eq!(taken(&mut window, 2), 6_000);
        assert_eq!((3..100).map(|last| taken(&mut window, last)).sum::<usize>(), 48_000);
        assert!(window.turns(now + WINDOW));
        assert_eq!(taken(&mut window, 1), 6_000);
    }
}
