//! What the interface can do, as it says itself (FHIR R4 section 5.1).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::flows::audit::question::parameters;

/// The CapabilityStatement of the interface at `base`.
pub(super) fn capabilities(base: &str, now: Timestamp) -> Value {
    let parameter = |(name, sort): (&str, &str)| json!({ "name": name, "type": sort });
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": now.to_string(),
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "software": { "name": "gateward", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "Audit record repository", "url": base },
        "rest": [{
            "mode": "server",
            "documentation": "At least one date in every search. Modifiers are not known.",
            "interaction": [{ "code": "batch" }, { "code": "transaction" }],
            "resource": [{
                "type": "AuditEvent",
                "interaction": [{ "code": "read" }, { "code": "search-type" }, { "code": "create" }],
                "versioning": "no-version",
                "searchParam": parameters().map(parameter).collect::<Vec<_>>(),
            }],
        }],
    })
}
