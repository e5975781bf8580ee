//! The database's write lock in other hands, while an upstream has answered.

use std::time::Duration;

use super::doors::{OPEN, RESTRICTED, fdsn, patient};
use super::records::{RECORD, records};
use super::stand_in::{StandIn, answer};
use crate::client::Connection;
use crate::cluster::patience::eventually;
use crate::log::Log as _;
use crate::support::Installation;

const MINISEED: &str = "Content-Type: application/vnd.fdsn.mseed\r\n";

/// So many records that the answer runs.
const MANY: usize = 75;

/// Gives one record of what is open, and many of what is restricted.
fn upstream() -> StandIn {
    StandIn::doing(|asked| {
        let is_open = asked.head.target.contains("network=OP");
        let records = if is_open { records("OP", "STA", 1) } else { records("RE", "STA", MANY) };
        asked.say(&answer("200 OK", MINISEED, &records))
    })
}

/// Who asks for little that is open, and who asks for much that is restricted; both have spoken with
/// the door before.
struct Askers {
    open: Connection,
    restricted: Connection,
    authorization: String,
}

impl Askers {
    fn connect(installation: &Installation, login: &(String, String)) -> Self {
        let [mut open, mut restricted] = [(); 2].map(|()| installation.client().connect().unwrap());
        open.send("GET", "/version", &[], b"").unwrap();
        assert_eq!(open.answer().unwrap().status, 200);
        let authorization = restricted.authorization(RESTRICTED, login).unwrap();
        Self { open, restricted, authorization }
    }

    fn ask(&mut self) -> [&mut Connection; 2] {
        self.open.send("GET", OPEN, &[], b"").unwrap();
        self.restricted.send("GET", RESTRICTED, &[&self.authorization], b"").unwrap();
        [&mut self.open, &mut self.restricted]
    }
}

#[test]
fn not_one_byte_of_an_upstreams_answer_leaves_before_it_is_recorded() {
    let upstream = upstream();
    let installation = fdsn(&patient(&upstream, 10));
    let _server = installation.serve();
    let mut askers = Askers::connect(&installation, &installation.login());
    let before = installation.log().length();

    let held = installation.store().hold();
    let asking = askers.ask();
    eventually("the upstream was asked both", Duration::from_secs(5), || upstream.heads().len() == 2);
    for connection in &asking {
        assert!(connection.is_silent_for(Duration::from_secs(1)), "something left unrecorded");
    }
    assert_eq!(installation.log().length(), before);
    held.release();

    for (connection, count) in asking.into_iter().zip([1, MANY]) {
        let answer = connection.answer().unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, count * RECORD));
    }
    installation.log().wait_for("released", before, Duration::from_secs(1));
    let ended = installation.log().wait_for("ended", before, Duration::from_secs(2));
    assert_eq!(ended.body["networks"]["RE"], MANY * RECORD, "{ended:?}");
    installation.log().check();
    installation.log().check_transactions();
}

#[test]
fn an_answer_that_cannot_be_recorded_stays_here_and_is_counted_into_the_gap() {
    let upstream = upstream();
    let installation = fdsn(&patient(&upstream, 10));
    let _server = installation.serve();
    let login = installation.login();
    let mut askers = Askers::connect(&installation, &login);
    let before = installation.log().length();

    let held = installation.store().hold();
    for connection in askers.ask() {
        let answer = connection.answer().unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.head.field("retry-after").is_some());
        assert!(answer.text().contains("The door is shut"), "{}", answer.text());
    }
    assert_eq!(upstream.heads().len(), 2, "the upstream had answered");
    held.release();

    let gap = installation.log().wait_for("gap", before, Duration::from_secs(15));
    assert!(gap.body["refused"].as_u64().unwrap() >= 2, "{gap:?}");
    let leaving = installation.log().events_from(before);
    assert!(leaving.iter().all(|event| !["admitted", "released"].contains(&event.kind())), "{leaving:?}");
    installation.wait_until_ready();
    for connection in Askers::connect(&installation, &login).ask() {
        assert_eq!(connection.answer().unwrap().status, 200);
    }
    installation.log().check();
}
