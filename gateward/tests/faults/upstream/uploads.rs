//! Bodies on their way up: as they come, in flat memory, and only while their sender may send them.

use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::doors::{ending, patient, plain};
use super::stand_in::{StandIn, answer};
use crate::client::Connection;
use crate::cluster::patience::eventually;
use crate::log::{Event, Log as _};
use crate::program::Server;
use crate::support::Installation;

const MIB: u64 = 1024 * 1024;

/// What all the buffers on the way may have.
const FLAT: u64 = 16 * MIB;

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

/// A door before an upstream that reads what somebody sends. Dropped in this order.
struct Door {
    server: Server,
    installation: Installation,
    _upstream: StandIn,
    seen: Arc<Seen>,
    login: (String, String),
    /// How long the log was at the beginning.
    before: u64,
}

impl Door {
    /// The upstream reads every `pause`, and is given up after `patience` seconds of silence.
    fn open(pause: Duration, patience: u64) -> Self {
        let seen = Arc::default();
        let upstream = reading(&seen, pause);
        let installation = plain(&patient(&upstream, patience), "");
        let server = installation.serve();
        let login = installation.login();
        let before = installation.log().length();
        Self { server, installation, _upstream: upstream, seen, login, before }
    }

    fn begin(&self, framing: &str) -> Connection {
        begin(&self.installation, &self.login, framing)
    }

    fn ending(&self) -> Event {
        ending(&self.installation, self.before)
    }

    /// How many bytes of the body the upstream has.
    fn arrived(&self) -> u64 {
        self.seen.bytes.load(Ordering::SeqCst)
    }

    /// Begins an upload and leaves in the middle, once the upstream has these first five bytes.
    fn leave_after(&self, framing: &str, half: &[u8]) {
        let mut connection = self.begin(framing);
        connection.write(half).unwrap();
        eventually("half of it is there", Duration::from_secs(5), || self.arrived() == 5);
    }
}

/// Begins an upload whose body is framed like this; nothing of it is sent yet.
fn begin(installation: &Installation, login: &(String, String), framing: &str) -> Connection {
    let mut connection = installation.client().connect().unwrap();
    let authorization = connection.authorization_to("PUT", "/things/large", login).unwrap();
    let head =
        format!("PUT /things/large HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\n{framing}\r\n\r\n");
    connection.write(head.as_bytes()).unwrap();
    connection
}

#[test]
fn a_large_upload_to_a_slow_upstream_passes_through_flat_memory() {
    const LENGTH: u64 = 64 * MIB;
    let door = Door::open(Duration::from_millis(5), 10);
    let resident = door.server.forget_peak();

    let mut connection = door.begin(&format!("Content-Length: {LENGTH}"));
    let piece = vec![b'x'; 1024 * 1024];
    for _ in 0..LENGTH / MIB {
        connection.write(&piece).unwrap();
    }
    let answer = connection.answer().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (201, "made"));
    assert_eq!(door.arrived(), LENGTH);
    let grown = door.server.peak() - resident;
    assert!(grown < FLAT, "{} MiB for an upload", grown / MIB);
    assert_eq!(door.ending().text("delivery"), "complete");
}

#[test]
fn a_body_without_a_length_goes_up_as_it_comes() {
    let door = Door::open(Duration::ZERO, 10);
    let mut connection = door.begin("Transfer-Encoding: chunked");
    connection.write(b"5\r\nfirst\r\n").unwrap();
    eventually("the beginning is there before the end is sent", Duration::from_secs(5), || {
        door.arrived() == 5
    });
    connection.write(b"4\r\nlast\r\n0\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().status, 201);
    assert_eq!(door.arrived(), 9);
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
    for (framing, half) in
        [("Content-Length: 10", b"first".as_slice()), ("Transfer-Encoding: chunked", b"5\r\nfirst\r\n")]
    {
        let door = Door::open(Duration::ZERO, 10);
        door.leave_after(framing, half);

        let whole = eventually("the upstream sees the end", Duration::from_secs(5), || {
            *door.seen.whole.lock().unwrap()
        });
        assert!(!whole, "{framing}: the upstream took a half for the whole");
        let ended = door.ending();
        assert_ne!(ended.text("delivery"), "complete", "{ended:?}");
        door.installation.log().check_transactions();
    }
}

#[test]
fn a_caller_who_leaves_in_the_middle_of_an_upload_is_not_the_upstreams_failure() {
    let door = Door::open(Duration::ZERO, 10);
    door.leave_after("Content-Length: 10", b"first");
    let ended = door.ending();
    assert_eq!(ended.text("delivery"), "cut", "{ended:?}");
}

#[test]
fn a_caller_who_sends_nothing_more_of_an_upload_is_not_waited_for() {
    let door = Door::open(Duration::ZERO, 2);
    let mut connection = door.begin("Content-Length: 10");
    connection.write(b"first").unwrap();
    let begun = Instant::now();
    let answer = connection.answer().unwrap();
    assert_eq!(answer.status, 408, "{}", answer.text());
    assert!(begun.elapsed() < Duration::from_secs(10), "after {:?}", begun.elapsed());
    let ended = door.ending();
    assert_eq!((ended.text("delivery"), &ended.body["status"]), ("cut", &408.into()));
    eventually("the upstream is left", Duration::from_secs(2), || *door.seen.whole.lock().unwrap());
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
    let door = Door::open(Duration::ZERO, 60);
    let mut connection = door.begin(&format!("Content-Length: {}", 64 * MIB));
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
    eventually("it has begun", Duration::from_secs(5), || door.arrived() > 0);
    door.installation.run_json(&["login", "revoke", &door.login.0]);

    let cause = door.installation.log().wait_for("login_revoked", door.before, Duration::from_secs(5));
    let ended = door.installation.log().wait_for("ended", door.before, Duration::from_secs(15));
    let after = ended.recorded_at.duration_since(cause.recorded_at);
    assert!(after.as_millis() <= 1000, "cut {after:#} after");
    assert_eq!(ended.text("delivery"), "revoked", "{ended:?}");
    assert!(sending.join().unwrap(), "the connection stayed open");
    assert_eq!(*door.seen.whole.lock().unwrap(), Some(false));
}
