//! Errors, read aloud: what is wrong, and what to do.

use super::support::{Installation, NOBODY, gateward};

#[track_caller]
fn says(arguments: &[&str], installation: &Installation, said: &str) {
    let ran = installation.run(arguments);
    assert_eq!(ran.stderr, format!("gateward: {said}\n"), "{arguments:?}");
}

#[test]
fn a_name_that_there_is_not_is_said_with_where_to_look() {
    let installation = Installation::new();
    says(
        &["login", "show", NOBODY],
        &installation,
        "there is no login AAAAAAAAAAAAAA: `gateward login list` shows those there are",
    );
    says(
        &["grant", "revoke", "g-1"],
        &installation,
        "there is no grant g-1: `gateward grant list` shows those there are",
    );
    says(
        &["key", "retire", "k-1"],
        &installation,
        "the keyring has no key \"k-1\": `gateward key list` shows those it has",
    );
    says(
        &["grant", "revoke", &installation.grant()],
        &installation,
        &format!(
            "grant {} comes from the configuration file: take it out there and restart",
            installation.grant()
        ),
    );
    says(&["audit", "show", "no-such"], &installation, "nothing is recorded under no-such");
}

#[test]
fn a_configuration_that_is_not_there_is_said_once_and_with_what_to_do() {
    for command in [&["login", "list"][..], &["config", "check"], &["serve"]] {
        let ran = gateward(&[command, &["--config", "/nowhere"]].concat(), &[], b"");
        assert_eq!(
            ran.stderr,
            "gateward: /nowhere: No such file or directory (os error 2): name the configuration with --config \
             FILE or GATEWARD_CONFIG; `gateward init` writes one\n",
            "{command:?}"
        );
    }
}

#[test]
fn a_cause_is_said_once() {
    let installation = Installation::new();
    std::fs::remove_file(installation.file("keyring.toml")).unwrap();
    let keyring = installation.file("keyring.toml").canonicalize().unwrap_err();
    let said = format!("keyring {}: {keyring}", installation.path("keyring.toml"));
    says(&["login", "list"], &installation, &said);
}

#[test]
fn the_environment_names_the_configuration_and_a_flag_wins() {
    let installation = Installation::new();
    let environment = [("GATEWARD_CONFIG", installation.config())];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(gateward(&["config", "check"], &environment, b"").status, 0);
    assert_eq!(gateward(&["config", "check", "--config", "/nowhere"], &environment, b"").status, 2);
}

#[test]
fn the_environment_names_the_keyring_and_wins_over_the_file() {
    let installation = Installation::new();
    std::fs::rename(installation.file("keyring.toml"), installation.file("elsewhere.toml")).unwrap();
    let command = ["login", "list", "--config", &installation.config()];
    assert_eq!(gateward(&command, &[], b"").status, 2);
    let environment = [("GATEWARD_KEYRING", installation.path("elsewhere.toml"))];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(gateward(&command, &environment, b"").status, 0);
    let check = ["config", "check", "--config", &installation.config()];
    assert_eq!(gateward(&check, &environment, b"").status, 0);
    let flag = [&command[..], &["--keyring", "/nowhere"]].concat();
    assert_eq!(gateward(&flag, &environment, b"").status, 2);
}

#[test]
fn the_same_grant_twice_is_refused_with_the_one_there_is() {
    let installation = Installation::new();
    let create = ["grant", "create", "--group", "/epos/x", "--service", "files"];
    let made = installation.json(&create);
    let grant = made[0]["grant"].as_str().unwrap();
    says(&create, &installation, &format!("the same grant is there already: {grant}"));
}

#[test]
fn a_keyring_that_everybody_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let installation = Installation::new();
    let keyring = installation.file("keyring.toml");
    std::fs::set_permissions(&keyring, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = format!("{} can be read by everybody on this machine: chmod o-rwx it", keyring.display());
    says(&["login", "list"], &installation, &said);
}
