//! Rights that end while an upstream's answer runs by them, also while it says nothing.

use std::time::{Duration, Instant};

use super::doors::{RESTRICTED, fdsn, patient};
use super::records::records;
use super::stand_in::{Asked, StandIn, head};
use crate::client::Connection;
use crate::cluster::patience::eventually;
use crate::log::Log as _;
use crate::support::Installation;

/// How many records an answer is said to have; it never gets so far.
const ENDLESS: usize = 65_536;

/// How many come before the silence.
const BEGINNING: usize = 75;

/// Gives records without end to whoever asks for all of a day; to others a beginning, and then says
/// nothing for as long as anybody listens.
fn upstream() -> StandIn {
    let piece = records("RE", "STA", BEGINNING);
    let begin = move |asked: &mut Asked| {
        asked.say(&head("200 OK", "", ENDLESS * piece.len()))?;
        asked.say(&piece)?;
        if asked.head.target.contains("endtime=2016-06-01T") {
            asked.wait_until_left();
            return Ok(());
        }
        loop {
            asked.say(&piece)?;
        }
    };
    StandIn::doing(begin)
}

/// Two downloads that run: of one nobody reads on, and the upstream of the other has fallen silent.
struct Running {
    unread: Connection,
    silent: Connection,
    since: u64,
}

impl Running {
    fn begin(installation: &Installation, login: &(String, String)) -> Self {
        let quietly = RESTRICTED.replace("end=2016-06-02", "end=2016-06-01T12:00:00");
        let [(unread, _), (mut silent, head)] = [RESTRICTED, &quietly].map(|path| {
            let begun = installation.client().begin(path, login).unwrap();
            assert_eq!(begun.1.status, 200);
            begun
        });
        // All that came, so that what is waited for is the upstream.
        let mut came = Stop(BEGINNING * super::records::RECORD);
        silent.pour(&head, &mut came).unwrap_err();
        assert_eq!(came.0, 0, "the beginning came");
        Self { unread, silent, since: installation.log().length() }
    }

    /// Both are cut within a second after the event `kind`, and the upstream of both is left.
    fn assert_cut(self, installation: &Installation, upstream: &StandIn, kind: &str) {
        let (log, since) = (installation.log(), self.since);
        let cause = log.wait_for(kind, since, Duration::from_secs(5)).recorded_at;
        let ended = eventually("both ended", Duration::from_secs(5), || {
            let mut events = log.events_from(since);
            events.retain(|event| event.kind() == "ended");
            (events.len() == 2).then_some(events)
        });
        for ended in ended {
            assert_eq!(ended.text("delivery"), "revoked", "{ended:?}");
            let after = ended.recorded_at.duration_since(cause);
            assert!(after.as_millis() <= 1000, "cut {after:#} after");
        }
        for mut download in [self.unread, self.silent] {
            let begun = Instant::now();
            download.drain();
            assert!(begun.elapsed() < Duration::from_secs(5), "the connection stayed open");
        }
        eventually("the upstream is left", Duration::from_secs(2), || upstream.ended().len() == 2);
        log.check_transactions();
    }
}

/// Takes so many bytes and no more.
struct Stop(usize);

impl std::io::Write for Stop {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 -= bytes.len().min(self.0);
        if self.0 == 0 { Err(std::io::ErrorKind::Other.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_revoked_login_is_cut_also_while_the_upstream_is_silent() {
    let upstream = upstream();
    let installation = fdsn(&patient(&upstream, 120));
    let _server = installation.serve();
    let login = installation.login();
    let running = Running::begin(&installation, &login);
    installation.run_json(&["login", "revoke", &login.0]);
    running.assert_cut(&installation, &upstream, "login_revoked");
    assert_eq!(installation.client().get(RESTRICTED, &login).unwrap().status, 401);
}

#[test]
fn a_revoked_grant_cuts_what_runs_by_it_also_while_the_upstream_is_silent() {
    let upstream = upstream();
    let installation = fdsn(&patient(&upstream, 120));
    let _server = installation.serve();
    let token = installation.pen().sign("/epos/guests");
    let login = installation.client().exchange(token.as_bytes()).unwrap().login();
    assert_eq!(installation.client().get(RESTRICTED, &login).unwrap().status, 403);
    let create = ["grant", "create", "--group", "/epos/guests", "--service", "dataselect", "--network", "RE"];
    let made = installation.run_json(&create);
    let running = Running::begin(&installation, &login);
    installation.run_json(&["grant", "revoke", made[0]["grant"].as_str().unwrap()]);
    running.assert_cut(&installation, &upstream, "grant_revoked");
    assert_eq!(installation.client().get(RESTRICTED, &login).unwrap().status, 403);
}

#[test]
fn a_revoked_issuer_takes_its_downloads_along_also_while_the_upstream_is_silent() {
    let upstream = upstream();
    let installation = fdsn(&patient(&upstream, 120));
    let _server = installation.serve();
    let login = installation.login();
    let running = Running::begin(&installation, &login);
    installation.run_json(&["issuer", "revoke", &installation.pen().fingerprint().to_string()]);
    running.assert_cut(&installation, &upstream, "issuer_revoked");
    assert_eq!(installation.client().get(RESTRICTED, &login).unwrap().status, 401);
}
