//! Whatever is read as an AuditEvent is written as one that says the same, and as an audit message that can be read.

#![no_main]

use audit_event::{dicom, fhir};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(read) = fhir::read(bytes) else { return };
    let resource = fhir::write(&read.event).to_string();
    let again = fhir::read(resource.as_bytes()).expect("what we wrote");
    assert_eq!(again.event, read.event);
    assert!(again.left_out.is_empty());
    let message = dicom::read(dicom::write(&read.event).as_bytes()).expect("what we wrote");
    assert!(message.left_out.is_empty());
});
