//! No key and no passphrase stands where others look: arguments, environments, output, log, store, names of
//! files, temporary files, letters.

use std::collections::BTreeSet;

use serde_json::json;

use super::gnupg::Somebody;
use super::installation::{Installation, path_with_ckan};
use super::many::people;
use super::onlooker::{Onlooker, found};
use super::program::{Call, Said};
use super::users::{dclab, unzip};
use crate::site::Site;

/// Runs a command while somebody looks on; what they saw is added.
fn watched(call: Call, ours: &Installation, seen: &mut BTreeSet<Vec<u8>>) -> Said {
    let running = call.start();
    let onlooker = Onlooker::at(running.pid(), vec![ours.path("desk"), ours.path("tmp")]);
    let said = running.finish();
    seen.extend(onlooker.saw());
    seen.extend([said.out.clone().into_bytes(), said.err.clone().into_bytes()]);
    said
}

#[test]
fn nobody_who_looks_on_finds_a_key_or_a_passphrase() {
    let (ckan, ours) = (Site::shared(), Installation::at(Site::shared()));
    let (people, mut seen) = (people(3), BTreeSet::new());
    let ini = ckan.ini().display().to_string();
    let log = |call: Call| call.variable("GATEWARD_LOG", "trace").path(&path_with_ckan());
    for user in &people[1..] {
        let asked =
            json!({ "name": user, "email": format!("{user}@example.org"), "password": "of tests only" });
        ckan.post("user_create", &ckan.key, &asked);
    }
    let mut secrets = vec![ckan.key.clone()];
    let mut keep = |user: &str, passphrase: String, folder: &str| {
        let zip = ours.desk(&format!("{user}.dcor-access.zip"));
        let key = dclab(&unzip(&zip, &passphrase, &ours.path(folder)), &passphrase).key;
        // The last part of a JWT is its secret; its id may be known.
        secrets.push(key.rsplit('.').next().unwrap().to_owned());
        secrets.push(key);
        secrets.extend(passphrase.split('-').collect::<Vec<_>>().windows(3).map(|groups| groups.join("-")));
    };
    let mut run = |call: Call| watched(log(call), &ours, &mut seen).good();

    let mail = format!("{}@example.org", people[0]);
    let by_api = ["access-token", "create", &people[0], "--create-user", "--mail", &mail];
    let said = run(ours.on_terminal(&by_api));
    keep(&people[0], said.passphrase(&people[0]).unwrap(), "by-api");
    let by_command = ["access-token", "create", &people[1], "--ckan-ini", &ini];
    let said = run(ours.on_terminal(&by_command));
    keep(&people[1], said.passphrase(&people[1]).unwrap(), "by-command");
    let clerk = Somebody::new();
    let public = clerk.public_key().display().to_string();
    run(ours.call(&["access-token", "create", &people[2], "--passphrases-for", &public]));
    let told =
        String::from_utf8(clerk.decrypt(&ours.desk(&format!("{}.passphrase.asc", people[2])))).unwrap();
    let passphrase = told.lines().find_map(|line| line.strip_prefix("passphrase ")).unwrap();
    keep(&people[2], passphrase.to_owned(), "sealed");

    let passphrase_file = ours.secret_file("passphrase", passphrase);
    let zip = format!("{}.dcor-access.zip", people[2]);
    run(ours.call(&[
        "access-token",
        "inspect",
        &zip,
        "--passphrase-file",
        passphrase_file.to_str().unwrap(),
    ]));
    let ids: Vec<_> = people.iter().map(|user| ours.id(user, "issued")).collect();
    run(ours.call(&["access-token", "show", &ids[0]]));
    run(ours.call(&["access-token", "revoke", &ids[0]]));
    run(ours.call(&["access-token", "revoke", &ids[1], "--ckan-ini", &ini]));
    run(ours.call(&["access-token", "list", "--all"]));
    run(ours.call(&["audit", "search"]));

    seen.insert(ours.store.bytes());
    for word in [
        "access-token\0create",
        "user\0token\0add",
        "user\0token\0revoke",
        "GATEWARD_LOG=trace",
        ".letter.txt",
    ] {
        assert!(seen.iter().any(|bytes| found(bytes, word).is_some()), "the onlooker saw no {word:?}");
    }
    for secret in &secrets {
        assert!(secret.len() >= 12, "{secret}");
        for bytes in &seen {
            if let Some(around) = found(bytes, secret) {
                panic!("{secret} stands in {}", around.escape_ascii());
            }
        }
    }
    assert_eq!(super::installation::names(&ours.path("tmp")), Vec::<String>::new());
}
