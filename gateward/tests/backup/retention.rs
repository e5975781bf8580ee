//! How long backups stay: by the rules of their job, by what is held, and nobody else's at all.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;

use crate::clock::{good_at, noon_and};
use crate::shared_keys::Keys;
use crate::site::{SEALED, Site, names};

/// How the file is called that is begun at `at`, up to the hour.
fn file_of(job: &str, at: Timestamp) -> String {
    at.strftime(&format!("backup_{job}_%Y-%m-%d_%H")).to_string()
}

/// The backups that there are, by their names up to the hour.
fn there(site: &Site, job: &str) -> Vec<String> {
    let prefix = format!("backup_{job}_");
    let of_job = site.names_of_backups().into_iter().filter(|name| name.starts_with(&prefix));
    of_job.map(|name| name[..prefix.len() + "2026-11-22_12".len()].to_owned()).collect()
}

#[track_caller]
fn stays(site: &Site, job: &str, hours: &[i64]) {
    let expected: Vec<_> = hours.iter().map(|hours| file_of(job, noon_and(*hours))).collect();
    assert_eq!(there(site, job), expected);
}

/// The whole name of the backup that was begun so many hours after half past twelve today.
fn name(site: &Site, job: &str, hours: i64) -> String {
    let start = file_of(job, noon_and(hours));
    site.names_of_backups().into_iter().find(|name| name.starts_with(&start)).unwrap()
}

#[test]
fn what_no_rule_keeps_goes_and_what_is_held_stays_until_it_is_released() {
    let site = Site::make();
    site.job("words", "command = [\"echo\", \"words\"]\nkeep = { last = 2, days = 4 }");
    let day = |day: i64, hour: i64| 24 * day + hour;
    good_at(&site, noon_and(day(1, 0)), &["backup", "run"]);
    let first = name(&site, "words", day(1, 0));
    let held = good_at(&site, noon_and(day(1, 1)), &["backup", "hold", &first]);
    assert!(held.out.contains("is kept"), "{}", held.out);
    let again = good_at(&site, noon_and(day(1, 1)), &["backup", "hold", &first, "--format", "json"]);
    let again: serde_json::Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!((&again["file"], &again["held"]), (&json!(first), &json!(true)));
    for (at, left) in [
        ((2, 0), vec![(1, 0), (2, 0)]),
        ((2, 1), vec![(1, 0), (2, 0), (2, 1)]),
        ((4, 0), vec![(1, 0), (2, 1), (4, 0)]),
        ((5, 0), vec![(1, 0), (2, 1), (4, 0), (5, 0)]),
        ((5, 1), vec![(1, 0), (2, 1), (4, 0), (5, 0), (5, 1)]),
        ((5, 2), vec![(1, 0), (2, 1), (4, 0), (5, 1), (5, 2)]),
        ((9, 0), vec![(1, 0), (2, 1), (4, 0), (5, 2), (9, 0)]),
    ] {
        good_at(&site, noon_and(day(at.0, at.1)), &["backup", "run"]);
        let left: Vec<_> = left.into_iter().map(|(number, hour)| day(number, hour)).collect();
        stays(&site, "words", &left);
    }

    let listed = site.json(&["backup", "list"]);
    let held: Vec<_> = listed.iter().map(|row| row["held"].as_bool().unwrap()).collect();
    assert_eq!(held, [true, false, false, false, false]);
    let text = site.good(&["backup", "list"]).out;
    assert_eq!(text.lines().filter(|line| line.contains("held")).count(), 1, "{text}");
    for row in &listed {
        let file = row["file"].as_str().unwrap();
        assert!(text.contains(file), "{text}");
        let length = std::fs::metadata(site.backups().join(file)).unwrap().len();
        assert_eq!((&row["bytes"], &row["job"]), (&length.into(), &"words".into()));
        assert_eq!(row["places"], json!([site.backups().display().to_string()]));
        assert_eq!((&row["doubt"], &row["drilled_at"]), (&json!(null), &json!(null)));
    }

    // What is held goes not by hand either; released, with the next pruning.
    let later = noon_and(day(9, 1));
    good_at(&site, later, &["backup", "prune"]);
    assert_eq!(there(&site, "words").len(), 5);
    good_at(&site, later, &["backup", "release", &first]);
    let pruned = good_at(&site, later, &["backup", "prune", "--format", "json"]);
    let said: serde_json::Value = serde_json::from_str(&pruned.out).unwrap();
    assert_eq!((&said["job"], &said["removed"]), (&"words".into(), &first.clone().into()));
    stays(&site, "words", &[day(2, 1), day(4, 0), day(5, 2), day(9, 0)]);
    let beside: BTreeSet<_> =
        names(&site.backups()).into_iter().filter(|name| name.starts_with(&first)).collect();
    assert_eq!(beside, BTreeSet::new(), "something of it is left");

    let removed: Vec<_> =
        site.events("backups_pruned").iter().map(|event| event["removed"].clone()).collect();
    assert_eq!(removed.last(), Some(&json!([first])));
    let removed: usize = removed.iter().map(|names| names.as_array().unwrap().len()).sum();
    assert_eq!(removed, 4, "one event names each once");
    assert_eq!((site.events("backup_held").len(), site.events("backup_released").len()), (1, 1));
}

