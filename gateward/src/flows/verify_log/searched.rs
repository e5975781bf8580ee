//! Holds what searches look at against what the events say.
//!
//! The tree does not cover these copies, and whoever changes them hides an event from searches without touching it.

use std::fmt;

use super::Error;
use crate::store::Reader;
use crate::store::evidence::{self, Columns, Evidence, Searched};

/// How the copy of an event differs from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Differs {
    /// There is none.
    Missing,
    /// This column says something else.
    Column(&'static str),
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("its row of `search` is missing"),
            Self::Column(column) => write!(f, "`{column}` in its row of `search` is not what it says"),
        }
    }
}

/// The first event whose copy differs, if any does.
#[derive(Debug, Default)]
pub(super) struct Copies(Option<(u64, String, Differs)>);

impl Copies {
    /// Looks at an event that was found to be what its entry commits to.
    pub fn compare(&mut self, event: &Evidence) {
        if self.0.is_none() {
            self.0 = differs(event).map(|differs| (event.position, event.id.clone(), differs));
        }
    }

    /// Names the first copy that differs, or that is of no event, once all of the `events` were looked at.
    pub async fn finish(self, reader: &Reader, events: u64) -> Result<(), Error> {
        if let Some((position, id, differs)) = self.0 {
            return Err(Error::Searched { position, id, differs });
        }
        match evidence::searched_without_event(reader, events).await? {
            Some(position) => Err(Error::SearchedWithoutEvent(position)),
            None => Ok(()),
        }
    }
}

fn differs(event: &Evidence) -> Option<Differs> {
    let Some(Searched { recorded_at, columns: found }) = &event.searched else {
        return Some(Differs::Missing);
    };
    let said = said(event);
    let columns = [
        ("recorded_at", *recorded_at == event.recorded_at),
        ("kind", found.kind == said.kind),
        ("outcome", found.outcome == said.outcome),
        ("service", found.service == said.service),
        ("who", found.who == said.who),
        ("transaction_id", found.transaction == said.transaction),
        ("reference", found.reference == said.reference),
    ];
    columns.iter().find(|(_, same)| !same).map(|(column, _)| Differs::Column(column))
}

/// What the copy of an event has to say.
fn said(event: &Evidence) -> Columns {
    let Some((_, body)) = &event.body else {
        let erased = Some("erased".to_owned());
        return Columns { kind: erased.clone(), outcome: erased, ..Columns::default() };
    };
    // The body is proven; one that is no such object says nothing of these.
    serde_json::from_str(body).unwrap_or_default()
}
