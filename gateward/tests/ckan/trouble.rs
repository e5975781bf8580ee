//! A real CKAN that is stopped, killed in the middle, or has lost its database.

use std::time::Duration;

use gateward::flows::access_token::ckan::{Ckan, Error};
use gateward::server::ckan::Program;

use super::asking::{LITTLE, PATIENCE, api, api_at, program, user, wait};
use super::cluster::patience::eventually;
use super::site::{self, Site, USER};

/// Whether CKAN lists a key of this name.
fn listed(site: &Site, name: &str) -> bool {
    wait(api(site).keys(&user(USER))).unwrap().iter().any(|key| key.name == name)
}

#[test]
fn after_ckan_was_killed_in_the_middle_nobody_says_that_nothing_was_made_and_later_it_was_not_reached() {
    let site = Site::start();
    let held = site.hold("api_token");
    let refused = std::thread::scope(|threads| {
        let asked = threads.spawn(|| wait(api(&site).create_key(&user(USER), "in the middle")));
        site.waits();
        site.kill();
        asked.join().unwrap().unwrap_err()
    });
    assert!(matches!(&refused, Error::BrokenOff { .. }), "{refused}");
    assert!(refused.is_of_unknown_end(), "{refused}");

    let later = wait(api(&site).create_key(&user(USER), "later")).unwrap_err();
    assert!(matches!(&later, Error::Unreachable { .. }) && !later.is_of_unknown_end(), "{later}");

    drop(held);
    site.power_on();
    assert!(!listed(&site, "in the middle"));
}

#[test]
fn a_ckan_that_stands_still_is_not_waited_for_and_may_do_it_later() {
    let site = Site::start();
    let key_file = site.file_with("key", &site.key);
    let ckan = api_at(&site.url(), &key_file, None, LITTLE).unwrap();
    site.pause();
    let refused = wait(ckan.create_key(&user(USER), "later")).unwrap_err();
    assert!(refused.is_of_unknown_end() && refused.to_string().contains("within 2 s"), "{refused}");

    site.resume();
    eventually("the key is there", PATIENCE, || listed(&site, "later"));
}

#[test]
fn a_ckan_without_its_database_is_told_from_one_that_refuses_whichever_way_is_asked() {
    let site = Site::start();
    site.lock_out();
    let [by_api, by_command] = [
        wait(api(&site).create_key(&user(USER), "x")).unwrap_err(),
        wait(program(&site).create_key(&user(USER), "x")).unwrap_err(),
    ];
    assert!(matches!(&by_api, Error::BrokenOff { why, .. } if why.contains("500")), "{by_api}");
    let words = "not currently accepting connections";
    assert!(matches!(&by_command, Error::BrokenOff { why, .. } if why.contains(words)), "{by_command}");
    let looked = wait(program(&site).keys(&user(USER))).unwrap_err();
    assert!(matches!(&looked, Error::Unreachable { why, .. } if why.contains(words)), "{looked}");
}

#[test]
fn a_command_that_takes_too_long_is_ended() {
    let site = Site::stopped();
    let held = site.hold("api_token");
    let ckan = Program::new(&site::program(), &site.ini(), LITTLE).unwrap();
    let refused = wait(ckan.create_key(&user(USER), "too long")).unwrap_err();
    assert!(refused.is_of_unknown_end() && refused.to_string().contains("within 2 s"), "{refused}");

    let ini = site.ini().display().to_string();
    eventually("it is gone", Duration::from_secs(10), || !commands_with(&ini, "too long"));
    drop(held);
    assert_eq!(site.psql("SELECT 1 FROM api_token WHERE name = 'too long'"), Vec::<Vec<String>>::new());
}

/// Whether a process runs that has both in its arguments.
fn commands_with(one: &str, other: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().any(|entry| {
        let arguments = std::fs::read(entry.unwrap().path().join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        arguments.contains(one) && arguments.contains(other)
    })
}
