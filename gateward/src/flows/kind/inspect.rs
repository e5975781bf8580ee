//! How an answer is looked into on its way, whatever it holds.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Inspected, fdsn, fhir};
pub use crate::flows::record::Named;
use crate::flows::record::NamedPatients;

/// What is wrong with an answer: it is cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Alarm {
    /// Something that nobody asked for.
    #[error("the upstream sent what was not asked for or is not permitted: {what}")]
    Overstepped {
        /// What, in words that name nobody.
        what: String,
    },
    /// Something else than records.
    #[error("the upstream sent no miniSEED: {0}")]
    NotMiniSeed(#[from] miniseed::Error),
    /// Something that cannot be read, so that nobody knows whom it names.
    #[error("the upstream sent no FHIR that can be looked into: {0}")]
    Unreadable(#[from] ::fhir::Broken),
}

/// A piece of an answer that may leave, once whom it names is recorded.
#[derive(Debug, Clone, Default)]
pub struct Piece {
    /// The bytes.
    pub bytes: Bytes,
    /// Whom they name.
    pub named: Named,
}

impl From<Bytes> for Piece {
    /// A piece in which nobody is looked for.
    fn from(bytes: Bytes) -> Self {
        Self { bytes, named: Named::default() }
    }
}

/// Looks into one answer.
#[derive(Debug)]
pub enum Inspector {
    /// See there.
    Records(Box<fdsn::inspect::Inspector>),
    /// See there.
    Resources(Box<fhir::inspect::Inspector>),
}

impl Inspector {
    /// Looks into the next piece; what of it may leave is appended to `ready`.
    ///
    /// # Errors
    ///
    /// [`Alarm`]: nothing comes after it.
    pub fn push(&mut self, piece: &Bytes, ready: &mut VecDeque<Piece>) -> Result<(), Alarm> {
        match self {
            Self::Records(inspector) => inspector.push(piece, ready),
            Self::Resources(inspector) => inspector.push(piece, ready),
        }
    }

    /// Ends the answer; what is left of it is appended to `ready`.
    ///
    /// # Errors
    ///
    /// [`Alarm`].
    pub fn finish(&mut self, ready: &mut VecDeque<Piece>) -> Result<(), Alarm> {
        match self {
            Self::Records(inspector) => inspector.finish(),
            Self::Resources(inspector) => inspector.finish(ready),
        }
    }

    /// Tells what was found so far.
    pub fn inspected(&self) -> Inspected {
        match self {
            Self::Records(inspector) => Inspected::Records(inspector.inspected()),
            Self::Resources(inspector) => {
                Inspected::Resources(NamedPatients { patients: inspector.patients() })
            }
        }
    }
}
