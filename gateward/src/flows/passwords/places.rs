//! Where passwords are hashed: a few at once, and never all of them for strangers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long somebody waits for a place before they are told to come back.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many strangers wait at once.
const WAITING: usize = 64;

/// The places there are.
///
/// Whoever was right before, from where they come now, has one that strangers cannot take: guesses from
/// all over the world make strangers wait, and nobody else.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    waiting: Semaphore,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(
    #[expect(dead_code, reason = "held, not looked at")] [Option<OwnedSemaphorePermit>; 2],
);

impl Places {
    /// Makes `count` of them, at least one.
    pub fn new(count: u32) -> Self {
        let count = usize::try_from(count).unwrap_or(1).max(1);
        Self {
            all: Arc::new(Semaphore::new(count)),
            strangers: Arc::new(Semaphore::new((count - 1).max(1))),
            waiting: Semaphore::new(WAITING),
        }
    }

    /// Takes one; `None` when there is none within five seconds, or too many wait already.
    pub async fn take(&self, is_stranger: bool) -> Option<Place> {
        // Neither is ever closed.
        let one = |of: &Arc<Semaphore>| Arc::clone(of).acquire_owned();
        let take = async {
            let of_strangers = if is_stranger { one(&self.strangers).await.ok() } else { None };
            Place([one(&self.all).await.ok(), of_strangers])
        };
        let _waiting = if is_stranger { Some(self.waiting.try_acquire().ok()?) } else { None };
        tokio::time::timeout(PATIENCE, take).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn strangers_never_take_the_last_place() {
        let places = Places::new(2);
        let first = places.take(true).await.unwrap();
        let mut second = Box::pin(places.take(true));
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut second).await.is_err(), "it waits");
        let known = places.take(false).await;
        assert!(known.is_some());
        drop(first);
        drop(known);
        assert!(second.await.is_some());
    }

    #[tokio::test]
    async fn the_queue_of_strangers_is_bounded() {
        let places = Arc::new(Places::new(1));
        let held = places.take(true).await.unwrap();
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..WAITING {
            let places = Arc::clone(&places);
            waiting.spawn(async move { places.take(true).await.is_some() });
        }
        while places.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(places.take(true).await.is_none(), "one too many");
        drop(held);
        assert!(waiting.join_all().await.into_iter().all(|taken| taken));
    }
}
