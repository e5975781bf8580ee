//! A clock that steps under a running server.

use std::path::Path;
use std::time::Duration;

use gateward::server::system;
use jiff::SignedDuration;

use crate::faketime::{self, clock_off_by, set_off};
use crate::log::Log as _;
use crate::program::{DEMO_GROUP, SMALL, Server};
use crate::support::Installation;

/// A server whose wall clock, and nothing else, is in our hands.
fn serve(installation: &Installation, offset: &Path) -> Server {
    set_off(offset, "+0");
    installation.serve_with(installation.serving().envs(clock_off_by(offset)))
}

fn a_step_shuts_the_door(by: &str) {
    let installation = Installation::make();
    let offset = installation.path("offset");
    let _server = serve(&installation, &offset);
    let login = installation.login();
    let client = installation.client();
    let before = installation.log().length();

    set_off(&offset, by);
    let reason = installation.wait_until_not_ready();
    assert!(reason.contains("the clock stepped"), "{reason}");
    let token = installation.pen().sign(DEMO_GROUP);
    for answer in [client.exchange(token.as_bytes()), client.ask("GET", SMALL, &[], b"")] {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.head.field("retry-after").is_some());
    }
    assert_eq!(installation.log().length(), before, "something was recorded at a wrong time");

    set_off(&offset, "+0");
    installation.wait_until_ready();
    client.exchange(token.as_bytes()).unwrap().login();
    assert_eq!(client.get(SMALL, &login).unwrap().status, 200);
    let gap = installation.log().wait_for("gap", before, Duration::from_secs(5));
    assert!(gap.body["refused"].as_u64().unwrap() >= 2, "{gap:?}");
    let latest = system::wall_clock().checked_add(SignedDuration::from_secs(5)).unwrap();
    let earliest = latest.checked_sub(SignedDuration::from_mins(10)).unwrap();
    for event in installation.log().events() {
        assert!(earliest < event.recorded_at && event.recorded_at < latest, "{event:?}");
    }
    installation.log().check();
}

#[test]
fn a_clock_that_steps_forward_shuts_the_door_until_it_is_back() {
    a_step_shuts_the_door("+1h");
}

#[test]
fn a_clock_that_steps_backward_shuts_the_door_until_it_is_back() {
    a_step_shuts_the_door("-1h");
}

#[test]
fn a_command_under_another_clock_than_the_running_server_s_changes_nothing() {
    let installation = Installation::make();
    let server = installation.serve();
    let login = installation.login();
    let before = installation.log().length();
    for by in ["+2h", "-2h"] {
        let mut command = std::process::Command::new(crate::program::GATEWARD);
        command.args(["login", "revoke", &login.0, "--config"]).arg(installation.config());
        let ran = command.env("LD_PRELOAD", faketime::library()).env("FAKETIME", by).output().unwrap();
        assert_eq!(ran.status.code(), Some(2), "{by}");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        // By the running server's, or by the database's.
        assert!(said.contains("apart"), "{by}: {said}");
    }
    assert_eq!(installation.log().length(), before);
    assert_eq!(installation.client().get(SMALL, &login).unwrap().status, 200);
    installation.run_json(&["login", "revoke", &login.0]);
    server.stop();
}
