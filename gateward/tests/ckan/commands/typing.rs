//! What is typed unseen, and a terminal that shows again what is typed, however that ends.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::installation::Installation;
use crate::cluster::patience::eventually;

const KEY: &str = "vN3kQ0mW7xTzR5uYb8LpAe2HcJ4sGd6FiOo1ZqXyUKw";
const INSPECT: [&str; 4] = ["access-token", "inspect", "ann.dcor-access.zip", "--open"];

/// An installation with one access token, and what opens it.
fn with_one() -> (Installation, String) {
    let ours = Installation::without_ckan();
    let key = ours.secret_file("key", KEY);
    let made = ours.create(&["ann", "--key-file", key.to_str().unwrap()]).good();
    (ours, made.passphrase("ann").unwrap())
}

#[test]
fn whatever_ends_a_command_while_a_secret_is_typed_leaves_a_terminal_that_shows_what_is_typed() {
    let (ours, _) = with_one();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        let mut running = ours.on_terminal(&INSPECT).start();
        eventually("it asks", Duration::from_secs(20), || !running.shows_what_is_typed());
        running.signal(signal);
        eventually("it ends", Duration::from_secs(20), || running.has_ended());
        assert!(running.shows_what_is_typed(), "{signal}");
        assert_eq!(running.finish().signal, Some(signal as i32));
    }
}

#[test]
fn control_c_is_heard_before_the_line_ends() {
    let (ours, _) = with_one();
    let said = ours.on_terminal(&INSPECT).answering("passphrase:", "\u{3}").run();
    assert_eq!(said.signal, Some(Signal::SIGINT as i32), "{said:?}");
}

#[test]
fn whoever_stops_a_command_and_goes_on_is_asked_anew() {
    let (ours, passphrase) = with_one();
    let call = ours.on_terminal(&INSPECT).answering("passphrase: \r\npassphrase: ", &passphrase);
    let running = call.start();
    eventually("it asks", Duration::from_secs(20), || !running.shows_what_is_typed());
    // Nobody is there who could let it go on, and then the system does not stop it (setpgid(2), orphans).
    running.signal(Signal::SIGTSTP);
    let said = running.finish().good();
    assert!(said.out.contains("opaque") && !said.terminal.contains(&passphrase), "{said:?}");
}
