//! FHIR R4 (4.0.1) in JSON: AuditEvent as it is written, and as it is read.

pub(crate) mod instant;
mod write;

pub use write::write;
