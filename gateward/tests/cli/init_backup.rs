//! `gateward init --for backup`: a configuration for backups alone, without a question.

use std::path::Path;

use tempfile::TempDir;

use super::support::gateward;

fn init(folder: &TempDir, more: &[&str]) -> (super::support::Ran, String) {
    let dir = folder.path().join("etc").to_str().unwrap().to_owned();
    let ran = gateward(&[&["init", "--for", "backup", "--dir", &dir], more].concat(), &[], b"");
    (ran, format!("{dir}/gateward.toml"))
}

#[test]
fn what_is_made_serves_nothing_is_good_and_backs_up_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (made, config) = init(&folder, &[]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    assert!(!made.stdout.contains("password"), "{}", made.stdout);
    let import = format!("gateward backup recipient import --config {config} KEY.asc");
    assert!(made.stdout.contains(&import), "{}", made.stdout);
    let text = std::fs::read_to_string(&config).unwrap();
    let file: toml::Table = text.parse().unwrap();
    assert_eq!(file.keys().collect::<Vec<_>>(), ["backup_state", "keyring", "mode", "store"]);

    for command in [&["config", "check"][..], &["backup", "status"], &["backup", "recipient", "list"]] {
        let ran = gateward(&[command, &["--config", &config]].concat(), &[], b"");
        assert_eq!(ran.status, 0, "{command:?}: {}{}", ran.stdout, ran.stderr);
        let says_so = command != ["backup", "status"] || ran.stderr.contains("there is no job");
        assert!(says_so, "{}", ran.stderr);
    }
    assert!(folder.path().join("etc/backup").is_dir(), "what is kept between runs lies in the folder, too");
}

#[test]
fn who_has_no_job_is_told_that_backups_are_found_by_their_paths() {
    let folder = tempfile::tempdir().unwrap();
    let (_, config) = init(&folder, &[]);
    let restore =
        ["backup", "restore", "a_2026-11-22_00-02-00.tar.gpg", "--into", "./there", "--config", &config];
    let ran = gateward(&[&restore[..], &["--gpg"]].concat(), &[], b"");
    assert_eq!(ran.status, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("name the path of the file"), "{}", ran.stderr);
}

#[test]
fn the_job_that_it_shows_is_one_as_soon_as_it_has_a_recipient() {
    let folder = tempfile::tempdir().unwrap();
    let (_, config) = init(&folder, &[]);
    let text = std::fs::read_to_string(&config).unwrap();
    let (head, job) = text.split_at(text.find("# [[backup]]").unwrap());
    let job: String = job.lines().map(|line| line.strip_prefix("# ").unwrap().to_owned() + "\n").collect();
    let job = job.replace("the full fingerprint", "8FD98B2183B2C2288FD98B2183B2C2288FD98B21");
    std::fs::write(&config, format!("{head}{job}")).unwrap();
    let shown = gateward(&["config", "show", "--config", &config], &[], b"");
    assert_eq!(shown.status, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("ckan_default"), "{}", shown.stdout);
}

#[test]
fn what_belongs_to_another_purpose_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (flags, why) in [
        (["--listen", "0.0.0.0:443"], "with --for backup nothing is served"),
        (["--upstream", "http://127.0.0.1:8080"], "go with --for eida"),
        (["--host", "dcor.example.org"], "go with --for dcor"),
    ] {
        let (refused, config) = init(&folder, &flags);
        assert_eq!(refused.status, 2, "{}", refused.stdout);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
        assert!(!Path::new(&config).exists());
    }
}
