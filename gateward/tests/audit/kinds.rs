//! One event of every kind, and of every pattern of BALP.

use audit_event::{dicom, fhir, syslog::Sender};

use crate::validators::{all_valid, by_fhir_resources, by_glossy, by_npm_fhir};

#[path = "../../../crates/audit-event/tests/shared/mod.rs"]
mod samples;
use samples::every::every;

#[test]
fn every_kind_is_valid_in_every_form() {
    all_valid(&every());
}

#[test]
fn the_validators_find_what_is_wrong() {
    let mut resource = fhir::write(&every().remove(0).1);
    resource["outcome"] = "7".into();
    let found = by_npm_fhir(&format!("{resource}\n"));
    assert!(found[0].as_array().unwrap().iter().any(|found| found["severity"] == "error"), "{found:?}");
    resource["agent"] = serde_json::json!([]);
    resource.as_object_mut().unwrap().remove("source");
    assert!(by_fhir_resources(&format!("{resource}\n")).contains("source"));
}

#[test]
fn openhims_reader_of_syslog_reads_every_kind_whole() {
    let events = every();
    let sender = Sender { hostname: "cr.example.org", app_name: "gateward", process: "77" };
    let read = by_glossy(&events, sender);
    assert_eq!(read.len(), events.len());
    for (read, (name, event)) in read.iter().zip(&events) {
        assert_eq!((&read["facilityID"], &read["severityID"]), (&10.into(), &5.into()), "{name}");
        assert_eq!(
            (&read["host"], &read["appName"]),
            (&"cr.example.org".into(), &"gateward".into()),
            "{name}"
        );
        assert_eq!((&read["msgID"], &read["pid"]), (&"IHE+RFC-3881".into(), &"77".into()), "{name}");
        assert_eq!(read["message"], dicom::write(event), "{name}");
    }
}
