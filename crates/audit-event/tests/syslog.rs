//! Events as syslog messages, as repositories of audit messages take them.
#![allow(clippy::unwrap_used, reason = "tests may stop where they stand")]

mod shared;

use audit_event::syslog::{Error, Sender, read, write};
use audit_event::{codes, dicom};
use shared::every::every;
use syslog::{Message, Priority};

const SENDER: Sender<'_> = Sender { hostname: "cr.example.org", app_name: "gateward", process: "77" };

#[test]
fn every_kind_comes_back_from_the_bytes_of_its_message() {
    for (name, event) in every() {
        let bytes = write(&event, SENDER).to_bytes();
        let head = "<85>1 2026-11-21T20:30:00.000000Z cr.example.org gateward 77 IHE+RFC-3881 - <?xml";
        assert!(bytes.starts_with(head.as_bytes()), "{name}");
        let back = read(&Message::read(&bytes).unwrap()).unwrap();
        assert_eq!(back, dicom::read(dicom::write(&event).as_bytes()).unwrap(), "{name}");
    }
}

#[test]
fn a_message_as_openhim_sends_it_is_read() {
    let message = Message::read(include_bytes!("golden/atna-audit-syslog.txt")).unwrap();
    assert!(read(&message).unwrap().event.subtypes[0].is(codes::NODE_AUTHENTICATION));
}

#[test]
fn a_byte_order_mark_and_the_kind_of_dicom_are_read() {
    let xml = dicom::write(&every().remove(0).1);
    let with_mark = [b"\xEF\xBB\xBF", xml.as_bytes()].concat();
    let kind = Some("DICOM+RFC3881".into());
    assert!(read(&Message { kind, ..Message::new(Priority::AUDIT, with_mark) }).is_ok());
}

#[test]
fn other_messages_are_told_from_audit_messages_that_are_wrong() {
    let content = b"<AuditMessage/>".as_slice();
    let kind = Some("IHE+RFC-3881".into());
    assert_eq!(read(&Message::new(Priority::AUDIT, content)), Err(Error::AnotherKind));
    let wrong = Message { kind: kind.clone(), ..Message::new(Priority::AUDIT, content) };
    assert!(matches!(read(&wrong), Err(Error::Wrong(_))));
    let empty = Message { kind, content: None, ..Message::new(Priority::AUDIT, content) };
    assert!(matches!(read(&empty), Err(Error::Wrong(_))));
}
