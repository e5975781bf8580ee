//! Bodies on their way up: as they come, in flat memory, and only while their sender may send them.

use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::doors::{ending, patient, plain};
use super::stand_in::{StandIn, answer};
use crate::client::Connection;
use crate::cluster::patience::eventually;
use crate::log::Log as _;
use crate::support::Installation;

const MIB: u64 = 1024 * 1024;

/// What all the buffers on the way may have.
const FLAT: u64 = 16 * MIB;

/// Begins an upload of `length` bytes; nothing of them is sent yet.
fn begin(installation: &Installation, login: &(String, String), framing: &str) -> Connection {
    let mut connection = installation.client().connect().unwrap();
    let authorization = connection.authorization_to("PUT", "/things/large", login).unwrap();
    let head =
        format!("PUT /things/large HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\n{framing}\r\n\r\n");
    connection.write(head.as_bytes()).unwrap();
    connection
}

/// What an upstream has seen of a body.
#[derive(Default)]
struct Seen {
    bytes: AtomicU64,
    /// How it ended, once it did.
    whole: Mutex<Option<bool>>,
}

/// Reads a body in pieces, each after `pause`, and says that it has it.
fn reading(seen: &Arc<Seen>, pause: Duration) -> StandIn {
    let seen = Arc::clone(seen);
    StandIn::doing(move |asked| {
        let mut piece = vec![0; 1024 * 1024];
        let end = loop {
            std::thread::sleep(pause);
            match asked.read(&mut piece) {
                Ok(0) => break Ok(()),
                Ok(read) => _ = seen.bytes.fetch_add(read as u64, Ordering::SeqCst),
                Err(error) => break Err(error),
            }
        };
        *seen.whole.lock().unwrap() = Some(end.is_ok());
        end?;
        asked.say(&answer("201 Created", "", b"made"))
    })
}

#[test]
fn a_large_upload_to_a_slow_upstream_passes_through_flat_memory() {
    const LENGTH: u64 = 64 * MIB;
    let seen = Arc::<Seen>::default();
    let upstream = reading(&seen, Duration::from_millis(5));
    let installation = plain(&patient(&upstream, 10), "");
    let server = installation.serve();
    let login = installation.login();
    let before = installation.log().length();
    let resident = server.forget_peak();

    let mut connection = begin(&installation, &login, &format!("Content-Length: {LENGTH}"));
    let piece = vec![b'x'; 1024 * 1024];
    for _ in 0..LENGTH / MIB {
        connection.write(&piece).unwrap();
    }
    let answer = connection.answer().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (201, "made"));
    assert_eq!(seen.bytes.load(Ordering::SeqCst), LENGTH);
    let grown = server.peak() - resident;
    assert!(grown < FLAT, "{} MiB for an upload", grown / MIB);
    assert_eq!(ending(&installation, before).text("delivery"), "complete");
}

