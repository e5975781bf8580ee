//! The log as others read it: who reads it is recorded, too.

pub mod grants;
mod index;
pub mod question;
mod reading;
pub mod receive;
pub mod report;
pub mod search;
mod terms;
mod translate;

use serde_json::Value;

pub use self::index::{PAGE as INDEX_PAGE, index_next, terms_of};
pub use self::reading::{Asked, Reading, TooLong, record_reading};
pub use self::translate::{EVENT, Observer, part_id, translate};
use crate::store::event::Recorded;

/// Tells an event as FHIR AuditEvents; what another machine sent is told as it came, under its id here.
pub fn resources(recorded: &Recorded, observer: &Observer) -> Vec<Value> {
    if let Some(mut sent) = receive::sent(recorded) {
        sent["id"] = recorded.id.clone().into();
        return vec![sent];
    }
    translate(recorded, observer).iter().map(audit_event::fhir::write).collect()
}
