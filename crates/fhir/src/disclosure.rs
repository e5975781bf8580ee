//! An answer as it comes: what of it may leave, and which patients that names.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::json::{Fields, Found};
use crate::walk::{Step, Walk};
use crate::{EntryAnswer, NotJson, Patient};

/// How far the reading runs ahead of what leaves: the longest entry of a Bundle with what stands around it, and the
/// longest resource that is no Bundle, in bytes.
pub const MAX_ENTRY: usize = 1024 * 1024;

/// How many patients are remembered as told, so that they are not told again.
const TOLD: usize = 4096;

/// Reads one answer while it passes.
///
/// An answer that is a Bundle leaves entry by entry, as soon as each has been read to its end; any other
/// leaves when all of it has. So no byte leaves of which it is not known whom it names.
#[derive(Debug, Default)]
pub struct Disclosure {
    walk: Walk,
    told: BTreeSet<Patient>,
    /// How many entries were read to their end.
    entries: usize,
    broken: Option<Broken>,
}

/// What may leave, and what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disclosed {
    /// The bytes.
    pub bytes: Vec<Bytes>,
    /// The patients that they name and that were not told before.
    pub patients: Vec<Patient>,
    /// The types of the resources in them that have been read to their end, contained ones aside.
    pub kinds: BTreeSet<String>,
    /// What the entries that are in them say of what they answer, where the answer is a Bundle. Whether that was asked
    /// is [`Request::entry_became`](crate::Request::entry_became)'s to say: anybody may write such entries.
    pub answers: Vec<EntryAnswer>,
}

/// Why nothing more leaves: the sender's to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It cannot be read.
    #[error("its answer cannot be read: {0}")]
    NotJson(#[from] NotJson),
    /// It is JSON, but no resource: in what form it names somebody is not known.
    #[error("its answer is no resource: it has no resourceType")]
    NoResource,
    /// It cannot be held until it is read.
    #[error("an entry of its answer is longer than {MAX_ENTRY} bytes")]
    TooLarge,
}

impl Disclosure {
    /// Takes the next `piece`, and adds what may leave now to `disclosed`.
    ///
    /// Whoever lets `disclosed.bytes` leave has recorded `disclosed.patients` before.
    ///
    /// # Errors
    ///
    /// [`Broken`]; the entries before are in `disclosed`, and every further call gives the same error.
    pub fn push(&mut self, piece: &[u8], disclosed: &mut Disclosed) -> Result<(), Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        self.walk.push(piece);
        let mut whole = 0;
        let went = self.go_on(&mut whole, disclosed);
        if whole > 0 {
            disclosed.bytes.push(self.walk.take(whole));
        }
        self.broken = went.err();
        went
    }

    /// Goes to the end of what has come; up to `whole` it may leave.
    fn go_on(&mut self, whole: &mut usize, disclosed: &mut Disclosed) -> Result<(), Broken> {
        loop {
            let step = self.walk.step()?;
            if self.walk.looked_at() - *whole > MAX_ENTRY {
                return Err(Broken::TooLarge);
            }
            match step {
                Step::Waits => return Ok(()),
                Step::Went => {}
                Step::Entry(entry) => {
                    *whole = self.walk.looked_at();
                    disclosed.answers.extend(answer(self.entries, *entry));
                    self.entries += 1;
                    self.tell(disclosed);
                }
            }
        }
    }

    /// Ends the answer: adds the rest of it to `disclosed`.
    ///
    /// # Errors
    ///
    /// [`Broken`].
    pub fn finish(&mut self, disclosed: &mut Disclosed) -> Result<(), Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        self.walk.finish()?;
        if self.walk.looked_at() > 0 && self.walk.fields.resource_type.is_none() {
            return Err(Broken::NoResource);
        }
        self.tell(disclosed);
        let rest = self.walk.held().len();
        if rest > 0 {
            disclosed.bytes.push(self.walk.take(rest));
        }
        Ok(())
    }

    fn tell(&mut self, disclosed: &mut Disclosed) {
        let Found { patients, kinds, conditional: _, like_conditional: _ } =
            std::mem::take(&mut self.walk.found);
        for patient in patients {
            if self.told.len() >= TOLD {
                self.told.clear();
            }
            if self.told.insert(patient.clone()) {
                disclosed.patients.push(patient);
            }
        }
        disclosed.kinds.extend(kinds);
    }
}

fn answer(entry: usize, fields: Fields) -> Option<EntryAnswer> {
    let Fields { status, location, .. } = *fields.response?;
    Some(EntryAnswer { entry, status: status?, location })
}
