//! Much that runs through the second lock, and clients that stop taking it: nothing grows.

use std::io;
use std::time::{Duration, Instant};

use super::doors::{OPEN, ending, fdsn, patient};
use super::records::{RECORD, records};
use super::stand_in::{StandIn, head};
use crate::client::Connection;
use crate::cluster::patience::eventually;
use crate::log::Log as _;
use crate::program::Server;
use crate::support::Installation;

const MIB: usize = 1024 * 1024;

/// How much the upstream gives.
const LENGTH: usize = 256 * MIB;

/// What all the buffers on the way may have.
const FLAT: u64 = 16 * MIB as u64;

fn upstream() -> StandIn {
    let piece = records("OP", "STA", MIB / RECORD);
    StandIn::doing(move |asked| {
        asked.say(&head("200 OK", "Content-Type: application/vnd.fdsn.mseed\r\n", LENGTH))?;
        for _ in 0..LENGTH / MIB {
            asked.say(&piece)?;
        }
        Ok(())
    })
}

/// Counts, and keeps nothing.
struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn begin(installation: &Installation) -> (Connection, crate::client::Head) {
    let mut connection = installation.client().connect().unwrap();
    connection.send("GET", OPEN, &[], b"").unwrap();
    let head = connection.head().unwrap();
    assert_eq!(head.status, 200);
    (connection, head)
}

fn assert_flat(server: &Server, resident: u64) {
    let grown = server.peak().saturating_sub(resident);
    assert!(grown < FLAT, "it grew by {} KiB", grown / 1024);
}

#[test]
fn a_large_answer_passes_the_second_lock_whole_and_through_flat_memory() {
    let upstream = upstream();
    let installation = fdsn(&patient(&upstream, 30));
    let server = installation.serve();
    let before = installation.log().length();
    let resident = server.forget_peak();

    let (mut connection, head) = begin(&installation);
    let mut came = Count(0);
    connection.pour(&head, &mut came).unwrap();
    assert_eq!(came.0, LENGTH);
    assert_flat(&server, resident);
    let ended = ending(&installation, before);
    assert_eq!((ended.text("delivery"), &ended.body["bytes"]), ("complete", &LENGTH.into()));
    assert_eq!(ended.body["networks"]["OP"], LENGTH, "{ended:?}");
}

#[test]
fn a_client_who_leaves_in_the_middle_leaves_nothing_running() {
    let upstream = upstream();
    let installation = fdsn(&patient(&upstream, 30));
    let _server = installation.serve();
    let before = installation.log().length();
    let (connection, _) = begin(&installation);
    drop(connection);

    let ended = installation.log().wait_for("ended", before, Duration::from_secs(2));
    assert_eq!(ended.text("delivery"), "cut", "{ended:?}");
    assert!(ended.body["bytes"].as_u64().unwrap() < LENGTH as u64, "{ended:?}");
    eventually("the upstream is left", Duration::from_secs(2), || upstream.ended().pop());
    installation.log().check_transactions();
}

#[test]
fn a_client_who_leaves_before_the_answer_begins_leaves_nothing_running() {
    let upstream = StandIn::doing(|asked| {
        asked.wait_until_left();
        Ok(())
    });
    let installation = fdsn(&patient(&upstream, 30));
    let _server = installation.serve();
    let mut connection = installation.client().connect().unwrap();
    connection.send("GET", OPEN, &[], b"").unwrap();
    eventually("the upstream is asked", Duration::from_secs(5), || upstream.heads().pop());
    drop(connection);
    eventually("the upstream is left", Duration::from_secs(2), || upstream.ended().pop());
}

#[test]
fn clients_who_stop_reading_are_cut_after_a_minute_and_nothing_grows_meanwhile() {
    const CLIENTS: usize = 20;
    let upstream = upstream();
    let installation = fdsn(&patient(&upstream, 10));
    let server = installation.serve();
    let before = installation.log().length();
    let unread: Vec<_> = (0..CLIENTS).map(|_| begin(&installation).0).collect();
    // Until all the buffers are full.
    std::thread::sleep(Duration::from_secs(5));
    let (stalled, resident) = (Instant::now(), server.forget_peak());

    let ended = eventually("all are cut", Duration::from_secs(90), || {
        let mut events = installation.log().events_from(before);
        events.retain(|event| event.kind() == "ended");
        (events.len() == CLIENTS).then_some(events)
    });
    assert!(ended.iter().all(|ended| ended.text("delivery") == "cut"), "{ended:?}");
    assert!(stalled.elapsed() > Duration::from_secs(50), "cut after {:?}", stalled.elapsed());
    assert_flat(&server, resident);
    eventually("the upstream is left by all", Duration::from_secs(2), || upstream.ended().len() == CLIENTS);
    drop(unread);
    installation.log().check_transactions();
}
