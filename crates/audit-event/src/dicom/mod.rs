//! DICOM's audit message (PS3.15 section A.5): an event in XML, as it is written, and as it is read.
//!
//! | model | message |
//! |---|---|
//! | kind, subtypes | EventID, EventTypeCode |
//! | action, recorded, outcome | @EventActionCode, @EventDateTime, @EventOutcomeIndicator |
//! | agent | ActiveParticipant; its kind is the first RoleIDCode, its roles are the others |
//! | source | AuditSourceIdentification |
//! | entity | ParticipantObjectIdentification; what says which sort of thing an id is, is ParticipantObjectIDTypeCode |
//!
//! What a message has no place for is listed in docs/audit-event.md. Messages in the form of RFC 3881, which
//! DICOM's grew out of, are read, too; none is written.

mod element;
mod participant;
mod read;
mod spelling;
mod write;

pub use read::{Error, read};
pub use write::write;

/// The largest message that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