#[test]
fn the_newest_one_stays_however_old_it_is_and_jobs_do_not_count_each_others() {
    let site = Site::make();
    site.job("words", "command = [\"echo\", \"words\"]\nkeep = { last = 1 }");
    site.job("others", "command = [\"echo\", \"others\"]\nkeep = { last = 2 }");
    for (hours, job) in [(1, "words"), (2, "others"), (3, "others"), (4, "words"), (5, "others")] {
        good_at(&site, noon_and(hours), &["backup", "run", job]);
    }
    stays(&site, "words", &[4]);
    stays(&site, "others", &[3, 5]);
    good_at(&site, noon_and(24 * 365 * 9), &["backup", "prune"]);
    stays(&site, "words", &[4]);
    stays(&site, "others", &[3, 5]);
}

#[test]
fn what_is_not_this_jobs_and_signed_by_us_is_never_touched() {
    let (site, other) = (Site::make(), Site::make());
    for site in [&site, &other] {
        site.job("words", "command = [\"echo\", \"words\"]\nkeep = { last = 1 }");
    }
    good_at(&other, noon_and(1), &["backup", "run"]);
    good_at(&site, noon_and(2), &["backup", "run"]);
    for (name, content) in other.files().into_iter().filter(|(name, _)| name != "README.txt") {
        std::fs::write(site.backups().join(name), content).unwrap();
    }
    let by_hand = ["backup_words_2020-01-01_00-00-00_x.out.gpg", "notes.txt", ".hidden", ".a.gpg.partially"];
    for name in by_hand {
        std::fs::write(site.backups().join(name), "somebody's").unwrap();
    }
    // Ours once, and cut since: somebody has to look at it.
    good_at(&site, noon_and(3), &["backup", "run"]);
    stays_with_foreign(&site);
    let cut = name(&site, "words", 3);
    let path = site.backups().join(&cut);
    let half = std::fs::read(&path).unwrap()[..100].to_vec();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, half).unwrap();
    std::fs::create_dir(site.backups().join("folder.gpg")).unwrap();

    let before = site.files();
    let said = good_at(&site, noon_and(4), &["backup", "run"]);
    good_at(&site, noon_and(5), &["backup", "prune"]);
    for (name, content) in &before {
        assert!(site.files().get(name) == Some(content), "{name} was touched");
    }
    assert!(site.backups().join("folder.gpg").is_dir());
    let doubts: Vec<_> = said.err.lines().filter(|line| line.contains("count for nothing")).collect();
    // A line a night, however many there are; the list says of each.
    assert_eq!(doubts.len(), 1, "{}", said.err);
    assert!(doubts[0].contains(" and 1 more count for nothing"), "{doubts:?}");
    let listed = site.json(&["backup", "list"]);
    let doubt_of =
        |name: &str| listed.iter().find(|row| row["file"] == name).map(|row| row["doubt"].to_string());
    assert!(doubt_of(&cut).unwrap().contains("bytes where its manifest says"), "{listed:?}");
    let doubted = listed.iter().filter(|row| !row["doubt"].is_null()).count();
    assert_eq!((listed.len(), doubted), (4, 3), "{listed:?}");
    assert!(Keys::shared().decrypt(&site.backups().join(name(&site, "words", 4))) == b"words\n");
}

#[track_caller]
fn stays_with_foreign(site: &Site) {
    let all = names(&site.backups());
    assert!(all.contains(&"backup_words_2020-01-01_00-00-00_x.out.gpg".to_owned()), "{all:?}");
    assert_eq!(all.iter().filter(|name| name.ends_with(SEALED)).count(), 3, "{all:?}");
}
