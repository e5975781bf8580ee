//! What comes in is kept as it came, from whom the connection proves, and from nobody else.

use std::net::{TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use std::io::{Read as _, Write as _};

use super::authority::itself;
use super::authority::params;
use super::line::Line;
use super::site::Site;
use super::tools::run;

/// An audit message of another program; what it says of its sender is not so.
fn dicom(number: usize) -> String {
    format!(
        "<85>1 2026-11-21T20:30:00.000Z forged.example.org other - IHE+RFC-3881 - <AuditMessage>\
         <EventIdentification EventActionCode=\"R\" EventDateTime=\"2026-11-21T20:30:00.000Z\" EventOutcomeIndicator=\"4\">\
         <EventID csd-code=\"110110\" codeSystemName=\"DCM\" originalText=\"Patient Record\"/></EventIdentification>\
         <ActiveParticipant UserID=\"Jürgen Müller {number}\" UserIsRequestor=\"true\"/>\
         <AuditSourceIdentification AuditSourceID=\"forged.example.org\"/>\
         <ParticipantObjectIdentification ParticipantObjectID=\"Пациент-{number}^^^&amp;1.2.3&amp;ISO\" ParticipantObjectTypeCode=\"1\" \
         ParticipantObjectTypeCodeRole=\"1\"><ParticipantObjectIDTypeCode csd-code=\"2\" codeSystemName=\"RFC-3881\" \
         originalText=\"Patient Number\"/></ParticipantObjectIdentification></AuditMessage>"
    )
}

fn framed(message: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    syslog::frame(message.as_bytes(), &mut frame);
    frame
}

#[test]
fn a_stream_cut_anywhere_is_kept_byte_for_byte_and_as_the_node_s_whose_certificate_brought_it() {
    let site = Site::open();
    let mut messages: Vec<String> = (0..10_000).map(dicom).collect();
    messages.push("<34>Oct 11 22:14:15 older su: 'su root' failed".into());
    messages.push("no syslog at all: öäü\u{0}\u{1b}[2J".into());
    let stream: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
    let mut line = Line::of(&site, Some(&site.machine("lab")));
    let (mut rest, mut seed) = (stream.as_slice(), 7_u32);
    while !rest.is_empty() {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, after) = rest.split_at((seed as usize >> 8).rem_euclid(700).clamp(1, rest.len()));
        line.write(piece).unwrap();
        rest = after;
    }
    // Bytes that are no text.
    line.write(b"5 <1>\xff\xfe").unwrap();
    line.end();
    let received = site.wait_for(10_003, "message_received");
    assert!(site.messages(10_003)[..10_002] == messages, "another order, or other bytes");
    assert!(
        received.iter().all(|event| event["body"]["node"] == "lab" && event["body"]["transport"] == "tls")
    );
    assert_eq!(received[10_002]["personal"]["message_base64"], "PDE+//4=");
    let dicom = &received[1];
    assert_eq!((&dicom["body"]["form"], &dicom["body"]["event_code"]), (&"dicom".into(), &"110110".into()));
    assert_eq!(dicom["body"]["event_outcome"], 4);
    assert_eq!(dicom["personal"]["patients"], serde_json::json!(["urn:oid:1.2.3|Пациент-1"]));
    assert_eq!(received[10_000]["body"]["form"], "raw");
    assert_eq!(site.events("stream_refused"), [] as [serde_json::Value; 0]);
}

