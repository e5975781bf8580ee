//! The exit status is an answer: 0 yes or done, 1 no, 2 could not find out.

use super::support::{Installation, NO_FINGERPRINT, NOBODY, Ran, gateward};

#[track_caller]
pub fn ends_with(status: i32, arguments: &[&str], ran: &Ran) {
    assert_eq!(ran.status, status, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
}

#[test]
fn yes_and_done_are_0() {
    let installation = Installation::new();
    let token = installation.path("token.asc");
    let (login, id) = {
        let login = installation.json(&["login", "list"]).remove(0);
        (login["login"].as_str().unwrap().to_owned(), login["token_ids"][0].as_str().unwrap().to_owned())
    };
    let issuer = installation.json(&["issuer", "list"])[0]["issuer"].as_str().unwrap().to_owned();
    let made = installation.json(&["grant", "create", "--mail", "ann@example.org", "--service", "files"]);
    let grant = made[0]["grant"].as_str().unwrap();
    let key = installation.json(&["key", "list"])[0]["key"].as_str().unwrap().to_owned();
    // In this order: the last ones change what the others find.
    for arguments in [
        &["config", "check"][..],
        &["config", "show", "--origin"],
        &["audit", "search"],
        &["audit", "search", "--until", "2020-01-01"],
        &["audit", "show", &login_event(&installation)],
        &["login", "list"],
        &["login", "show", &login],
        &["grant", "list"],
        &["grant", "revoke", grant],
        &["issuer", "list"],
        &["key", "list"],
        &["key", "rotate"],
        &["key", "retire", &key],
        &["exchange", "--dry-run", &token],
        &["exchange", &token],
        &["cleanup"],
        &["login", "revoke", &login],
        &["login", "revoke", "--token-id", &id, "--allow-again"],
        // One id in 64 begins so.
        &["login", "revoke", "--token-id", "-AAAAAAAAAAAAAAAAAAAAAAA"],
        &["issuer", "revoke", &issuer],
    ] {
        ends_with(0, arguments, &installation.run(arguments));
    }
    for arguments in [&["--help"][..], &["--version"], &["help", "audit", "search"]] {
        ends_with(0, arguments, &gateward(arguments, &[], b""));
    }
}

fn login_event(installation: &Installation) -> String {
    let events = installation.json(&["audit", "search"]);
    let exchanged = events.iter().find(|event| event["body"]["kind"] == "exchanged").unwrap();
    exchanged["id"].as_str().unwrap().to_owned()
}

#[test]
fn no_is_1() {
    let installation = Installation::new();
    std::fs::write(installation.file("no-token"), "no token").unwrap();
    let no_token = installation.path("no-token");
    let grant = installation.grant();
    let key = installation.json(&["key", "list"])[0]["key"].as_str().unwrap().to_owned();
    for arguments in [
        &["login", "show", NOBODY][..],
        &["login", "revoke", NOBODY],
        &["grant", "revoke", "g-0000000000"],
        &["grant", "revoke", &grant],
        &["issuer", "revoke", NO_FINGERPRINT],
        &["audit", "show", "AAAAA-AAAAA"],
        &["key", "retire", "k-00000000"],
        &["key", "retire", &key],
        &["exchange", &no_token],
        &["exchange", "--dry-run", &no_token],
    ] {
        ends_with(1, arguments, &installation.run(arguments));
    }
    installation.change("dir:files", "dir:gone");
    ends_with(1, &["config", "check"], &installation.run(&["config", "check"]));
}

#[test]
fn whatever_could_not_be_found_out_is_2_and_prints_no_data() {
    let installation = Installation::new();
    for arguments in [
        &["nonsense"][..],
        &["login"],
        &["login", "show"],
        &["login", "show", "lower"],
        &["login", "revoke"],
        &["login", "revoke", "--token-id", "short"],
        &["login", "list", "--format", "xml"],
        &["grant", "create", "--service", "files"],
        &["grant", "create", "--service", "files", "--group", "/a/b", "--mail", "a@example.org"],
        &["grant", "create", "--service", "none", "--group", "/epos/x"],
        &["issuer", "revoke", "00"],
        &["audit", "search", "--since", "yesterday"],
        &["audit", "search", "--outcome", "good"],
        &["exchange", "/nowhere/token.asc"],
        &["demo", "--public", "0.0.0.0:0"],
    ] {
        let ran = installation.run(arguments);
        ends_with(2, arguments, &ran);
        assert_eq!(ran.stdout, "", "{arguments:?}");
        assert!(!ran.stderr.is_empty(), "{arguments:?}");
    }
    ends_with(2, &[], &gateward(&[], &[], b""));
}

/// Every kind of command that needs a configuration, a keyring and a store.
pub const COMMANDS: [&[&str]; 11] = [
    &["login", "list"],
    &["login", "show", NOBODY],
    &["login", "revoke", NOBODY],
    &["grant", "list"],
    &["issuer", "list"],
    &["key", "list"],
    &["audit", "search"],
    &["audit", "show", "AAAAA-AAAAA"],
    &["cleanup"],
    &["exchange", "/dev/null"],
    &["serve"],
];

#[test]
fn no_command_answers_without_a_configuration_that_can_be_read() {
    let installation = Installation::new();
    for arguments in COMMANDS {
        let ran = gateward(&[arguments, &["--config", "/nowhere/gateward.toml"]].concat(), &[], b"");
        ends_with(2, arguments, &ran);
        assert!(ran.stderr.contains("/nowhere/gateward.toml"), "{arguments:?}: {}", ran.stderr);
    }
    installation.change("keyring = ", "keyrung = ");
    for arguments in COMMANDS {
        ends_with(2, arguments, &installation.run(arguments));
    }
}
