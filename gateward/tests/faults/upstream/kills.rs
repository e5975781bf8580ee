//! `kill -9` under load through an upstream: nothing acknowledged is missing from the record.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::doors::{OPEN, RESTRICTED, fdsn, patient, plain};
use super::records::{RECORD, records};
use super::stand_in::{Asked, StandIn, answer, head};
use crate::client::Client;
use crate::log::Log as _;

/// How many times the server is killed.
const ROUNDS: u64 = 10;

/// So many records that an answer runs.
const MANY: usize = 75;

/// What is asked for where the answer never ends.
const ENDLESS: &str = "2016-06-03";

/// Gives little that is open, much that is restricted, and of what is endless a beginning.
fn upstream() -> StandIn {
    let (little, much) = (records("OP", "STA", 1), records("RE", "STA", MANY));
    StandIn::doing(move |asked: &mut Asked| {
        if asked.head.target.contains(&format!("endtime={ENDLESS}")) {
            asked.say(&head("200 OK", "", 1 << 30))?;
            asked.say(&much)?;
            asked.wait_until_left();
            return Ok(());
        }
        let is_open = asked.head.target.contains("network=OP");
        asked.say(&answer("200 OK", "", if is_open { &little } else { &much }))
    })
}

/// Asks until the server is gone; whatever came whole is in `arrived`, by its end time, of which no
/// two requests have the same.
struct Load<'a> {
    client: Client,
    login: Option<&'a (String, String)>,
    number: &'a AtomicU32,
    killed: &'a AtomicBool,
    arrived: &'a Mutex<Vec<String>>,
}

impl Load<'_> {
    fn run(&self) {
        let Err(error) = self.ask();
        // Nothing but the kill may end a connection.
        assert!(self.killed.load(Ordering::SeqCst), "before the kill: {error}");
    }

    fn ask(&self) -> std::io::Result<std::convert::Infallible> {
        loop {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let (minutes, seconds) = (number / 60, number % 60);
            let end = format!("2016-06-02T{:02}:{:02}:{seconds:02}", minutes / 60, minutes % 60);
            let path = |path: &str| path.replace("end=2016-06-02", &format!("end={end}"));
            let (answer, expected) = match self.login {
                None => (self.client.ask("GET", &path(OPEN), &[], b"")?, 1),
                Some(login) => (self.client.get(&path(RESTRICTED), login)?, MANY),
            };
            assert_eq!((answer.status, answer.body.len()), (200, expected * RECORD), "{}", answer.text());
            self.arrived.lock().unwrap().push(end);
        }
    }
}

#[test]
fn ten_kills_under_load_lose_nothing_of_what_an_upstream_gave() {
    let upstream = upstream();
    let installation = fdsn(&patient(&upstream, 30));
    let log = installation.log();
    let (number, arrived) = (AtomicU32::new(0), Mutex::new(Vec::new()));
    for round in 0..ROUNDS {
        let server = installation.serve();
        let login = installation.login();
        let endless = RESTRICTED.replace("end=2016-06-02", &format!("end={ENDLESS}"));
        let downloading = installation.client().begin(&endless, &login).unwrap();
        assert_eq!(downloading.1.status, 200);
        let killed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for login in [None, None, Some(&login), Some(&login)] {
                let client = installation.client();
                let load = Load { client, login, number: &number, killed: &killed, arrived: &arrived };
                scope.spawn(move || load.run());
            }
            // At another instant in each round: this is the load's time, nothing is waited for.
            std::thread::sleep(Duration::from_millis(150 + round * 37 % 400));
            killed.store(true, Ordering::SeqCst);
            server.kill();
        });
    }
    installation.close_what_the_killed_left();
    let arrived = arrived.into_inner().unwrap();
    assert!(arrived.len() > 40, "there was hardly any load: {}", arrived.len());

    log.check();
    let deliveries = log.check_transactions();
    let unknown = deliveries.values().filter(|delivery| *delivery == "unknown").count();
    assert!(unknown as u64 >= ROUNDS, "answers that a kill cut: {unknown}");
    let recorded: HashSet<String> = log
        .events()
        .iter()
        .filter(|event| ["released", "admitted"].contains(&event.kind()))
        .filter_map(|event| Some(event.body["asked"][0].as_str()?.split("endtime=").nth(1)?.to_owned()))
        .collect();
    for end in &arrived {
        assert!(recorded.contains(end), "what ends at {end} arrived and is not recorded");
    }
}

#[test]
fn a_change_that_a_kill_cuts_is_recorded_and_ends_as_unknown() {
    let upstream = StandIn::doing(|asked| {
        asked.body()?;
        asked.wait_until_left();
        Ok(())
    });
    let installation = plain(&patient(&upstream, 30), "");
    let server = installation.serve();
    let login = installation.login();
    let mut connection = installation.client().connect().unwrap();
    let authorization = connection.authorization_to("POST", "/things/one", &login).unwrap();
    let before = installation.log().length();
    connection.send("POST", "/things/one", &[&authorization], b"new").unwrap();
    crate::cluster::patience::eventually("the upstream has it", Duration::from_secs(5), || {
        upstream.heads().pop()
    });
    server.kill();

    installation.close_what_the_killed_left();
    let events = installation.log().events_from(before);
    let admitted = events.iter().find(|event| event.kind() == "admitted").expect("it was recorded first");
    let deliveries = installation.log().check_transactions();
    assert_eq!(deliveries[admitted.text("transaction")], "unknown");
    assert_eq!(upstream.heads().len(), 1, "nobody sent it again");
}
