//! Messages as RFC 5424 has them, and as others write them.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use syslog::{Element, Message, Parameter, Part, Priority};

/// The examples of RFC 5424 section 6.5.
const EXAMPLES: [&[u8]; 4] = [
    b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xEF\xBB\xBF'su root' failed for lonvick on /dev/pts/8",
    b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
    b"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" \
      eventSource=\"Application\" eventID=\"1011\"] \xEF\xBB\xBFAn application event log entry...",
    b"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" \
      eventSource=\"Application\" eventID=\"1011\"][examplePriority@32473 class=\"high\"]",
];

fn unread(text: &str) -> Part {
    Message::read(text.as_bytes()).unwrap_err().part
}

#[test]
fn the_standards_examples_are_read() {
    let [su, donuts, entry, no_content] = EXAMPLES.map(|bytes| Message::read(bytes).unwrap());
    assert_eq!((su.priority.facility(), su.priority.severity()), (4, 2));
    assert_eq!(su.hostname.as_deref(), Some("mymachine.example.com"));
    assert_eq!(
        (su.app_name.as_deref(), su.process.as_deref(), su.kind.as_deref()),
        (Some("su"), None, Some("ID47"))
    );
    assert_eq!(su.text(), Some("'su root' failed for lonvick on /dev/pts/8"));
    assert_eq!(donuts.timestamp.unwrap().to_string(), "2003-08-24T12:14:15.000003Z");
    assert_eq!(entry.structured[0].parameters[1].value, "Application");
    assert_eq!((no_content.structured.len(), no_content.content), (2, None));
}

#[test]
fn an_audit_message_is_written_as_ihe_asks_for_it() {
    let message = Message {
        timestamp: Some("2026-11-21T20:30:00.123456789Z".parse().unwrap()),
        hostname: Some("cr.example.org".into()),
        app_name: Some("gateward".into()),
        kind: Some("IHE+RFC-3881".into()),
        ..Message::new(Priority::AUDIT, "<AuditMessage/>".as_bytes())
    };
    let written =
        "<85>1 2026-11-21T20:30:00.123456Z cr.example.org gateward - IHE+RFC-3881 - <AuditMessage/>";
    assert_eq!(String::from_utf8(message.to_bytes()).unwrap(), written);
}

#[test]
fn nothing_in_a_part_makes_it_another_message() {
    let message = Message {
        hostname: Some("a b\nc".into()),
        app_name: Some("x".repeat(100).into()),
        process: Some("".into()),
        kind: Some("é".into()),
        structured: vec![Element {
            id: "a]=\" b".into(),
            parameters: vec![Parameter { name: "".into(), value: "\\\"]\\n ü".into() }],
        }],
        ..Message::new(Priority::AUDIT, b"".as_slice())
    };
    let bytes = message.to_bytes();
    let read = Message::read(&bytes).unwrap();
    assert_eq!(read.hostname.as_deref(), Some("a_b_c"));
    assert_eq!(read.app_name.unwrap().len(), 48);
    assert_eq!((read.process, read.kind.as_deref()), (None, Some("__")));
    assert_eq!(read.structured[0].id, "a____b");
    assert_eq!(read.structured[0].parameters[0].value, "\\\"]\\n ü");
}

#[test]
fn older_and_broken_messages_are_not_read_and_say_where_they_break() {
    assert_eq!(unread("<34>Oct 11 22:14:15 mymachine su: 'su root' failed"), Part::Version);
    assert_eq!(unread("no priority"), Part::Priority);
    assert_eq!(unread("<34>2 - - - - - -"), Part::Version);
    assert_eq!(unread("<34>1 - - - - -"), Part::Kind);
    assert_eq!(unread("<34>1 - - - - - -x"), Part::Structured);
    assert_eq!(unread("<34>1  - - - - -"), Part::Timestamp);
    assert_eq!(unread("<34>1 - - - - - []"), Part::Structured);
    assert_eq!(unread("<34>1 - - - - - [a b=\"]\"]"), Part::Structured);
    assert_eq!(unread("<34>1 - - - - - [a b=\"unended"), Part::Structured);
    assert_eq!(unread(&format!("<34>1 - {} - - - -", "h".repeat(256))), Part::Hostname);
    assert_eq!(unread("<34>1 - hé - - - -"), Part::Hostname);
    assert_eq!(unread(""), Part::Priority);
}

#[test]
fn times_are_read_in_the_standards_spelling_alone() {
    let time =
        |text: &str| Message::read(format!("<1>1 {text} - - - - -").as_bytes()).map(|read| read.timestamp);
    for right in ["2026-11-21T20:30:00Z", "2026-11-21T20:30:00.1+01:00", "1985-04-12T19:20:50.52-04:00"] {
        assert!(matches!(time(right), Ok(Some(_))), "{right}");
    }
    let wrong = "2026-11-21t20:30:00Z 2026-11-21T20:30:00z 2026-11-21T20:30:00.1234567Z 2026-11-21T20:30:60Z \
                 2026-11-21T20:30:00 2026-11-21T20:30:00.Z 2026-02-30T20:30:00Z 20261121T203000Z 2026-11-21T20:30:00+0100";
    for wrong in wrong.split(' ').filter(|wrong| !wrong.is_empty()) {
        assert_eq!(time(wrong).unwrap_err().part, Part::Timestamp, "{wrong}");
    }
}

#[test]
fn all_eight_bits_of_the_content_are_kept() {
    let every: Vec<u8> = (0..=255).collect();
    let bytes = Message::new(Priority::AUDIT, every.clone()).to_bytes();
    let read = Message::read(&bytes).unwrap();
    assert_eq!(read.content.as_deref(), Some(every.as_slice()));
    assert_eq!(read.text(), None);
}

fn word() -> impl Strategy<Value = Option<std::borrow::Cow<'static, str>>> {
    prop::option::of("[!-~]{2,32}".prop_map(Into::into))
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        priority in (0u8..24, 0u8..8),
        micros in prop::option::of(0i64..4_000_000_000_000_000),
        (hostname, app_name, process, kind) in (word(), word(), word(), word()),
        values in prop::collection::vec("[\\PC\\\\\"\\]]{0,20}", 0..4),
        content in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
    ) {
        let parameters = values.into_iter().map(|value| Parameter { name: "n".into(), value: value.into() }).collect();
        let message = Message {
            priority: Priority::new(priority.0, priority.1).unwrap(),
            timestamp: micros.map(|micros| jiff::Timestamp::from_microsecond(micros).unwrap()),
            hostname, app_name, process, kind,
            structured: vec![Element { id: "x@1".into(), parameters }],
            content: content.map(Into::into),
        };
        let bytes = message.to_bytes();
        prop_assert_eq!(Message::read(&bytes), Ok(message.clone()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(message) = Message::read(&bytes) {
            let again = message.to_bytes();
            prop_assert_eq!(Message::read(&again), Ok(message));
        }
    }
}
