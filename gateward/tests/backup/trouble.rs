//! Runs that fail: said in words, by the exit status, in the log, by `status` and by a command of the operator's;
//! and what lay there before stays as it was.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::mount::{MntFlags, umount2};

use crate::clock::{good_at, noon_and, run_at};
use crate::cluster::Cluster;
use crate::cluster::patience::eventually;
use crate::disk::{SmallDisk, run_where_we_may_mount};
use crate::shared_keys::Keys;
use crate::site::{Said, Site, names};

/// How long a run may take to come to where something happens to it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command that gives as many bytes as the file `size` says, which nobody can compress, slowly; it does not end
/// while a file `size.hold` is there.
const RANDOM: &str = "for piece in 1 2 3 4 5 6 7 8 9 10; do
    head -c $(($(cat \"$1\") / 10)) /dev/urandom
    sleep 0.05
done
while [ -e \"$1.hold\" ]; do sleep 0.05; done";

/// What an operator says in a job to be told of a failure.
fn telling(site: &Site) -> String {
    let told = site.path("told");
    format!(
        "on_failure = [\"sh\", \"-c\", \"echo \\\"$GATEWARD_BACKUP_JOB: $GATEWARD_BACKUP_REASON\\\" >> {}\"]",
        told.display()
    )
}

/// An installation with the job `random`, which gives so many bytes and whose backups go to `folder`.
fn random(folder: impl FnOnce(&Site) -> PathBuf, bytes: u64) -> Site {
    let site = Site::make();
    site.folder().write("random", RANDOM);
    set_size(&site, bytes);
    let (script, sized) = (site.path("random"), site.path("size"));
    let command = format!("command = [\"sh\", \"{}\", \"{}\"]", script.display(), sized.display());
    let (to, key) = (folder(&site), &Keys::shared().curve.fingerprint);
    site.job_as(&format!(
        "name = \"random\"\nrecipients = [\"{key}\"]\nfolder = \"{}\"\n{command}\n{}",
        to.display(),
        telling(&site)
    ));
    site
}

fn set_size(site: &Site, bytes: u64) {
    site.folder().write("size", &bytes.to_string());
}

/// The files of a folder, by name, with what is in them.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    names(folder).into_iter().map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap())).collect()
}

/// The run failed, and everybody who should hears of it: `reason` in the log, `words` everywhere.
#[track_caller]
fn is_loud(site: &Site, said: &Said, job: &str, reason: &str, words: &str) {
    assert_eq!(said.status, Some(1), "{}{}", said.out, said.err);
    assert!(said.err.contains(words), "{words}: {}", said.err);
    assert!(said.out.contains(&format!("{job}  failed")), "{}", said.out);
    let failed = site.events("backup_failed");
    let last = failed.last().unwrap();
    assert_eq!(
        (&last["job"], &last["reason"], &last["outcome"]),
        (&job.into(), &reason.into(), &"failed".into())
    );
    assert!(last["detail"].as_str().unwrap().contains(words), "{last}");
    let status = site.run(&["backup", "status", job]);
    assert_eq!(status.status, Some(1), "{}", status.out);
    assert!(status.out.contains("FAILING") && status.out.contains(words), "{}", status.out);
    let told = std::fs::read_to_string(site.path("told")).unwrap();
    let last = told.lines().last().unwrap();
    assert!(last.starts_with(&format!("{job}: ")) && last.contains(words), "{told}");
}

/// Waits until more than so many bytes of a backup are on their way into `folder`.
fn wait_for_bytes(folder: &Path, more_than: u64) {
    eventually("a backup is on its way", PATIENCE, || {
        let partial = names(folder).into_iter().find(|name| name.ends_with(".gpg.partial"));
        partial.is_some_and(|name| {
            std::fs::metadata(folder.join(name)).is_ok_and(|there| there.len() > more_than)
        })
    });
}

fn wait_for_the_next_second() {
    std::thread::sleep(Duration::from_millis(1100));
}

#[test]
fn a_full_disk_fails_the_run_and_nothing_else() {
    if !run_where_we_may_mount("trouble::a_full_disk_fails_the_run_and_nothing_else") {
        return;
    }
    let site = random(|site| site.path("disk/backups"), 300_000);
    let disk = SmallDisk::mount(site.folder(), 2);
    let folder = disk.path().join("backups");
    site.good(&["backup", "run"]);
    let before = content(&folder);
    wait_for_the_next_second();
    set_size(&site, 5_000_000);
    is_loud(&site, &site.run(&["backup", "run"]), "random", "target", "No space left on device");
    assert!(content(&folder) == before, "{:?}", names(&folder));

    // A disk on which not even the first byte has room.
    wait_for_the_next_second();
    disk.fill();
    is_loud(&site, &site.run(&["backup", "run"]), "random", "target", "No space left on device");
    assert!(content(&folder) == before, "{:?}", names(&folder));
    disk.empty();
    wait_for_the_next_second();
    set_size(&site, 300_000);
    site.good(&["backup", "run"]);
    site.good(&["backup", "status"]);
    assert_eq!(names(&folder).len(), before.len() + 2);
}

#[test]
fn a_folder_that_is_taken_away_meanwhile_fails_the_run() {
    let site = random(Site::backups, 3_000_000);
    site.good(&["backup", "run"]);
    let (folder, before, gone) = (site.backups(), content(&site.backups()), site.path("gone"));
    wait_for_the_next_second();
    let hold = site.folder().write("size.hold", "");
    let run = site.start(&["backup", "run"]);
    wait_for_bytes(&folder, 0);
    std::fs::rename(&folder, &gone).unwrap();
    std::fs::remove_file(hold).unwrap();
    is_loud(&site, &run.finish(), "random", "target", "No such file or directory");
    assert!(!folder.exists(), "nobody makes it anew in the middle of a run");
    std::fs::rename(&gone, &folder).unwrap();
    let whole = content(&folder).into_iter().filter(|(name, _)| !name.starts_with('.'));
    assert!(whole.eq(before.clone()), "{:?}", names(&folder));
    wait_for_the_next_second();
    site.good(&["backup", "run"]);
    assert_eq!(names(&folder).len(), before.len() + 2, "what was left is cleared");
    assert!(before.iter().all(|file| content(&folder).contains(file)));
}

#[test]
fn a_disk_that_is_unmounted_meanwhile_fails_the_run() {
    if !run_where_we_may_mount("trouble::a_disk_that_is_unmounted_meanwhile_fails_the_run") {
        return;
    }
    let site = random(|site| site.path("disk"), 2_000_000);
    let disk = SmallDisk::mount(site.folder(), 20);
    let hold = site.folder().write("size.hold", "");
    let run = site.start(&["backup", "run"]);
    wait_for_bytes(disk.path(), 0);
    umount2(disk.path(), MntFlags::MNT_DETACH).unwrap();
    std::fs::remove_file(hold).unwrap();
    is_loud(&site, &run.finish(), "random", "target", "No such file or directory");
    assert_eq!(names(disk.path()), Vec::<String>::new(), "nothing is left in the empty folder below");
}

#[test]
fn a_pg_dump_that_fails_at_ninety_percent_fails_the_run() {
    let (site, cluster) = (Site::make(), Cluster::shared());
    let database = cluster.database_of("postgres", "ninety");
    cluster.psql(
        &database,
        "CREATE TYPE word AS ENUM ('good', 'bad');
         CREATE TABLE t AS SELECT md5(n::text), (CASE n WHEN 45000 THEN 'bad' ELSE 'good' END)::word
             FROM generate_series(1, 50000) AS n",
    );
    let url = cluster.socket_url_of("postgres", &database);
    site.job("ninety", &format!("database = \"{url}\"\nformat = \"plain\"\n{}", telling(&site)));
    site.good(&["backup", "run"]);
    let before = site.files();
    // One row of a damaged catalog can be read no more.
    cluster.psql(&database, "DELETE FROM pg_enum WHERE enumlabel = 'bad'");
    wait_for_the_next_second();
    let said = site.run(&["backup", "run"]);
    is_loud(&site, &said, "ninety", "source", "Dumping the contents of table \"t\" failed");
    assert!(site.files() == before, "{:?}", names(&site.backups()));
}

#[test]
fn what_is_said_by_whoever_is_told_of_a_failure_is_no_part_of_the_result() {
    let site = Site::make();
    site.job("fails", "command = [\"false\"]\non_failure = [\"echo\", \"somebody is told\"]");
    let said = site.run(&["backup", "run", "--format", "json"]);
    assert!(said.err.contains("somebody is told"), "{said:?}");
    let result: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(result["result"], "failed");
}

#[test]
fn a_database_that_is_stopped_meanwhile_fails_the_run() {
    let (site, cluster) = (Site::make(), Cluster::start());
    let database = cluster.database_of("postgres", "stopped");
    // Enough that it is not all on its way before the server ends.
    cluster.psql(
        &database,
        "CREATE TABLE t AS SELECT repeat(md5(n::text), 40) FROM generate_series(1, 60000) AS n",
    );
    let url = cluster.socket_url_of("postgres", &database);
    site.job("stopped", &format!("database = \"{url}\"\nformat = \"plain\"\n{}", telling(&site)));
    site.good(&["backup", "run"]);
    let before = site.files();
    wait_for_the_next_second();
    let run = site.start(&["backup", "run"]);
    wait_for_bytes(&site.backups(), 100_000);
    cluster.stop();
    is_loud(&site, &run.finish(), "stopped", "source", "pg_dump of stopped_0");
    assert!(site.files() == before, "{:?}", names(&site.backups()));
    // And one that is not there at all.
    wait_for_the_next_second();
    is_loud(&site, &site.run(&["backup", "run"]), "stopped", "source", "pg_dump of stopped_0");
    assert!(site.files() == before, "{:?}", names(&site.backups()));
}

#[test]
fn of_two_runs_at_once_one_is_refused_and_said_and_the_other_goes_on() {
    let site = random(Site::backups, 500_000);
    let hold = site.folder().write("size.hold", "");
    let first = site.start(&["backup", "run"]);
    wait_for_bytes(&site.backups(), 0);
    let second = site.run(&["backup", "run"]);
    assert_eq!(second.status, Some(1), "{}{}", second.out, second.err);
    assert!(second.err.contains("is being run already"), "{}", second.err);
    let told = std::fs::read_to_string(site.path("told")).unwrap();
    assert!(told.contains("random: random is being run already"), "{told}");
    let pruning = site.run(&["backup", "prune"]);
    assert!(pruning.status != Some(0) && pruning.err.contains("being run"), "{}", pruning.err);
    assert!(site.run(&["backup", "status"]).out.contains("running now"));
    std::fs::remove_file(hold).unwrap();
    let first = first.finish();
    assert_eq!(first.status, Some(0), "{}", first.err);
    site.good(&["backup", "status"]);
    assert_eq!(Keys::shared().decrypt(&site.the_backup()).len(), 500_000);
    let failed = site.events("backup_failed");
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!((&failed[0]["reason"], &failed[0]["job"]), (&"running".into(), &"random".into()));
}

#[test]
fn a_clock_that_was_years_ahead_once_prunes_nothing_newer_and_is_said() {
    let site = Site::make();
    site.job("words", "command = [\"echo\", \"words\"]\nkeep = { last = 2 }");
    let years = 24 * 3653;
    for hours in [1, 2] {
        good_at(&site, noon_and(hours), &["backup", "run"]);
    }
    let ahead = run_at(&site, noon_and(years), &["backup", "run"]);
    assert_eq!(ahead.status, Some(0), "{}", ahead.err);
    let years_ahead = |name: &String| name.contains(&noon_and(years).strftime("_%Y-").to_string());
    let now = noon_and(3);
    let status = run_at(&site, now, &["backup", "status"]);
    assert_eq!(status.status, Some(1), "{}", status.out);
    assert!(status.out.contains("the last good one lies in the future: look at the clock"), "{}", status.out);
    let mut waiting = 0;
    for hours in [3, 4, 5] {
        let said = run_at(&site, noon_and(hours), &["backup", "run"]);
        assert_eq!(said.status, Some(0), "{}", said.err);
        // What is recorded under a wrong clock keeps the store shut until then; the backups are made all the same.
        assert!(said.err.contains("is behind the newest event"), "{}", said.err);
        assert!(site.waiting() > waiting, "what is not recorded waits");
        waiting = site.waiting();
        let newest = noon_and(hours).strftime("_%Y-%m-%d_%H-").to_string();
        let left = site.names_of_backups();
        assert!(left.iter().any(|name| name.contains(&newest)), "{left:?}");
        assert!(left.iter().any(years_ahead), "it counts for nothing, and stays: {left:?}");
        let of_now = left.iter().filter(|name| !years_ahead(name)).count();
        assert_eq!(of_now, 2, "{left:?}");
    }
    let status = run_at(&site, noon_and(5), &["backup", "status"]);
    assert_eq!(status.status, Some(0), "{}", status.out);
}

#[test]
fn a_folder_that_others_can_read_is_refused_before_anything_is_written() {
    let site = random(Site::backups, 1000);
    site.folder().make_inside("backups");
    for mode in [0o750, 0o705, 0o710, 0o777] {
        std::fs::set_permissions(site.backups(), std::fs::Permissions::from_mode(mode)).unwrap();
        is_loud(&site, &site.run(&["backup", "run"]), "random", "target", "chmod 700");
        assert_eq!(names(&site.backups()), Vec::<String>::new());
    }
}

#[test]
fn a_recipient_that_cannot_be_used_refuses_the_whole_run() {
    let (site, keys) = (Site::make(), Keys::shared());
    site.import(&keys.short);
    site.job_as(&format!(
        "name = \"two\"\ncommand = [\"echo\", \"words\"]\nrecipients = [\"{}\", \"{}\"]\nfolder = \"backups\"\n{}",
        keys.curve.fingerprint,
        keys.short.fingerprint,
        telling(&site)
    ));
    let said = run_at(&site, noon_and(48), &["backup", "run"]);
    is_loud(&site, &said, "two", "recipient", &keys.short.fingerprint);
    assert!(said.err.contains("expired at"), "{}", said.err);
    assert!(!site.backups().exists());

    // And one whose key is not there any more.
    let file = site.state().join("recipients").join(format!("{}.asc", keys.short.fingerprint));
    std::fs::remove_file(file).unwrap();
    is_loud(&site, &site.run(&["backup", "run"]), "two", "recipient", &keys.short.fingerprint);
    assert!(!site.backups().exists());
    site.reconfigure(&format!(", \"{}\"", keys.short.fingerprint), "");
    site.good(&["backup", "run"]);
    site.good(&["backup", "status"]);
}

#[test]
fn a_keyring_that_cannot_be_read_is_named_and_nothing_is_written() {
    let site = random(Site::backups, 1000);
    let keyring = site.path("keyring.toml");
    std::fs::set_permissions(&keyring, std::fs::Permissions::from_mode(0o000)).unwrap();
    let said = site.run(&["backup", "run"]);
    assert_eq!(said.status, Some(2), "{}{}", said.out, said.err);
    assert!(said.err.contains("keyring.toml") && said.err.contains("Permission denied"), "{}", said.err);
    assert_ne!(site.run(&["backup", "status"]).status, Some(0));
    let told = std::fs::read_to_string(site.path("told")).unwrap();
    assert!(told.starts_with("random: ") && told.contains("keyring.toml"), "{told}");
    assert!(!site.backups().exists());
    std::fs::set_permissions(&keyring, std::fs::Permissions::from_mode(0o600)).unwrap();
    site.good(&["backup", "run"]);
}

#[test]
fn a_state_folder_that_cannot_be_written_is_named_and_nothing_is_written() {
    let site = random(Site::backups, 1000);
    site.good(&["backup", "run"]);
    let before = site.files();
    for folder in [site.state(), site.state().join("spool")] {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o500)).unwrap();
        wait_for_the_next_second();
        let said = site.run(&["backup", "run"]);
        assert!(said.status != Some(0) && said.err.contains(&folder.display().to_string()), "{said:?}");
        assert!(said.err.contains("Permission denied"), "{}", said.err);
        let told = std::fs::read_to_string(site.path("told")).unwrap();
        let last = told.lines().last().unwrap();
        assert!(last.starts_with("random: ") && last.contains("Permission denied"), "{told}");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o750)).unwrap();
        std::fs::remove_file(site.path("told")).unwrap();
    }
    let now = site.files();
    assert!(before.iter().all(|(name, content)| now.get(name) == Some(content)), "{:?}", now.keys());
}

