//! What grants of a FHIR service say: actions on types of resources (FHIR R4, section 3.1).

pub use ::fhir::{Action, ResourceType};
