//! The program is killed at any moment, run again, and swept after: in the end all is as if it never had been.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use access_token::{Passphrase, open};
use nix::sys::signal::Signal;

use super::installation::{Installation, names};
use super::many::{file_of_names, people, results};
use super::users::jti;
use crate::site::Site;

#[test]
fn whenever_it_is_killed_every_key_that_ckan_lists_in_the_end_is_in_a_file_that_opens() {
    let (ckan, ours) = (Site::shared(), Installation::at(Site::shared()));
    let people = people(40);
    let csv = file_of_names(&ours, &people);
    let create = ["access-token", "create", "--from-csv", &csv, "--create-user", "--format", "json"];
    let mut told = BTreeMap::new();
    let mut hear = |said: &super::program::Said| {
        for user in &people {
            told.extend(said.passphrase(user).map(|passphrase| (user.clone(), passphrase)));
        }
    };
    let mut killed = Vec::new();
    for _ in 0..10 {
        let running = ours.on_terminal(&create).start();
        let moment = Duration::from_millis(100 + RandomState::new().hash_one(0) % 1400);
        std::thread::sleep(moment);
        running.signal(Signal::SIGKILL);
        hear(&running.finish());
        killed.push(moment);
    }
    // What is in the making still was left by the killed, however little time it had.
    ours.forget_makers();
    ours.call(&["cleanup"]).run().good();
    let last = ours.on_terminal(&create).run().good();
    hear(&last);
    ours.forget_makers();
    let swept = ours.call(&["cleanup"]).run().good();
    assert!(swept.out.contains("access tokens ended: 0"), "{}", swept.out);
    println!(
        "killed after {killed:?}: {} there at the end",
        results(&last).iter().filter(|r| *r == "there").count()
    );

    let mut issued: Vec<_> = ours.tokens();
    issued.retain(|row| row["state"] != "ended");
    assert_eq!(issued.len(), 40, "killed after {killed:?}");
    let mut keys = BTreeSet::new();
    for row in &issued {
        let user = row["user"].as_str().unwrap();
        assert_eq!(row["state"], "issued", "killed after {killed:?}: {row}");
        let file = std::fs::read(ours.desk(&format!("{user}.dcor-access.zip"))).unwrap();
        let opened = open(&file, &Passphrase::parse(&told[user]).unwrap());
        let opened = opened.unwrap_or_else(|error| panic!("{user}, killed after {killed:?}: {error}"));
        keys.insert((
            format!("gateward {}", row["access_token"].as_str().unwrap()),
            jti(opened.token.api_key.as_str()),
        ));
    }
    let named = people.join("', '");
    let listed = ckan.psql(&format!(
        "SELECT t.name, t.id FROM api_token t JOIN \"user\" u ON u.id = t.user_id WHERE u.name IN ('{named}')"
    ));
    let listed: BTreeSet<_> = listed.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(listed, keys, "killed after {killed:?}");
    let mut files: Vec<String> = (people.iter())
        .flat_map(|user| ["dcor-access.zip", "letter.html", "letter.txt"].map(|end| format!("{user}.{end}")))
        .collect();
    files.sort_unstable();
    assert_eq!((ours.on_desk(), names(&ours.path("tmp"))), (files, Vec::new()), "killed after {killed:?}");
}
