//! A store that is away delays what is said of a backup, and never the backup.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use crate::cluster::patience::eventually;
use crate::cluster::{self, Cluster};
use crate::site::{Running, Said, Site, names};

/// The one file that waits to be recorded.
#[track_caller]
fn the_waiting(site: &Site) -> PathBuf {
    let all = names(&site.state().join("spool"));
    let [name] = all.as_slice() else { panic!("not one: {all:?}") };
    site.state().join("spool").join(name)
}

/// When what waits in a file happened.
fn time_in(file: &std::path::Path) -> String {
    let waiting: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    waiting["at"].as_str().unwrap().to_owned()
}

/// The one run that was recorded, which happened when the file said that waited.
#[track_caller]
fn recorded_once(site: &Site, at: &str) {
    let recorded = site.recorded("backup_made");
    assert_eq!(recorded.len(), 1, "{recorded:?}");
    let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let (occurred, recorded) = (recorded[0]["occurred_at"].as_str().unwrap(), &recorded[0]["recorded_at"]);
    assert_eq!(time(occurred).as_microsecond(), time(at).as_microsecond());
    assert!(time(recorded.as_str().unwrap()) > time(occurred), "{recorded}");
    assert_eq!(site.waiting(), 0);
}

#[track_caller]
fn is_made_without_a_record(site: &Site) -> Said {
    let said = site.good(&["backup", "run"]);
    assert!(said.out.contains("words"), "{}", said.out);
    assert!(said.err.contains("not recorded yet"), "{}", said.err);
    assert!(said.err.contains(&site.state().join("spool").display().to_string()), "{}", said.err);
    site.good(&["backup", "status"]);
    site.the_backup();
    said
}

/// Puts the SQLite file elsewhere, and back when this is dropped.
struct Away(PathBuf);

impl Away {
    fn put(site: &Site) -> Self {
        let away = Self(site.path("gateward.db"));
        assert!(away.0.is_file(), "{:?}", names(&site.path("")));
        std::fs::rename(&away.0, away.0.with_extension("away")).unwrap();
        away
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        std::fs::rename(self.0.with_extension("away"), &self.0).unwrap();
    }
}

#[test]
fn without_its_store_a_backup_is_made_and_recorded_once_at_its_time_by_the_next_command() {
    let site = Site::with_words();
    let away = Away::put(&site);
    is_made_without_a_record(&site);
    assert!(!site.path("gateward.db").exists(), "nobody makes an empty store instead");
    let file = the_waiting(&site);
    let (at, content) = (time_in(&file), std::fs::read(&file).unwrap());
    drop(away);
    // Later than it happened, to the second.
    std::thread::sleep(Duration::from_millis(1100));
    site.good(&["backup", "prune"]);
    recorded_once(&site, &at);

    // Killed between the record and forgetting, it finds the same file again.
    site.folder().write(file.strip_prefix(site.path("")).unwrap().to_str().unwrap(), "");
    std::fs::write(&file, content).unwrap();
    site.good(&["backup", "prune"]);
    recorded_once(&site, &at);
}

#[test]
fn cleanup_records_what_waits() {
    let site = Site::with_words();
    let away = Away::put(&site);
    is_made_without_a_record(&site);
    let at = time_in(&the_waiting(&site));
    drop(away);
    site.good(&["cleanup"]);
    recorded_once(&site, &at);
}

#[test]
fn a_server_records_what_waits_when_it_starts() {
    let site = Site::with_words();
    let away = Away::put(&site);
    is_made_without_a_record(&site);
    let at = time_in(&the_waiting(&site));
    drop(away);
    let server = site.start(&["serve"]);
    eventually("the server records what waits", Duration::from_secs(30), || site.waiting() == 0);
    recorded_once(&site, &at);
    kill(server.pid(), Signal::SIGTERM).unwrap();
    let said = server.finish();
    assert_eq!(said.status, Some(0), "{}", said.err);
}

#[test]
fn without_postgresql_a_backup_is_made_and_recorded_once_when_it_is_back() {
    let (site, cluster) = (Site::with_words(), Cluster::start());
    let url = site.url_with_password(&cluster, &cluster.database("store"));
    let store = site.path("gateward.db").display().to_string();
    cluster::run(site.program().args(["store", "copy", "--from", &store, "--to", &url]));
    std::fs::remove_file(store).unwrap();
    let text = std::fs::read_to_string(site.config()).unwrap();
    let line = text.lines().find(|line| line.starts_with("store = ")).unwrap();
    site.reconfigure(line, &format!("store = \"{url}\""));
    cluster.stop();
    is_made_without_a_record(&site);
    let at = time_in(&the_waiting(&site));
    cluster.power_on();
    site.good(&["backup", "prune"]);
    recorded_once(&site, &at);
}

#[test]
fn files_that_are_none_of_ours_in_the_spool_are_named_each_time_and_delay_no_other() {
    let site = Site::with_words();
    let away = Away::put(&site);
    is_made_without_a_record(&site);
    let at = time_in(&the_waiting(&site));
    drop(away);
    // Before it and after it.
    let name = |first| format!("state/spool/{first}1900000-0000-7000-8000-000000000000.json");
    let garbage = site.folder().write(&name("0"), "{\"at\": 7");
    let pipe = site.path(&name("f"));
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();

    let said = site.good(&["backup", "prune"]);
    let cleanup = site.run(&["cleanup"]);
    assert_ne!(cleanup.status, Some(0));
    for said in [said, cleanup] {
        for file in [&garbage, &pipe] {
            assert!(said.err.contains(&file.display().to_string()), "{}", said.err);
        }
    }
    assert_eq!(site.waiting(), 2);
    for file in [garbage, pipe] {
        std::fs::remove_file(file).unwrap();
    }
    recorded_once(&site, &at);
}

#[test]
fn runs_that_end_at_the_same_time_record_each_of_them_once() {
    let site = Site::make();
    let jobs = ["one", "two", "three", "four"];
    for job in jobs {
        site.job(job, "command = [\"echo\", \"words\"]");
    }
    let running: Vec<Running> = jobs.iter().map(|job| site.start(&["backup", "run", job])).collect();
    for run in running {
        let said = run.finish();
        assert_eq!(said.status, Some(0), "{}", said.err);
    }
    site.good(&["backup", "prune"]);
    let mut made: Vec<_> =
        site.events("backup_made").iter().map(|event| event["job"].as_str().unwrap().to_owned()).collect();
    made.sort_unstable();
    assert_eq!(made, ["four", "one", "three", "two"]);
    assert_eq!(site.waiting(), 0);
}
