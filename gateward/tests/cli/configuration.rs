//! `config check` finds what is wrong before a server does.

use std::path::Path;

use super::support::Installation;

/// Checks a file that was broken, and returns its findings.
#[track_caller]
fn findings(installation: &Installation) -> Vec<String> {
    let (found, beside) = findings_and_what_is_said(installation);
    assert_eq!(beside, "");
    found
}

#[track_caller]
fn findings_and_what_is_said(installation: &Installation) -> (Vec<String>, String) {
    let ran = installation.run(&["config", "check"]);
    assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
    let json = installation.json(&["config", "check"]);
    let found: Vec<String> =
        json.iter().map(|finding| finding["finding"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), found);
    (found, ran.stderr)
}

#[track_caller]
fn finds(old: &str, new: &str, said: &str) {
    let installation = Installation::new();
    installation.change(old, new);
    let found = findings(&installation);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains(said), "{new}: {}", found[0]);
}

#[test]
fn a_good_file_is_said_to_be_good() {
    let installation = Installation::new();
    let ran = installation.run(&["config", "check"]);
    assert_eq!((ran.status, ran.stdout), (0, format!("{}: good\n", installation.config())));
}

#[test]
fn an_unknown_name_is_found_with_its_line_and_the_nearest_right_one() {
    let installation = Installation::new();
    installation.change("\nkeyring = ", "\nkeyrin = ");
    let said = format!("{}, line 6: unknown name `keyrin`: did you mean `keyring`?", installation.config());
    assert_eq!(findings(&installation), [said.as_str()]);
    // Every other command refuses in the same words.
    let ran = installation.run(&["login", "list"]);
    assert_eq!((ran.status, ran.stderr), (2, format!("gateward: {said}\n")));
}

#[test]
fn what_makes_no_sense_is_found() {
    finds(
        "mode = \"development\"",
        "mode = \"prod\"",
        "line 2: unknown name `prod`: did you mean `production`?",
    );
    finds(
        "listen = \"127.0.0.1:",
        "listen = \"nowhere:",
        "line 9: no address with a port, as in 127.0.0.1:8443",
    );
    finds("kind = \"plain\"", "kind = \"plane\"", "did you mean `plain`?");
    finds("upstream = \"dir:files\"", "upstream = \"files\"", "\"files\" is no upstream");
    finds("require = [\"login\"]", "require = []", "say who may enter");
    finds("path = \"/files\"", "path = \"/auth/files\"", "overlap");
    finds("service = \"files\"", "service = \"fils\"", "there is no service fils");
    finds("group = \"/epos/demo\"", "group = \"demo\"", "not a group");
    finds("group = \"/epos/demo\"", "mail_domain = \"a@b\"", "no mail domain");
    finds("fingerprint = \"", "fingerprint = \"00", "not a full fingerprint");
    finds("\nstore = \"", "\nstore = \"mysql://x\" #", "is no store");
    finds("\nstore = \"", "\nstore = \"postgres://x\" #", "is no PostgreSQL URL");
}

#[test]
fn what_the_file_names_and_is_not_there_is_found() {
    finds("dir:files", "dir:gone", "gone");
    finds("keyring.toml", "gone.toml", "gone.toml");
    finds("\"issuer.asc\"", "\"gone.asc\"", "gone.asc");
}

#[test]
fn letters_of_ones_own_that_cannot_be_read_are_found_and_never_replaced_by_ours() {
    let with_letters = |named: &str| {
        let installation = Installation::new();
        let folder = Path::new(&installation.config()).parent().unwrap().join("letters");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("letter.en.txt"), "Hello {{ user }}\n").unwrap();
        let access_token = format!(
            "\n[access_token]\nhost = \"dcor.example.org\"\nlifetime_days = 30\ninstitution = \"Us\"\n\
             contact = \"Us\"\nletters = \"{named}\"\n\n[[service]]"
        );
        installation.change("\n[[service]]", &access_token);
        (installation, folder)
    };
    let mistyped = findings(&with_letters("leters").0);
    assert_eq!(mistyped.len(), 1, "{mistyped:?}");
    assert!(mistyped[0].contains("leters: No such file"), "{mistyped:?}");

    let (installation, folder) = with_letters("letters");
    assert_eq!(
        installation.run(&["config", "check"]).status,
        0,
        "ours stand in for those that are not there"
    );
    std::os::unix::fs::symlink("gone", folder.join("letter.de.txt")).unwrap();
    let dangling = findings(&installation);
    assert!(dangling.len() == 1 && dangling[0].contains("letters/letter.de.txt: "), "{dangling:?}");
}

