//! What became of a request, by what its answer says: only of what was asked for.

use crate::json::instance;
use crate::{Interaction, Part, Reach, Request, ResourceType};

/// An instance that there is since, or that there is no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Became {
    /// It was made.
    Made(ResourceType, String),
    /// It was deleted.
    Gone(ResourceType, String),
}

/// What an entry of an answer says of the entry that it answers (R4 section 3.1.0.11.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryAnswer {
    /// Which, counted from 0: answers stand in the order of what they answer.
    pub entry: usize,
    /// Begins with the HTTP code.
    pub status: String,
    /// Where it is now.
    pub location: Option<String>,
}

impl Request {
    /// Says what became of a request that is no Bundle, by the head of its answer.
    pub fn became(&self, status: u16, location: Option<&str>) -> Option<Became> {
        match (self.bundle, self.parts.as_slice()) {
            (None, [part]) => part.became(status, location),
            _ => None,
        }
    }

    /// Says what became of one entry of a batch or a transaction. In the answer to anything else, a Bundle says what
    /// somebody wrote into it.
    pub fn entry_became(&self, answer: &EntryAnswer) -> Option<Became> {
        self.bundle?;
        let status = answer.status.get(..3)?.parse().ok()?;
        self.parts.get(answer.entry)?.became(status, answer.location.as_deref())
    }
}

impl Part {
    fn became(&self, status: u16, location: Option<&str>) -> Option<Became> {
        let kind = self.kind?;
        match (&self.interaction, &self.id) {
            (Interaction::Update, Some(id)) if status == 201 => Some(Became::Made(kind, id.clone())),
            (Interaction::Create | Interaction::Update, None) if status == 201 => {
                let (made, id) = location.and_then(instance)?;
                (made == kind).then_some(Became::Made(kind, id))
            }
            (Interaction::Delete, Some(id)) if (200..300).contains(&status) => {
                (self.searches == Reach::NOTHING).then(|| Became::Gone(kind, id.clone()))
            }
            _ => None,
        }
    }
}
