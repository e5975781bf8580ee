//! Waiting for what comes by itself, with a limit.

use std::time::{Duration, Instant};

/// How long lies between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What a look comes to: something that was found, or whether it is so.
pub trait Look {
    type Found;

    fn found(self) -> Option<Self::Found>;
}

impl<T> Look for Option<T> {
    type Found = T;

    fn found(self) -> Self {
        self
    }
}

impl Look for bool {
    type Found = ();

    fn found(self) -> Option<()> {
        self.then_some(())
    }
}

/// Repeats `look` until it finds something, or stops the test after `within`.
#[track_caller]
pub fn eventually<L: Look>(what: &str, within: Duration, mut look: impl FnMut() -> L) -> L::Found {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().found() {
            return found;
        }
        assert!(begun.elapsed() < within, "not within {within:?}: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// The same where the server runs in the test's own runtime: it goes on between two looks.
pub async fn eventually_beside<L: Look>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> L,
) -> L::Found {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().found() {
            return found;
        }
        assert!(begun.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
