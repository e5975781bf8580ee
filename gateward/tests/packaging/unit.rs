//! The systemd unit, as systemd's own tools see it.

use std::process::Command;

use super::machine::Machine;
use super::tools::{run, top};

/// systemd's own measure of what a service could still do; 100 is everything.
const EXPOSURE: &str = "15";

#[test]
fn the_units_are_well_formed_and_name_what_is_there() {
    let machine = Machine::new();
    machine.install();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no", "--recursive-errors=one"]).arg("--root").arg(machine.path(""));
    let said = run(verify.args(["gateward.service", "gateward.path"])).good();
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
}

#[test]
fn the_service_can_do_little_else() {
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--no-pager", "--offline=true", "--threshold", EXPOSURE]);
    run(security.arg(top().join("packaging/gateward.service"))).good();
}

#[test]
fn the_service_reads_the_keyring_that_systemd_hands_over() {
    let unit = std::fs::read_to_string(top().join("packaging/gateward.service")).unwrap();
    for line in
        ["LoadCredential=keyring:/etc/gateward/keyring.toml", "Environment=GATEWARD_KEYRING=%d/keyring"]
    {
        assert!(unit.lines().any(|there| there == line), "{line}");
    }
}