#[test]
fn a_body_without_a_length_goes_up_as_it_comes() {
    let seen = Arc::<Seen>::default();
    let upstream = reading(&seen, Duration::ZERO);
    let installation = plain(&patient(&upstream, 10), "");
    let _server = installation.serve();
    let mut connection = begin(&installation, &installation.login(), "Transfer-Encoding: chunked");
    connection.write(b"5\r\nfirst\r\n").unwrap();
    eventually("the beginning is there before the end is sent", Duration::from_secs(5), || {
        seen.bytes.load(Ordering::SeqCst) == 5
    });
    connection.write(b"4\r\nlast\r\n0\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().status, 201);
    assert_eq!(seen.bytes.load(Ordering::SeqCst), 9);
}

#[test]
fn who_sends_a_body_without_a_login_sees_the_challenge_and_no_reset() {
    let upstream = reading(&Arc::default(), Duration::ZERO);
    let installation = plain(&patient(&upstream, 10), "");
    let _server = installation.serve();
    let body = vec![b'x'; 900_000];
    for _ in 0..5 {
        let asked = installation.client().ask("POST", "/things/large", &[], &body).unwrap();
        assert_eq!(asked.status, 401, "{}", asked.text());
    }
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn half_an_upload_is_never_taken_for_a_whole_one() {
    for (framing, half) in [("Content-Length: 10", "first"), ("Transfer-Encoding: chunked", "5\r\nfirst\r\n")]
    {
        let seen = Arc::<Seen>::default();
        let upstream = reading(&seen, Duration::ZERO);
        let installation = plain(&patient(&upstream, 10), "");
        let _server = installation.serve();
        let login = installation.login();
        let before = installation.log().length();
        let mut connection = begin(&installation, &login, framing);
        connection.write(half.as_bytes()).unwrap();
        eventually("half of it is there", Duration::from_secs(5), || seen.bytes.load(Ordering::SeqCst) == 5);
        drop(connection);

        let whole =
            eventually("the upstream sees the end", Duration::from_secs(5), || *seen.whole.lock().unwrap());
        assert!(!whole, "{framing}: the upstream took a half for the whole");
        let ended = ending(&installation, before);
        assert_ne!(ended.text("delivery"), "complete", "{ended:?}");
        installation.log().check_transactions();
    }
}

#[test]
fn a_caller_who_leaves_in_the_middle_of_an_upload_is_not_the_upstreams_failure() {
    let seen = Arc::<Seen>::default();
    let upstream = reading(&seen, Duration::ZERO);
    let installation = plain(&patient(&upstream, 10), "");
    let _server = installation.serve();
    let login = installation.login();
    let before = installation.log().length();
    let mut connection = begin(&installation, &login, "Content-Length: 10");
    connection.write(b"first").unwrap();
    eventually("half of it is there", Duration::from_secs(5), || seen.bytes.load(Ordering::SeqCst) == 5);
    drop(connection);
    let ended = ending(&installation, before);
    assert_eq!(ended.text("delivery"), "cut", "{ended:?}");
}

#[test]
fn a_caller_who_sends_nothing_more_of_an_upload_is_not_waited_for() {
    let seen = Arc::<Seen>::default();
    let upstream = reading(&seen, Duration::ZERO);
    let installation = plain(&patient(&upstream, 2), "");
    let _server = installation.serve();
    let login = installation.login();
    let before = installation.log().length();
    let mut connection = begin(&installation, &login, "Content-Length: 10");
    connection.write(b"first").unwrap();
    let begun = Instant::now();
    let answer = connection.answer().unwrap();
    assert_eq!(answer.status, 408, "{}", answer.text());
    assert!(begun.elapsed() < Duration::from_secs(10), "after {:?}", begun.elapsed());
    let ended = ending(&installation, before);
    assert_eq!((ended.text("delivery"), &ended.body["status"]), ("cut", &408.into()));
    eventually("the upstream is left", Duration::from_secs(2), || *seen.whole.lock().unwrap());
}

#[test]
fn an_upstream_that_refuses_an_upload_before_its_end_is_heard() {
    let upstream = StandIn::doing(|asked| {
        asked.say(&answer("413 Content Too Large", "Connection: close\r\n", b"too large"))?;
        // Long enough for its words to arrive before it goes.
        std::thread::sleep(Duration::from_millis(500));
        Err(std::io::ErrorKind::ConnectionAborted.into())
    });
    let installation = plain(&patient(&upstream, 10), "");
    let _server = installation.serve();
    let login = installation.login();
    let before = installation.log().length();
    let mut connection = begin(&installation, &login, &format!("Content-Length: {}", 8 * MIB));
    connection.write(&vec![b'x'; 64 * 1024]).unwrap();
    let answer = connection.answer().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (413, "too large"));
    assert_eq!(ending(&installation, before).body["status"], 413);
}

#[test]
fn an_upload_is_cut_within_a_second_when_its_login_is_revoked() {
    let seen = Arc::<Seen>::default();
    let upstream = reading(&seen, Duration::ZERO);
    let installation = plain(&patient(&upstream, 60), "");
    let _server = installation.serve();
    let login = installation.login();
    let before = installation.log().length();
    let mut connection = begin(&installation, &login, &format!("Content-Length: {}", 64 * MIB));
    let sending = std::thread::spawn(move || {
        // A little now and then, so that nobody would call it silent.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if connection.write(&[b'x'; 1024]).is_err() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    });
    eventually("it has begun", Duration::from_secs(5), || seen.bytes.load(Ordering::SeqCst) > 0);
    installation.run_json(&["login", "revoke", &login.0]);

    let cause = installation.log().wait_for("login_revoked", before, Duration::from_secs(5));
    let ended = installation.log().wait_for("ended", before, Duration::from_secs(15));
    let after = ended.recorded_at.duration_since(cause.recorded_at);
    assert!(after.as_millis() <= 1000, "cut {after:#} after");
    assert_eq!(ended.text("delivery"), "revoked", "{ended:?}");
    assert!(sending.join().unwrap(), "the connection stayed open");
    assert_eq!(*seen.whole.lock().unwrap(), Some(false));
}