#[test]
fn a_stream_that_cannot_be_read_on_is_closed_and_the_messages_before_it_are_kept() {
    let site = Site::open();
    for (number, (wrong, why)) in [
        (&b"<85>1 - - - - - - by lines\n"[..], "octet counting"),
        (b"07 <1>1 - ", "leading zeros"),
        (b"0 ", "no octets"),
        (b"70000 ", "65536"),
        (b"20 <1>1 half", "inside a message"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut line = Line::of(&site, Some(&site.machine("lab")));
        line.write(&framed(&dicom(number))).unwrap();
        line.write(wrong).unwrap();
        if why == "inside a message" {
            line.end();
        } else {
            line.until_closed();
        }
        let refused = site.wait_for(number + 1, "stream_refused");
        let detail = refused[number]["body"]["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{detail}");
        assert_eq!(refused[number]["body"]["node"], "lab");
        assert_eq!(site.messages(number + 1)[number], dicom(number));
    }
}

#[test]
fn whoever_is_no_registered_node_brings_nothing_in() {
    let site = Site::open();
    let unregistered = site.machine("stranger");
    let self_signed = itself(params("lab"));
    for machine in [None, Some(&unregistered), Some(&self_signed)] {
        let mut line = Line::of(&site, machine);
        // With TLS 1.3 the refusal may come after what was sent.
        drop(line.write(&framed(&dicom(0))));
        line.until_closed();
    }
    let mut plain = TcpStream::connect(("127.0.0.1", site.tls)).unwrap();
    plain.write_all(&framed(&dicom(0))).unwrap();
    drop(plain.read(&mut [0; 64]));
    site.wait_for(2, "node_authentication_failed");
    let failed = site.wait_for(2, "handshake_failed");
    assert!(failed.iter().any(|event| event["body"]["reason"] == "plain-syslog"), "{failed:?}");
    assert_eq!(site.events("message_received").len(), 0);
}

#[test]
fn a_node_that_is_revoked_sends_nothing_more_within_a_second() {
    let site = Site::open();
    let mut line = Line::of(&site, Some(&site.machine("lab")));
    line.write(&framed(&dicom(0))).unwrap();
    site.wait_for(1, "message_received");
    site.server.command(&["node", "revoke", "lab"]).good();
    let begun = Instant::now();
    line.until_closed();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(site.events("message_received").len(), 1);
}

#[test]
fn datagrams_of_logger_are_kept_as_nobody_s() {
    let site = Site::open();
    let port = site.udp.to_string();
    let to = ["--server", "127.0.0.1", "--port", &port, "--udp", "--rfc5424", "--msgid", "IHE+RFC-3881"];
    run(Command::new("logger").args(to).arg("Zürich: 東京"), b"").good();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(dicom(1).as_bytes(), ("127.0.0.1", site.udp)).unwrap();
    let received = site.wait_for(2, "message_received");
    assert!(received[0]["personal"]["message"].as_str().unwrap().ends_with(" Zürich: 東京"), "{received:?}");
    for event in &received {
        assert_eq!((&event["body"]["transport"], event["body"].get("node")), (&"udp".into(), None));
        assert_eq!(event["personal"]["address"], "127.0.0.1");
    }
}

#[test]
fn ten_thousand_datagrams_of_logger_are_kept_byte_for_byte() {
    let (site, folder) = (Site::open(), tempfile::tempdir().unwrap());
    let text = |number: usize| format!("Nr. {number}: Ærøskøbing, 東京, Пациент, \u{1F600}");
    let (file, port) = (folder.path().join("lines"), site.udp.to_string());
    let texts: Vec<String> = (0..10_000).map(text).collect();
    for texts in texts.chunks(100) {
        std::fs::write(&file, texts.join("\n") + "\n").unwrap();
        let to = ["--server", "127.0.0.1", "--port", &port, "--udp", "--rfc5424=notime,notq,nohost"];
        run(Command::new("logger").args(to).arg("--file").arg(&file), b"").good();
        // What the system has no room for is nobody's.
        until_read(site.udp);
    }
    let received = site.messages(10_000);
    assert_eq!(received.len(), 10_000);
    let differing =
        received.iter().zip(&texts).find(|(received, text)| !received.ends_with(&format!(" - - - {text}")));
    assert_eq!(differing, None);
}

/// Waits until no datagram waits at this port.
fn until_read(port: u16) {
    let socket = format!("0100007F:{port:04X}");
    let begun = Instant::now();
    loop {
        let sockets = std::fs::read_to_string("/proc/net/udp").unwrap();
        let line = sockets.lines().find(|line| line.contains(&socket)).expect("it listens");
        if line.split_whitespace().nth(4).unwrap().ends_with(":00000000") {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{line}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_flood_of_datagrams_is_bounded_and_counted() {
    let site = Site::open();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // 24 million octets: 16 MiB are taken of one address.
    let message = ["<1>1 - - - - - - ", &"flood".repeat(9_600)].concat();
    for _ in 0..500 {
        socket.send_to(message.as_bytes(), ("127.0.0.1", site.udp)).unwrap();
        until_read(site.udp);
    }
    site.wait_for(300, "message_received");
    let mut site = site;
    assert_eq!(site.server.stop(), 0);
    let dropped = site.events("messages_dropped");
    let count: u64 = dropped.iter().map(|event| event["body"]["count"].as_u64().unwrap()).sum();
    let kept = site.events("message_received").len() as u64;
    assert_eq!((kept, kept + count), (16 * 1024 * 1024 / message.len() as u64, 500));
}
