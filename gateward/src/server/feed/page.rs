//! The events that a place is to get next.

use super::{Error, Place};
use crate::flows::feed::Sent;
use crate::store::event::{self, Recorded};

/// How many are read at once.
const MOST: u32 = 200;

/// Some events in their order.
pub struct Page {
    pub events: Vec<Recorded>,
    from: u64,
}

impl Page {
    /// Reads what stands from `position` on, `most` events.
    pub async fn read(place: &Place, position: u64, most: u64) -> Result<Self, Error> {
        let reader = &place.opened.door.store.reader;
        let most = u32::try_from(most).map_or(MOST, |most| most.min(MOST));
        let events = event::from(reader, position, most).await;
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

    /// How many events between are gone: they expired, or were erased, before they were sent.
    pub fn missed(&self) -> u64 {
        let there = self.events.iter().filter(|event| event.body.is_some()).count();
        (self.to() - self.from).saturating_sub(there as u64)
    }

    /// The same without what stands at `position` and behind it.
    #[must_use]
    pub fn before(self, position: u64) -> Self {
        let Self { mut events, from } = self;
        events.retain(|event| event.position < position);
        Self { events, from }
    }

    /// What it is to be sent, with nothing refused.
    pub fn sent(&self) -> Sent {
        Sent { to: self.to(), missed: self.missed(), refused: Vec::new() }
    }
}