#[test]
fn grants_that_go_by_the_word_of_several_issuers_are_said_and_are_no_finding() {
    let oidc = |claims: &str| {
        format!(
            "\n[[oidc]]\nissuer = \"https://sso.example.org\"\naudience = [\"fdsn\"]\n{claims}\n\
             [[grant]]\nmail_domain = \"example.org\"\nservice = \"files\"\n\n[[service]]"
        )
    };
    for (claims, said) in [
        ("", &[][..]),
        ("mail_claim = \"email\"", &["by mail or mail_domain (1 in this file)"][..]),
        ("groups_claim = \"groups\"", &["by group (1 in this file)"]),
        ("mail_claim = \"email\"\ngroups_claim = \"groups\"", &["by mail or mail_domain", "; grants by"]),
    ] {
        let installation = Installation::new();
        installation.change("\n[[service]]", &oidc(claims));
        let ran = installation.run(&["config", "check"]);
        assert_eq!(ran.status, 0, "{}", ran.stdout);
        assert_eq!(ran.stderr.is_empty(), said.is_empty(), "{}", ran.stderr);
        for said in said {
            assert!(
                ran.stderr.contains(said) && ran.stderr.contains("https://sso.example.org, "),
                "{}",
                ran.stderr
            );
        }
    }
}

#[test]
fn every_finding_is_told_at_once() {
    let installation = Installation::new();
    installation.change("dir:files", "dir:gone");
    installation.change("keyring.toml", "gone.toml");
    installation.change("\"issuer.asc\"", "\"gone.asc\"");
    installation.change("server.pem", "gone.pem");
    // The certificate of each listener counts.
    assert_eq!(findings(&installation).len(), 5);
}

#[test]
fn an_inventory_that_cannot_be_read_is_found_and_said_once() {
    let installation = Installation::new();
    let service = |name: &str| {
        format!(
            "[[service]]\nkind = \"fdsn\"\npath = \"/fdsnws/{name}/1\"\nupstream = \"http://127.0.0.1:1\"\n\
             digest = \"gateward\"\ninventory = \"gone.xml\"\nunlisted = \"refuse\"\n[[grant]]"
        )
    };
    installation.change("[[grant]]", &service("dataselect"));
    installation.change("[[grant]]", &service("availability"));
    let found = findings(&installation);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(&format!("inventory {}", installation.path("gone.xml"))), "{found:?}");
    std::fs::write(installation.file("gone.xml"), "<FDSNStationXML/>").unwrap();
    assert!(findings(&installation)[0].starts_with("inventory "));
}

#[test]
fn what_the_documented_sample_says_of_services_goes_together() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let installation = Installation::new();
    let sample = std::fs::read_to_string(format!("{root}/docs/gateward.sample.toml")).unwrap();
    std::fs::write(installation.config(), sample.replace("dir:/srv/restricted", "dir:files")).unwrap();
    for (name, text) in [("upstream.login", "gateward:secret\n"), ("s3.key", "AKIA1\nsecret\n")] {
        let credential = installation.file(name);
        std::fs::write(&credential, text).unwrap();
        std::fs::set_permissions(credential, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let inventory = format!("{root}/crates/fdsn/tests/golden/stationxml/epochs.xml");
    std::fs::copy(inventory, installation.file("inventory.xml")).unwrap();
    // Its certificates are not here, and its issuer is nobody.
    let (found, said) = findings_and_what_is_said(&installation);
    for kind in ["service", "grant", "inventory", "credential"] {
        assert!(!found.iter().any(|finding| finding.contains(kind)), "{found:?}");
    }
    assert_eq!(said.lines().count(), 1, "that grants go by the word of several issuers: {said}");
}

#[test]
fn a_key_that_is_another_than_the_one_pinned_is_found() {
    let installation = Installation::new();
    let fingerprint = installation.json(&["issuer", "list"])[0]["issuer"].as_str().unwrap().to_owned();
    installation.change(&fingerprint, &"0".repeat(40));
    let found = findings(&installation);
    assert!(found[0].contains("correct fingerprint, or get the right key"), "{found:?}");
}

#[test]
fn a_grant_that_would_open_more_than_it_says_is_found() {
    finds(
        "group = \"/epos/demo\"\n",
        "group = \"/epos/demo\"\nnetworks = [\"Z3:2015-2020\"]\n",
        "service files knows no networks",
    );
    let installation = Installation::new();
    let create = ["grant", "create", "--mail", "a@example.org", "--service", "files", "--network", "FR"];
    let ran = installation.run(&create);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("knows no networks"), "{}", ran.stderr);
}