#[test]
fn a_job_that_cannot_be_run_does_not_keep_others_from_being_run() {
    let site = Site::make();
    let words = "command = [\"echo\", \"words\"]";
    for job in ["first", "second"] {
        site.job(job, &format!("{words}\n{}", telling(&site)));
    }
    site.folder().write("state/first.json", "{ cut");
    let said = site.run(&["backup", "run"]);
    assert_eq!(said.status, Some(1), "{}{}", said.out, said.err);
    assert!(said.err.contains("first.json"), "{}", said.err);
    let left = site.names_of_backups();
    assert!(left.iter().any(|name| name.contains("second")), "{left:?}");
    let told = std::fs::read_to_string(site.path("told")).unwrap();
    assert!(told.contains("first: ") && told.contains("first.json"), "{told}");
    let failed = site.events("backup_failed");
    assert!(failed.iter().any(|event| event["job"] == "first" && event["reason"] == "state"), "{failed:?}");
    assert_ne!(site.run(&["backup", "status"]).status, Some(0));
}

#[test]
fn two_runs_within_a_second_make_two_backups() {
    let site = Site::make();
    site.job("words", "command = [\"echo\", \"words\"]");
    site.good(&["backup", "run"]);
    site.good(&["backup", "run"]);
    assert_eq!(site.json(&["backup", "list"]).len(), 2);
}
