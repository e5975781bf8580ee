//! Handshakes that come to nothing: each has its word in the record, and a flood is counted.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::Command;

use super::door::Door;
use super::tools::run;

fn openssl(door: &Door, arguments: &[&str]) {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", &format!("localhost:{}", door.server.public)]).args(arguments);
    assert_ne!(run(&mut openssl, b"").status, 0, "{arguments:?}");
}

/// Sends these bytes, and reads what comes until the end.
fn send(door: &Door, bytes: &[u8]) {
    let mut socket = TcpStream::connect(("127.0.0.1", door.server.public)).unwrap();
    socket.write_all(bytes).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    drop(socket.read_to_end(&mut Vec::new()));
}

fn failed(door: &Door) -> Vec<serde_json::Value> {
    door.server.events("handshake_failed")
}

#[test]
fn each_has_its_word_and_says_what_was_offered() {
    let door = Door::open();
    let everything = ["-cipher", "ALL:@SECLEVEL=0"];
    let url = door.server.url("/");
    let hello = [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
    let cases: [(&str, &dyn Fn()); 7] = [
        ("too-old", &|| openssl(&door, &[&["-tls1_1"], &everything[..]].concat())),
        ("too-old", &|| openssl(&door, &[&["-tls1"], &everything[..]].concat())),
        ("no-common-suite", &|| openssl(&door, &["-tls1_2", "-cipher", "AES128-SHA"])),
        ("garbage", &|| send(&door, &[0x16, 3, 1, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff])),
        ("closed", &|| send(&door, &hello)),
        ("plain-http", &|| send(&door, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
        // It does not know our authority.
        ("refused-by-client", &|| {
            assert_ne!(run(Command::new("curl").args(["--silent", &url]), b"").status, 0);
        }),
    ];
    for (at, (reason, knock)) in cases.iter().enumerate() {
        knock();
        door.until(|| failed(&door).len() == at + 1);
        assert_eq!(failed(&door)[at]["reason"], *reason, "{}", failed(&door)[at]);
    }
    let offers: Vec<_> = failed(&door).into_iter().map(|mut event| event["offer"].take()).collect();
    assert_eq!(offers[0]["versions"][0], "1.1");
    assert_eq!(offers[1]["versions"][0], "1.0");
    assert_eq!(offers[2]["versions"][0], "1.2");
    assert_eq!(offers[6]["server_name"], "localhost");
    assert!(offers[6]["alpn"].as_array().unwrap().contains(&"http/1.1".into()), "{}", offers[6]);
}

#[test]
fn who_connects_and_says_nothing_is_nobody() {
    let door = Door::open();
    send(&door, b"");
    send(&door, &[0x16, 3, 1, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff]);
    door.until(|| !failed(&door).is_empty());
    assert_eq!(failed(&door).len(), 1);
}

#[test]
fn a_flood_is_counted_and_fills_no_disk() {
    let door = Door::open();
    for _ in 0..100 {
        send(&door, &[0x16, 3, 1, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff]);
    }
    door.until(|| !door.server.events("failures_summarised").is_empty());
    let summarised = door.server.events("failures_summarised");
    assert_eq!(summarised.len(), 1);
    assert_eq!(summarised[0]["reason"], "handshake: garbage");
    assert_eq!(failed(&door).len(), 10);
    door.knock(&door.lab(), &[]).is_let_in();
}

#[test]
fn a_flood_that_cannot_be_recorded_at_once_is_no_failure_to_record() {
    let door = Door::open();
    // What is written waits, as behind a slow disk; not so long that it fails.
    let store = rusqlite::Connection::open(door.server.file("gateward.db")).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..300 {
        send(&door, &[0x16, 3, 1, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff]);
    }
    store.execute_batch("ROLLBACK").unwrap();
    door.until(|| !door.server.events("failures_summarised").is_empty());
    // Whatever could not be recorded, the next second's housekeeping says.
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(door.server.events("gap").is_empty(), "{:?}", door.server.events("gap"));
    door.knock(&door.lab(), &[]).is_let_in();
}
