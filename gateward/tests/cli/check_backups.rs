//! `config check` finds what would stop a backup at night. Nothing is backed up, and nothing changed.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::support::{gateward, objects};

const NOBODYS: &str = "8FD98B2183B2C2288FD98B2183B2C2288FD98B21";

struct Jobs(TempDir);

impl Jobs {
    /// An installation for backups alone, with these jobs; `DIR` in them is its folder.
    fn new(jobs: &str) -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        let made = gateward(&["init", "--for", "backup", "--dir", &this.path("")], &[], b"");
        assert_eq!(made.status, 0, "{}", made.stderr);
        let config = this.path("gateward.toml");
        let text = std::fs::read_to_string(&config).unwrap() + &jobs.replace("DIR", &this.path(""));
        std::fs::write(&config, text).unwrap();
        this
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().trim_end_matches('/').to_owned()
    }

    /// What is found, but for the key that nobody imported.
    fn findings(&self) -> Vec<String> {
        let check = ["config", "check", "--format", "json", "--config", &self.path("gateward.toml")];
        let ran = gateward(&check, &[], b"");
        assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
        let found = objects(&ran).into_iter().map(|object| object["finding"].as_str().unwrap().to_owned());
        let (keys, others): (Vec<_>, Vec<_>) = found.partition(|finding| finding.contains(NOBODYS));
        assert!(keys.iter().all(|key| key.contains("it was not imported")), "{keys:?}");
        assert!(!keys.is_empty());
        others
    }
}

/// A job that goes to `folder`.
fn job(name: &str, folder: &str, more: &str) -> String {
    format!("[[backup]]\nname = \"{name}\"\nrecipients = [\"{NOBODYS}\"]\nfolder = \"{folder}\"\n{more}\n")
}

#[test]
fn a_recipient_that_nobody_imported_is_found_and_nothing_is_made() {
    let jobs = Jobs::new(&job("nightly", "DIR/there", "directories = [\"DIR\"]"));
    assert_eq!(jobs.findings(), [""; 0]);
    assert!(!jobs.0.path().join("there").exists() && !jobs.0.path().join("backup").exists());
}

#[test]
fn a_folder_that_others_can_look_into_is_found() {
    let jobs = Jobs::new(&job("nightly", "DIR/open", "directories = [\"/srv\"]"));
    std::fs::create_dir(jobs.path("open")).unwrap();
    std::fs::set_permissions(jobs.path("open"), Permissions::from_mode(0o755)).unwrap();
    let found = jobs.findings();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("job nightly: ") && found[0].contains("chmod 700"), "{found:?}");

    std::fs::remove_dir(jobs.path("open")).unwrap();
    std::fs::write(jobs.path("open"), "").unwrap();
    assert!(jobs.findings()[0].contains("it is no folder"));
}

#[test]
fn credentials_that_are_not_there_or_everybodys_are_found() {
    let s3 = "directories = [\"/srv\"]\ns3 = { endpoint = \"https://s3.example.org\", bucket = \"backup\", \
              credentials = \"s3.key\" }";
    let jobs = Jobs::new(&job("nightly", "DIR/there", s3));
    let found = jobs.findings();
    assert!(
        found.len() == 1 && found[0].contains("s3.key") && found[0].contains("No such file"),
        "{found:?}"
    );
    std::fs::write(jobs.path("s3.key"), "AKIA\nopensesame\n").unwrap();
    std::fs::set_permissions(jobs.path("s3.key"), Permissions::from_mode(0o644)).unwrap();
    let found = jobs.findings();
    assert!(found.len() == 1 && found[0].contains("chmod"), "{found:?}");
    std::fs::set_permissions(jobs.path("s3.key"), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(jobs.findings(), [""; 0]);
}

#[test]
fn a_source_that_cannot_be_read_is_found() {
    for (source, said) in [
        ("ckan_ini = \"DIR/ckan.ini\"", "ckan.ini: No such file"),
        ("database = \"postgres://ann:opensesame@db/d\"", "a password does not stand in a URL"),
    ] {
        let found = Jobs::new(&job("nightly", "DIR/there", source)).findings();
        assert!(found.len() == 1 && found[0].contains(said), "{found:?}");
        assert!(!found[0].contains("opensesame"));
    }
}

#[test]
fn two_jobs_whose_files_can_have_one_name_in_one_place_are_found() {
    let of = |one: &str, other: &str| {
        let jobs = [job("one", one, "database = \"ckan\""), job("two", other, "database = \"ckan\"")];
        Jobs::new(&jobs.concat()).findings()
    };
    let found = of("DIR/there", "DIR/there");
    assert!(found.len() == 1 && found[0].starts_with("job two: ") && found[0].contains("one"), "{found:?}");
    assert_eq!(of("DIR/there", "DIR/elsewhere"), [""; 0]);
    let apart = [
        job("one", "DIR/there", "database = \"ckan\""),
        job("two", "DIR/there", "database = \"ckan\"\nformat = \"plain\""),
        job("three", "DIR/there", "database = \"other\""),
    ];
    assert_eq!(Jobs::new(&apart.concat()).findings(), [""; 0]);
}
