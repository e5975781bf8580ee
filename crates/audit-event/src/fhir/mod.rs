//! FHIR R4 (4.0.1) in JSON: AuditEvent as it is written, and as it is read.
//!
//! The model holds what AuditEvent holds, with few exceptions (docs/audit-event.md), so what was written is read again without
//! loss.

mod datatypes;
pub(crate) mod instant;
mod json;
mod node;
mod read;
mod write;

pub use read::{Error, MAX_BYTES, read};
pub use write::write;
