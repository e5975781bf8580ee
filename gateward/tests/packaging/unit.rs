//! The systemd unit, as systemd's own tools see it.

use std::process::Command;

use super::machine::Machine;
use super::tools::{run, top};

/// systemd's own measure of what a service could still do; 100 is everything.
const EXPOSURE: &str = "15";

/// What the package brings.
const UNITS: [&str; 6] = [
    "gateward.service",
    "gateward.path",
    "gateward-cleanup.service",
    "gateward-cleanup.timer",
    "gateward-backup.service",
    "gateward-backup.timer",
];

const SERVICES: [&str; 3] = ["gateward.service", "gateward-cleanup.service", "gateward-backup.service"];

#[test]
fn the_units_are_well_formed_and_name_what_is_there() {
    let machine = Machine::new();
    machine.install();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no", "--recursive-errors=one"]).arg("--root").arg(machine.path(""));
    let said = run(verify.args(UNITS)).good();
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
}

#[test]
fn the_services_can_do_little_else() {
    for service in SERVICES {
        let mut security = Command::new("systemd-analyze");
        security.args(["security", "--no-pager", "--offline=true", "--threshold", EXPOSURE]);
        run(security.arg(top().join("packaging").join(service))).good();
    }
}

#[test]
fn the_service_reads_the_keyring_that_systemd_hands_over() {
    for service in SERVICES {
        let unit = std::fs::read_to_string(top().join("packaging").join(service)).unwrap();
        for line in
            ["LoadCredential=keyring:/etc/gateward/keyring.toml", "Environment=GATEWARD_KEYRING=%d/keyring"]
        {
            assert!(unit.lines().any(|there| there == line), "{service}: {line}");
        }
    }
}

#[test]
fn who_serves_may_take_out_of_the_spool_of_backups_what_it_recorded() {
    let of = |service: &str| std::fs::read_to_string(top().join("packaging").join(service)).unwrap();
    let says = |service: &str, line: &str| of(service).lines().any(|there| there == line);
    assert!(says("gateward-backup.service", "StateDirectory=gateward-backup"));
    for service in ["gateward.service", "gateward-cleanup.service"] {
        assert!(says(service, "ReadWritePaths=-/var/lib/gateward-backup"), "{service}");
    }
}

#[test]
fn a_configuration_for_commands_alone_starts_no_server() {
    let unit = std::fs::read_to_string(top().join("packaging/gateward.service")).unwrap();
    let condition = unit.lines().find_map(|line| line.strip_prefix("ExecCondition=")).unwrap();
    let machine = tempfile::tempdir().unwrap();
    let config = machine.path().join("gateward.toml");
    let starts = |text: &str| {
        std::fs::write(&config, text).unwrap();
        let condition = condition.replace("/etc/gateward/gateward.toml", config.to_str().unwrap());
        Command::new("sh").args(["-c", &condition]).status().unwrap().success()
    };
    assert!(starts("mode = \"production\"\nlisten = \"0.0.0.0:443\"\n"));
    assert!(!starts(
        "mode = \"production\"\n# listen = \"0.0.0.0:443\"\n[access_token]\nhost = \"listen\"\n"
    ));
}
