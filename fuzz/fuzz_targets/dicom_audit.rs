//! Whatever is read as an audit message is written as one that says the same, and as an AuditEvent that can be read.

#![no_main]

use audit_event::{dicom, fhir};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(read) = dicom::read(bytes) else { return };
    let again = dicom::read(dicom::write(&read.event).as_bytes()).expect("what we wrote");
    assert_eq!(again.event, read.event);
    assert!(again.left_out.is_empty());
    let resource = fhir::read(fhir::write(&read.event).to_string().as_bytes()).expect("what we wrote");
    assert_eq!(resource.event, read.event);
});
