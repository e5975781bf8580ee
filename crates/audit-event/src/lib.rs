//! One model of what happened; FHIR R4 AuditEvent, DICOM audit messages and syslog are its spellings.
//!
//! An [`Event`] says what happened, when and how it ended, who took part, who saw it, and what it was about.
//! Its types cannot hold what the forms cannot spell: there is no empty text, no event without an agent, no entity with a
//! name and a query. [`rest`] tells what was asked of a FHIR server, [`kinds`] whatever else happens, and [`profile::met`] which pattern of IHE BALP that
//! meets; the writer claims a profile only then.
//!
//! Pure on purpose: no clock, no disk, no network.

mod coded;
pub mod codes;
pub mod dicom;
pub mod fhir;
pub mod kinds;
mod model;
pub mod profile;
mod reference;
pub mod rest;
pub mod syslog;
mod text;

pub use coded::{Coded, Concept};
pub use model::{
    Action, Agent, Called, Detail, Entity, Event, Network, NetworkKind, Outcome, Period, Source, Value,
};
pub use profile::Profile;
pub use reference::{Identifier, Reference};
pub use text::{Id, Octets, Text, Uri};

/// An event that was read, and what of it nothing was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// What happened.
    pub event: Event,
    /// Where in the message or resource something stood that the model has no place for.
    pub left_out: Vec<String>,
}
