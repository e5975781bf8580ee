//! Access tokens are renewed before their certificate changes, and both are good until the old one's day.

use std::collections::BTreeMap;

use access_token::ServerCertificate;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::installation::{HOST, Installation, certificate_of};
use super::many::{file_of_names, people};
use super::program::Said;
use super::users::{dclab, keys_of, opens, unzip};
use crate::site::Site;

fn string(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn the_old_one_works_until_its_day_and_is_revoked_then() {
    let (ckan, ours) = (Site::shared(), Installation::at(Site::shared()));
    let ann = people(1).remove(0);
    let mail = format!("{ann}@example.org");
    let mail = ["--create-user", "--name", "Änn Example", "--mail", &mail, "--language", "de"];
    let made = ours.create(&[&[ann.as_str()], &mail[..]].concat()).good();
    let old = ours.id(&ann, "issued");
    let key_in = |desk: &str, passphrase: &str| {
        let zip = ours.path(desk).join(format!("{ann}.dcor-access.zip"));
        dclab(&unzip(&zip, passphrase, &ours.path(&format!("out-of-{desk}"))), passphrase)
    };
    let first = key_in("desk", &made.passphrase(&ann).unwrap());

    let refused = ours.on_terminal(&["access-token", "renew", &old]).run();
    refused.refused(1, "is there already");
    assert_eq!(keys_of(ckan, &ann).len(), 1, "nobody was asked for a key");
    let new_folder = ours.path("new");
    std::fs::create_dir(&new_folder).unwrap();
    let renewed = ours
        .on_terminal(&[
            "access-token",
            "renew",
            &old,
            "--to",
            new_folder.to_str().unwrap(),
            "--keep-old",
            "7",
        ])
        .run()
        .good();
    let second = key_in("new", &renewed.passphrase(&ann).unwrap());
    let letter = std::fs::read_to_string(new_folder.join(format!("{ann}.letter.txt"))).unwrap();
    assert!(letter.contains("Guten Tag Änn Example"), "{letter}");
    assert!(first.key != second.key && opens(ckan, &first.key, &ann) && opens(ckan, &second.key, &ann));
    assert_eq!(ours.kinds().last().unwrap(), "access_token_renewed");
    let [was, is] = ours.tokens().try_into().unwrap();
    assert_eq!((&was["replaced_by"], &is["replaced_by"]), (&is["access_token"], &Value::Null));
    assert!(string(&was["expires_at"]) < string(&is["expires_at"]));
    ours.on_terminal(&["access-token", "renew", &old, "--to", new_folder.to_str().unwrap()])
        .run()
        .refused(2, "was renewed already");

    ours.call(&["cleanup"]).run().good();
    assert!(opens(ckan, &first.key, &ann), "its day has not come");
    ours.expire(&old);
    ours.call(&["cleanup"]).run().good();
    assert!(!opens(ckan, &first.key, &ann) && opens(ckan, &second.key, &ann));
    assert_eq!(ours.tokens()[0]["because"], json!("expired"));
}

#[test]
fn before_a_certificate_changes_all_who_pin_the_old_one_get_another() {
    let (ckan, ours) = (Site::shared(), Installation::at(Site::shared()));
    let people = people(3);
    let csv = file_of_names(&ours, &people);
    ours.create(&["--from-csv", &csv, "--create-user"]).good();
    let old = ours.path("old.pem");
    std::fs::rename(ours.path("host.pem"), &old).unwrap();
    std::fs::copy(certificate_of(HOST).path(), ours.path("host.pem")).unwrap();
    let (old, new) = (old.display().to_string(), ours.path("host.pem").display().to_string());
    let pinned = |pem: &str| {
        let rows = ours.json(&["access-token", "list", "--pinned-to", pem]);
        rows.iter().map(|row| string(&row["user"])).collect::<Vec<_>>()
    };
    assert_eq!((pinned(&old).len(), pinned(&new).len()), (3, 0));
    let [early, late] =
        ["2026-01-01", "2999-01-01"].map(|day| ours.json(&["access-token", "list", "--before", day]));
    assert_eq!((early.len(), late.len()), (0, 3));

    let folder = ours.path("new");
    std::fs::create_dir(&folder).unwrap();
    let renew = |which: &[&str]| {
        let all = [&["access-token", "renew", "--all", "--to", folder.to_str().unwrap()], which].concat();
        ours.on_terminal(&all).run().good()
    };
    let none = renew(&["--before", "2026-01-01"]);
    assert!(none.err.contains("none to renew"), "{}", none.err);
    ours.on_terminal(&["access-token", "renew", "--all"]).run().refused(2, "--pinned-to");
    let renewed = renew(&["--pinned-to", &old]);
    assert!(renewed.err.contains("made 3, there already 0, failed 0"), "{}", renewed.err);
    let mut users = pinned(&new);
    users.sort_unstable();
    let mut all = people.clone();
    all.sort_unstable();
    assert_eq!(users, all);
    let fingerprint =
        ServerCertificate::parse(&std::fs::read(&new).unwrap()).unwrap().fingerprint().to_string();
    assert_eq!(renewed.terminal.matches(&fingerprint).count(), 3);
    for user in &people {
        assert_eq!(keys_of(ckan, user).len(), 2, "both are good for a while");
    }
    assert!(
        renewed.err.contains("the old ones stop working on 20"),
        "their certificate lives on: {}",
        renewed.err
    );
    let again = renew(&["--pinned-to", &old]);
    assert!(again.err.contains("none to renew") && again.err.contains("there already 3"), "{}", again.err);
    assert!(!again.err.contains("stop working"), "{}", again.err);
}

/// What stands for each user, in the order of users.
fn results_of(said: &Said) -> BTreeMap<String, String> {
    said.json().iter().map(|row| (string(&row["user"]), string(&row["result"]))).collect()
}

#[test]
fn one_that_cannot_be_renewed_leaves_the_others() {
    let ours = Installation::at(Site::shared());
    let people = people(4);
    let csv = file_of_names(&ours, &people[..3]);
    ours.create(&["--from-csv", &csv, "--create-user"]).good();
    let key = ours.secret_file("given.key", "vN3kQ0mW7xTzR5uYb8LpAe2HcJ4sGd6FiOo1ZqXyUKw");
    ours.create(&[&people[3], "--key-file", key.to_str().unwrap()]).good();
    let [given, damaged, other] = [&people[3], &people[0], &people[1]].map(|user| ours.id(user, "issued"));
    ours.store.execute(&format!("UPDATE access_token SET ckan = NULL WHERE id = '{given}'"));
    // Sealed for another row, it opens no more.
    ours.store.execute(&format!(
        "UPDATE access_token SET sealed_person = (SELECT sealed_person FROM access_token WHERE id = '{other}') \
         WHERE id = '{damaged}'"
    ));

    std::fs::create_dir(ours.path("new")).unwrap();
    let new = ours.path("new").display().to_string();
    let renew =
        ["access-token", "renew", "--all", "--before", "2999-01-01", "--to", &new, "--format", "json"];
    let renewed = ours.on_terminal(&renew).run();
    assert_eq!(renewed.status, Some(1), "{renewed:?}");
    let results = results_of(&renewed);
    let of = |user: &String| results[user].as_str();
    assert_eq!(people.iter().map(of).collect::<Vec<_>>(), ["failed", "made", "made", "failed"]);
    assert!(renewed.out.contains("renew it alone with --key-file"), "{}", renewed.out);
    assert!(renewed.out.contains("cannot be opened"), "{}", renewed.out);

    let alone = ["access-token", "renew", &given, "--key-file", key.to_str().unwrap(), "--to", &new];
    ours.on_terminal(&alone).run().good();
}

#[test]
fn a_renewal_that_was_interrupted_is_taken_up_and_nobody_is_renewed_twice() {
    let (ckan, people) = (Site::start(), people(3));
    let ours = Installation::at(&ckan);
    let csv = file_of_names(&ours, &people);
    ours.create(&["--from-csv", &csv, "--create-user"]).good();
    std::fs::create_dir(ours.path("new")).unwrap();
    let new = ours.path("new").display().to_string();
    let first = ours.id(&people[0], "issued");
    ours.on_terminal(&["access-token", "renew", &first, "--to", &new]).run().good();

    // All end before that day, those that take their places, too.
    let renew =
        ["access-token", "renew", "--all", "--before", "2999-01-01", "--to", &new, "--format", "json"];
    let held = ckan.hold("api_token");
    let running = ours.on_terminal(&renew).start();
    ckan.waits();
    running.signal(Signal::SIGKILL);
    assert_eq!(running.finish().signal, Some(Signal::SIGKILL as i32));
    drop(held);
    let rest = ours.on_terminal(&renew).run().good();
    let results = results_of(&rest);
    let of = |user: &String| results[user].as_str();
    assert_eq!(people.iter().map(of).collect::<Vec<_>>(), ["there", "made", "made"], "{rest:?}");
    for _ in 0..2 {
        let again = ours.on_terminal(&renew).run().good();
        assert_eq!(results_of(&again).into_values().collect::<Vec<_>>(), ["there"; 3], "{again:?}");
    }
    let issued = ours.tokens().iter().filter(|row| row["state"] == "issued").count();
    assert_eq!(issued, 6, "each has an old one and a new one");
}
