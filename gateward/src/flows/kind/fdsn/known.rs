//! What is known of the inventory: the last reading, and for how long it is believed.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use fdsn::Inventory;
use jiff::{SignedDuration, Timestamp};

/// One reading of an inventory.
#[derive(Debug, Clone)]
pub struct Read {
    /// What it said.
    pub inventory: Arc<Inventory>,
    /// When it was read, or found unchanged.
    pub at: Timestamp,
    /// What tells it from other readings.
    pub sha256: String,
}

/// The last reading; nothing is known before the first.
#[derive(Debug, Clone)]
pub struct Known {
    last: Arc<ArcSwapOption<Read>>,
    believed_for: SignedDuration,
}

impl Known {
    /// Knows nothing yet; a reading is believed for `believed_for`.
    pub(super) fn nothing(believed_for: SignedDuration) -> Self {
        Self { last: Arc::default(), believed_for }
    }

    /// Returns the last reading, however old.
    pub fn last(&self) -> Option<Arc<Read>> {
        self.last.load_full()
    }

    /// Takes a reading.
    pub fn take(&self, read: Read) {
        self.last.store(Some(Arc::new(read)));
    }

    /// Returns what is believed at `now`: an inventory that was read too long ago says nothing.
    pub(super) fn believed(&self, now: Timestamp) -> Option<Arc<Inventory>> {
        let last = self.last()?;
        (now.duration_since(last.at) <= self.believed_for).then(|| Arc::clone(&last.inventory))
    }
}
