//! `config show`: the configuration in force, and where each value comes from.

use serde_json::Value;

use super::support::{Installation, gateward, objects};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/gateward.sample.toml");

#[track_caller]
fn shown(config: &str) -> String {
    let ran = gateward(&["config", "show", "--config", config], &[], b"");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    // The first line says of which file this is.
    ran.stdout.split_once('\n').unwrap().1.to_owned()
}

/// One option of a configuration, as programs read it.
#[track_caller]
fn option(arguments: &[&str], environment: &[(&str, &str)], name: &str) -> Value {
    let ran = gateward(
        &[&["config", "show", "--origin", "--format", "json"], arguments].concat(),
        environment,
        b"",
    );
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    objects(&ran).into_iter().find(|option| option["name"] == name).expect(name)
}

#[test]
fn what_is_shown_is_a_configuration_that_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let again = folder.path().join("again.toml");
    for file in [SAMPLE, &Installation::new().config()] {
        let first = shown(file);
        std::fs::write(&again, &first).unwrap();
        assert_eq!(shown(again.to_str().unwrap()), first);
    }
}

#[test]
fn every_value_that_the_file_says_is_shown_with_its_line() {
    let text = std::fs::read_to_string(SAMPLE).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let ran = gateward(&["config", "show", "--origin", "--format", "json", "--config", SAMPLE], &[], b"");
    let mut seen = std::collections::BTreeSet::new();
    for option in objects(&ran).iter().skip(1) {
        let (name, origin) = (option["name"].as_str().unwrap(), option["origin"].as_str().unwrap());
        let Some(line) = origin.strip_prefix(&format!("{SAMPLE}:")) else {
            assert_eq!(origin, "default", "{name}");
            continue;
        };
        let line: usize = line.parse().unwrap();
        let own = name.rsplit('.').next().unwrap();
        let above = name.rsplit('.').nth(1).unwrap_or(own);
        let said = lines[line - 1];
        assert!(
            said.contains(&format!("{own} = ")) || said.starts_with(&format!("{above} = ")),
            "{name}: {said}"
        );
        seen.insert(line);
    }
    // Whatever is set in the file is an option that is shown.
    for (at, line) in lines.iter().enumerate() {
        // What is indented belongs to a list that began above.
        let sets = !line.starts_with(['#', '[', ' ']) && line.contains(" = ");
        assert!(!sets || seen.contains(&(at + 1)), "line {} is not shown: {line}", at + 1);
    }
}

#[test]
fn a_flag_wins_over_the_environment_and_both_over_the_file() {
    let installation = Installation::new();
    let config = installation.config();
    let file = installation.path("keyring.toml");
    let keyring = |arguments: &[&str], environment: &[(&str, &str)]| {
        let shown = option(&[arguments, &["--config", &config]].concat(), environment, "keyring");
        (shown["value"].as_str().unwrap().to_owned(), shown["origin"].as_str().unwrap().to_owned())
    };
    let named = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    let environment = [("GATEWARD_KEYRING", "/from/environment")];
    assert_eq!(keyring(&[], &[]), named(&file, &format!("{config}:6")));
    assert_eq!(keyring(&[], &environment), named("/from/environment", "environment GATEWARD_KEYRING"));
    assert_eq!(keyring(&["--keyring", "/from/flag"], &environment), named("/from/flag", "flag --keyring"));
}

#[test]
fn the_store_is_named_in_the_same_order() {
    let installation = Installation::new();
    let config = installation.config();
    let store = |arguments: &[&str], environment: &[(&str, &str)]| {
        let shown = option(&[arguments, &["--config", &config]].concat(), environment, "store");
        (shown["value"].as_str().unwrap().to_owned(), shown["origin"].as_str().unwrap().to_owned())
    };
    let named = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    let environment = [("GATEWARD_STORE", "postgres:///gateward")];
    assert_eq!(store(&[], &[]), named(&installation.store(), &format!("{config}:5")));
    assert_eq!(store(&[], &environment), named("postgres:///gateward", "environment GATEWARD_STORE"));
    assert_eq!(store(&["--store", "sqlite:/a.db"], &environment), named("/a.db", "flag --store"));
}

#[test]
fn it_says_what_named_the_file() {
    let installation = Installation::new();
    let config = installation.config();
    let by_flag = option(&["--config", &config], &[("GATEWARD_CONFIG", "/nowhere")], "config");
    assert_eq!(by_flag["origin"], "flag --config");
    let by_environment = option(&[], &[("GATEWARD_CONFIG", &config)], "config");
    assert_eq!(
        (&by_environment["value"], &by_environment["origin"]),
        (&config.clone().into(), &"environment GATEWARD_CONFIG".into())
    );
}

#[test]
fn what_has_no_value_is_said_to_have_none() {
    let installation = Installation::new();
    installation.change("tls = { certificate = \"server.pem\", key = \"server.key\" }\nstore", "store");
    let ran = installation.run(&["config", "show"]);
    assert!(ran.stdout.contains("\n# tls is not set: somebody else speaks TLS in front\n"), "{}", ran.stdout);
    assert_eq!(option(&["--config", &installation.config()], &[], "tls")["value"], Value::Null);
}

#[test]
fn a_file_that_makes_no_sense_is_not_shown() {
    let installation = Installation::new();
    installation.change("kind = \"plain\"", "kind = \"plane\"");
    let ran = installation.run(&["config", "show"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("did you mean `plain`?"), "{}", ran.stderr);
}
