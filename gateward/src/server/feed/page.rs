//! The events that a place is to get next.

use super::{Error, Place};
use crate::store::event::{self, Recorded};

/// How many are read at once.
const MOST: u32 = 200;

/// Some events in their order.
pub struct Page {
    pub events: Vec<Recorded>,
    from: u64,
}

impl Page {
    /// Reads what stands from `position` on.
    pub async fn read(place: &Place, position: u64) -> Result<Self, Error> {
        let reader = &place.opened.door.store.reader;
        let events = event::from(reader, position, MOST).await;
        let events = events.map_err(|error| Error::Here(error.to_string()))?;
        Ok(Self { events, from: position })
    }

    /// Nothing, behind what was sent.
    pub fn none(position: u64) -> Self {
        Self { events: Vec::new(), from: position }
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The position behind the last of them.
    pub fn to(&self) -> u64 {
        self.events.last().map_or(self.from, |last| last.position + 1)
    }

    /// How many events between are gone: they expired before they were sent.
    pub fn missed(&self) -> u64 {
        (self.to() - self.from).saturating_sub(self.events.len() as u64)
    }
}
