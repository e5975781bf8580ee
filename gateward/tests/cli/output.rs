//! What is data goes to standard output, in a form for people and one for programs.

use serde_json::Value;

use super::support::{Installation, gateward, objects};

#[test]
fn json_is_one_object_a_line_for_every_command() {
    let installation = Installation::new();
    let token = installation.path("token.asc");
    let login = installation.login();
    let fingerprint = installation.json(&["issuer", "list"])[0]["issuer"].as_str().unwrap().to_owned();
    for arguments in [
        &["audit", "search"][..],
        &["login", "list"],
        &["login", "show", &login],
        &["grant", "list"],
        &["grant", "create", "--mail-domain", "example.org", "--service", "files"],
        &["issuer", "list"],
        &["key", "list"],
        &["key", "rotate"],
        &["config", "check"],
        &["config", "show"],
        &["store", "status"],
        &["store", "migrate"],
        &["exchange", "--dry-run", &token],
        &["exchange", &token],
        &["exchange", "--dry-run", "/dev/null"],
        &["exchange", "/dev/null"],
        &["cleanup"],
        &["login", "revoke", &login],
        &["issuer", "revoke", &fingerprint],
    ] {
        let objects = installation.json(arguments);
        assert!(!objects.is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_empty_range_of_the_log_is_an_answer() {
    let installation = Installation::new();
    for range in [&["--until", "2020-01-01"][..], &["--service", "none"], &["--who", "nobody"]] {
        let ran = installation.run(&[&["audit", "search"], range].concat());
        assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""), "{range:?}");
    }
}

#[test]
fn the_log_is_searched_by_time_who_service_and_outcome() {
    let installation = Installation::new();
    let login = installation.login();
    installation.run(&["exchange", "/dev/null"]);
    let kinds = |range: &[&str]| -> Vec<String> {
        let events = installation.json(&[&["audit", "search"], range].concat());
        events.iter().map(|event| event["body"]["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&["--who", &login]), ["exchanged", "released"]);
    assert_eq!(kinds(&["--who", "dora@demo.invalid"]), ["exchanged"]);
    assert_eq!(kinds(&["--service", "files"]), ["grant_created", "released"]);
    assert_eq!(kinds(&["--outcome", "refused"]), ["exchange_refused"]);
    let all = kinds(&[]);
    assert_eq!(kinds(&["--since", "1h"])[..all.len()], all);
    assert!(kinds(&["--until", "1h"]).is_empty());
}

#[test]
fn a_refused_exchange_by_command_is_found_by_its_reference() {
    let installation = Installation::new();
    let refused = installation.json(&["exchange", "/dev/null"]);
    let reference = refused[0]["reference"].as_str().unwrap();
    // However it was written down.
    for spelling in [reference.to_owned(), reference.to_lowercase(), reference.replace('-', "")] {
        let shown = installation.json(&["audit", "show", &spelling]);
        assert_eq!(shown.len(), 1, "{spelling}");
        assert_eq!(shown[0]["body"]["reason"], "no-token", "{spelling}");
        assert!(shown[0]["body"]["who"].as_str().unwrap().starts_with("os:"), "{spelling}");
    }
}

#[test]
fn a_dry_run_tells_everything_and_makes_nothing() {
    let installation = Installation::new();
    let login = installation.login();
    installation.run(&["login", "revoke", &login, "--allow-again"]);
    let log = || -> Vec<Value> {
        let events = installation.json(&["audit", "search"]);
        events.into_iter().filter(|event| event["body"]["kind"] != "log_read").collect()
    };
    let before = log();
    let token = std::fs::read(installation.file("token.asc")).unwrap();
    let dry = ["exchange", "--dry-run", "-", "--format", "json", "--config", &installation.config()];
    let told = objects(&gateward(&dry, &[], &token)).remove(0);
    for (name, value) in [
        ("accepted", Value::from(true)),
        ("groups", vec!["/epos/demo"].into()),
        ("groups_known", vec!["/epos/demo"].into()),
        ("services", vec!["files"].into()),
        ("has_login", false.into()),
        ("mail", "dora@demo.invalid".into()),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    for name in ["token_id", "issuer", "hash", "signed_at", "issued", "valid_until", "login_ends"] {
        assert!(told[name].is_string(), "{name}: {told}");
    }
    assert!(installation.json(&["login", "list"]).is_empty());
    assert_eq!(log(), before);
}

#[test]
fn whoever_stops_reading_makes_no_noise() {
    let installation = Installation::new();
    for _ in 0..3 {
        installation.run(&["exchange", &installation.path("token.asc")]);
    }
    let mut search = std::process::Command::new(env!("CARGO_BIN_EXE_gateward"))
        .args(["audit", "search", "--config", &installation.config()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(search.stdout.take());
    let ended = search.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}
