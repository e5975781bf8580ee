//! Many people in a file: all lines are looked at before the first key is asked for, and each person's
//! access token is whole or not there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::gnupg::Somebody;
use super::installation::{Installation, deaf, nobody_asked};
use super::program::Said;
use super::users::{dclab_reads, jti, keys_of, opens, unzip};
use crate::asking::new_user;
use crate::cluster::patience::eventually;
use crate::site::Site;

const KEY: &str = "vN3kQ0mW7xTzR5uYb8LpAe2HcJ4sGd6FiOo1ZqXyUKw";

/// Names that no other test has.
pub fn people(count: usize) -> Vec<String> {
    (0..count).map(|_| new_user("person").name.to_string()).collect()
}

/// The file of these lines; returns its name as the command takes it.
pub fn file_of(ours: &Installation, lines: &[String]) -> String {
    let path = ours.path("people.csv");
    std::fs::write(&path, lines.join("\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// One that says nothing but names.
pub fn file_of_names(ours: &Installation, people: &[String]) -> String {
    let mut lines = vec!["user,mail".to_owned()];
    lines.extend(people.iter().map(|user| format!("{user},{user}@example.org")));
    file_of(ours, &lines)
}

/// Makes a CKAN user past the program.
fn sign_up(ckan: &Site, user: &str) {
    let asked = json!({ "name": user, "email": format!("{user}@example.org"), "password": "of tests only" });
    let (status, answer) = ckan.post("user_create", &ckan.key, &asked);
    assert_eq!(status, 200, "{answer}");
}

/// What became of each, in order.
pub fn results(said: &Said) -> Vec<String> {
    said.json().iter().map(|row| row["result"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn people_in_mixed_forms_and_languages_get_what_opens() {
    let (ckan, ours, reader) = (Site::shared(), Installation::at(Site::shared()), Somebody::new());
    let people = people(30);
    std::fs::copy(reader.public_key(), ours.path("reader.asc")).unwrap();
    ours.secret_file("given.key", KEY);
    let mut lines = vec!["user,name,mail,language,pgp,key_file".to_owned()];
    for (at, user) in people.iter().enumerate() {
        let pgp = if at % 5 == 1 { "reader.asc" } else { "" };
        let key = if at % 7 == 2 { "given.key" } else { "" };
        let language = ["de", "en", ""][at % 3];
        lines.push(format!("{user},\"Ünal, {at}\",{user}@example.org,{language},{pgp},{key}"));
    }
    let csv = file_of(&ours, &lines);
    let create = ["--from-csv", &csv, "--create-user", "--format", "json"];
    let made = ours.create(&create).good();
    assert_eq!(results(&made), ["made"; 30]);
    assert!(made.err.contains("made 30, there already 0, failed 0"), "{}", made.err);

    let files: Vec<(PathBuf, String)> = (people.iter().enumerate())
        .map(|(at, user)| {
            let passphrase = made.passphrase(user).unwrap();
            let letter = std::fs::read_to_string(ours.desk(&format!("{user}.letter.txt"))).unwrap();
            assert!(letter.contains(&format!("Ünal, {at}")), "{letter}");
            assert_eq!(letter.contains("Kennwort"), at % 3 == 0, "{letter}");
            let gpg = ours.desk(&format!("{user}.dcor-access.gpg"));
            if at % 5 == 1 {
                let inner = ours.path(&format!("{user}.dcor-access"));
                std::fs::write(&inner, reader.decrypt(&gpg)).unwrap();
                return (inner, passphrase);
            }
            let zip = ours.desk(&format!("{user}.dcor-access.zip"));
            (unzip(&zip, &passphrase, &ours.path(user)), passphrase)
        })
        .collect();
    let mut given = 0;
    for (read, user) in dclab_reads(&files).iter().zip(&people) {
        if read.key == KEY {
            given += 1;
            assert_eq!(keys_of(ckan, user), Vec::<String>::new());
        } else {
            let listed = ckan.psql(&format!("SELECT 1 FROM api_token WHERE id = '{}'", jti(&read.key)));
            assert_eq!(listed.len(), 1, "{user}");
        }
    }
    assert_eq!(given, 4);
    let first = dclab_reads(&files[..1]).remove(0);
    assert!(opens(ckan, &first.key, &people[0]));

    let again = ours.create(&create).good();
    assert_eq!(results(&again), ["there"; 30]);
    assert!(again.terminal.is_empty(), "nobody is told anything: {}", again.terminal);
}

#[test]
fn one_bad_line_refuses_all_before_the_first_key() {
    let ckan = deaf();
    let ours = Installation::that_asks(&ckan);
    let good = "ann,Ann,ann@example.org,en,,";
    for (bad, why) in [
        ("Joe Example,,joe@example.org,,,", "is no name of a CKAN user"),
        ("../joe,,joe@example.org,,,", "is no name of a CKAN user"),
        ("ann,,other@example.org,,,", "stands there twice"),
        ("joe,Joe,,,,", "wants a mail address"),
        ("joe,Joe,joe@example.org,fr,,", "line 3"),
        ("joe,Joe,joe@example.org,,nowhere.asc,", "nowhere.asc"),
        ("joe,Joe,joe@example.org,,people.csv,", "people.csv"),
        ("joe,Joe,joe@example.org,,,nowhere.key", "nowhere.key"),
        ("joe,Joe", "people.csv"),
    ] {
        let csv = file_of(&ours, &["user,name,mail,language,pgp,key_file".into(), good.into(), bad.into()]);
        let refused = ours.create(&["--from-csv", &csv, "--create-user"]);
        refused.refused(2, why);
        assert!(refused.err.contains("people.csv"), "{}", refused.err);
    }
    for (text, why) in [("user,nickname\nann,a", "nickname"), ("name\nAnn", "user"), ("user", "names nobody")]
    {
        let csv = file_of(&ours, &[text.into()]);
        ours.create(&["--from-csv", &csv]).refused(2, why);
    }
    assert!(ours.on_desk().is_empty() && ours.tokens().is_empty());
    nobody_asked(&ckan);
}

#[test]
fn one_person_who_fails_leaves_the_others_and_a_second_run_makes_the_rest() {
    let (ckan, ours) = (Site::shared(), Installation::at(Site::shared()));
    let people = people(3);
    sign_up(ckan, &people[0]);
    sign_up(ckan, &people[2]);
    let csv = file_of_names(&ours, &people);
    let create = ["--from-csv", &csv, "--format", "json"];
    let made = ours.create(&create);
    assert_eq!(
        (made.status, results(&made)),
        (Some(1), ["made", "failed", "made"].map(str::to_owned).to_vec())
    );
    assert!(made.json()[1]["why"].as_str().unwrap().contains("CKAN has no user"), "{}", made.out);
    assert!(!ours.on_desk().iter().any(|name| name.contains(&people[1])), "{:?}", ours.on_desk());
    for user in [&people[0], &people[2]] {
        assert!(!made.out.contains(&made.passphrase(user).unwrap()));
    }

    sign_up(ckan, &people[1]);
    let rest = ours.create(&create).good();
    assert_eq!(results(&rest), ["there", "made", "there"]);
    assert!(rest.passphrase(&people[0]).is_none() && rest.passphrase(&people[1]).is_some());
}

/// The ids of access tokens that CKAN lists keys for, of all whose names begin so.
fn listed(ckan: &Site, people: &[String]) -> BTreeSet<String> {
    let names = people.iter().flat_map(|user| keys_of(ckan, user));
    names.map(|name| name.strip_prefix("gateward ").unwrap().to_owned()).collect()
}

fn issued(ours: &Installation) -> BTreeSet<String> {
    let id = |row: &Value| row["access_token"].as_str().unwrap().to_owned();
    ours.tokens().iter().filter(|row| row["state"] == "issued").map(id).collect()
}

#[test]
fn a_ckan_that_is_killed_in_the_middle_leaves_nothing_half_made_and_the_rest_is_made_when_it_is_back() {
    let ckan = Site::start();
    let ours = Installation::at(&ckan);
    let people = people(12);
    let csv = file_of_names(&ours, &people);
    let create = ["access-token", "create", "--from-csv", &csv, "--create-user", "--format", "json"];
    let running = ours.on_terminal(&create).start();
    eventually("some are made", std::time::Duration::from_secs(60), || issued(&ours).len() >= 3);
    ckan.kill();
    let said = running.finish();
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.out.contains("cannot be reached") || said.out.contains("broke off"), "{}", said.out);
    let made = results(&said).iter().filter(|result| *result == "made").count();
    let files = ours.on_desk();
    assert_eq!(files.len(), 3 * made, "a file and two letters each: {files:?}");

    ckan.power_on();
    // What could not be taken back is gone on with, until nobody can still be making it.
    ours.forget_makers();
    ours.call(&["cleanup"]).run().good();
    assert_eq!(listed(&ckan, &people), issued(&ours));
    let rest = ours.on_terminal(&create).run().good();
    assert_eq!(results(&rest).iter().filter(|result| *result == "there").count(), made);
    assert_eq!((listed(&ckan, &people), issued(&ours).len()), (issued(&ours), 12));
}

#[test]
fn who_does_not_wait_for_a_ckan_that_stands_still_leaves_a_key_that_the_sweep_takes_away() {
    let ckan = Site::start();
    let ours = Installation::at(&ckan);
    let people = people(3);
    for user in &people {
        sign_up(&ckan, user);
    }
    let csv = file_of_names(&ours, &people);
    let create = ["access-token", "create", "--from-csv", &csv, "--format", "json"];
    let held = ckan.hold("api_token");
    let running = ours.on_terminal(&create).start();
    ckan.waits();
    ckan.pause();
    running.signal(Signal::SIGINT);
    let said = running.finish();
    assert_eq!((said.signal, said.out.as_str()), (Some(Signal::SIGINT as i32), ""));
    drop(held);
    ckan.resume();
    eventually("the key is made", std::time::Duration::from_secs(60), || !listed(&ckan, &people).is_empty());
    assert_eq!(ours.tokens()[0]["state"], "making");

    ours.forget_makers();
    ours.call(&["cleanup"]).run().good();
    assert!(listed(&ckan, &people).is_empty());
    // What it left on the desk opens nothing, and makes room.
    ours.on_terminal(&create).run().good();
    assert_eq!((listed(&ckan, &people), issued(&ours).len()), (issued(&ours), 3));
    assert_eq!(ours.on_desk().len(), 9, "a file and two letters each: {:?}", ours.on_desk());
}

#[test]
fn a_ckan_that_nobody_reaches_is_asked_for_three_people_and_not_for_all() {
    let ours = Installation::that_asks(&deaf());
    let people = people(6);
    let csv = file_of_names(&ours, &people);
    let create = ["--from-csv", &csv, "--format", "json"];
    let made = ours.create(&create);
    assert_eq!(made.status, Some(1), "{made:?}");
    assert_eq!(
        results(&made),
        ["failed", "failed", "failed", "not tried", "not tried", "not tried"],
        "{}",
        made.out
    );
    assert!(made.err.contains("failed 3, not tried 3"), "{}", made.err);
    assert!(ours.on_desk().is_empty());
}

#[test]
fn what_is_said_of_one_person_does_not_stand_behind_the_progress_of_another() {
    let ours = Installation::without_ckan();
    ours.secret_file("given.key", KEY);
    let csv = file_of(&ours, &["user,key_file".into(), "ann,given.key".into(), "bob,given.key".into()]);
    let create = ["access-token", "create", "--from-csv", &csv];
    // At first they are told, then there is nothing to tell.
    for _ in 0..2 {
        let shown = ours.on_terminal(&create).telling_all_there().run().good().terminal;
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.iter().any(|line| line.contains("1 of 2: ann")), "{shown}");
        for start in ["ann  ", "bob  ", "gateward: made "] {
            let line = lines.iter().find(|line| line.contains(start)).unwrap();
            let (before, _) = line.split_once(start).unwrap();
            assert!(before.is_empty() || before.ends_with("\r\u{1b}[K"), "{line:?}");
        }
        for (line, after) in lines.iter().zip(&lines[1..]) {
            assert!(!after.contains("by telephone") || line.ends_with("\r\u{1b}[K"), "{line:?}");
        }
    }
}
