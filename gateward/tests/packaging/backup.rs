//! Backups by their own user: what root does for them, what their timer does, what who serves records.

use std::process::Command;

use super::machine::Machine;
use super::tools::{Ran, run};

/// What the service's own user hands to `LoadCredential`.
const CREDENTIAL: &str = "/run/credentials/keyring";

/// Two backups of one second would have one name.
const AGAIN: &str = "sleep 1; gateward backup run";

impl Machine {
    /// An installation for backups alone, with a job that backs /srv/data up and may read it.
    fn backs_up(&self) -> &Self {
        self.install();
        self.shell(
            "install -d -m 755 /srv /srv/data; echo precious > /srv/data/one; gateward init --for backup",
        )
        .good();
        let key = self.key();
        self.shell(&format!("gateward backup recipient import /tmp/key.asc --fingerprint {key}")).good();
        self.shell(&format!(
            "cat >> /etc/gateward/gateward.toml <<END
[[backup]]
name = \"files\"
directories = [\"/srv/data\"]
recipients = [\"{key}\"]
folder = \"/var/backups/gateward\"
END
             install -d -m 755 /var/backups /run/credentials
             install -d -m 700 -o gateward-backup -g gateward-backup /var/backups/gateward"
        ))
        .good();
        self
    }

    /// Makes a key whose public half lies in /tmp/key.asc; returns its fingerprint.
    fn key(&self) -> String {
        let home = tempfile::tempdir().unwrap();
        let gpg = |arguments: &[&str]| {
            let mut gpg = Command::new("gpg");
            gpg.arg("--homedir").arg(home.path()).args(["--batch", "--quiet", "--passphrase", ""]);
            run(gpg.args(arguments)).good().stdout
        };
        gpg(&["--quick-generate-key", "backup@example.org", "future-default", "default", "1y"]);
        std::fs::write(self.path("tmp/key.asc"), gpg(&["--armor", "--export"])).unwrap();
        std::fs::write(self.path("tmp/secret.asc"), gpg(&["--armor", "--export-secret-keys"])).unwrap();
        let listed = gpg(&["--with-colons", "--list-keys"]);
        let line = listed.lines().find(|line| line.starts_with("fpr:")).unwrap();
        line.split(':').nth(9).unwrap().to_owned()
    }

    /// What systemd runs as a unit's user, who alone can read its copy of the keyring.
    fn as_unit_of(&self, user: &str, umask: &str, line: &str) -> Ran {
        let hand = format!("install -m 400 -o {user} -g {user} /etc/gateward/keyring.toml {CREDENTIAL}");
        self.shell(&hand).good();
        let line = format!("umask {umask}; export GATEWARD_KEYRING={CREDENTIAL}; {line}");
        run(self.program(user, "/bin/sh").args(["-e", "-c", &line]))
    }

    fn recorded(&self, what: &str) -> Vec<serde_json::Value> {
        let found = self.shell("gateward audit search --format json").good().stdout;
        let events = found.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        events.filter(|event| event["body"]["kind"] == what).collect()
    }

    fn waiting(&self) -> usize {
        self.shell("ls /var/lib/gateward-backup/spool").good().stdout.lines().count()
    }
}

#[test]
fn what_root_prepares_the_backups_own_user_can_use() {
    let machine = Machine::new();
    machine.backs_up();
    for (file, owner) in [
        ("/var/lib/gateward-backup", "gateward-backup:gateward-backup 750"),
        ("/var/lib/gateward-backup/recipients", "gateward-backup:gateward-backup 700"),
        ("/var/lib/gateward-backup/spool", "gateward-backup:gateward-backup 770"),
    ] {
        assert_eq!(machine.owner(file), owner, "{file}");
    }
    let ran = machine.as_unit_of("gateward-backup", "0007", "gateward backup run").good();
    assert!(ran.stdout.contains("/var/backups/gateward"), "{}", ran.stdout);
    assert_eq!(machine.owner("/var/backups/gateward"), "gateward-backup:gateward-backup 700");
    assert_eq!(
        machine.owner("/var/backups/gateward/backup_files_*.tar.gpg"),
        "gateward-backup:gateward-backup 400"
    );
    machine.as_unit_of("gateward-backup", "0007", "gateward backup status && gateward backup list").good();
}

#[test]
fn a_folder_that_the_backups_own_user_cannot_use_is_found_before_the_night() {
    let machine = Machine::new();
    machine.backs_up();
    machine.shell("gateward config check").good();
    let finds = |folder: &str, what: &str| {
        machine.shell(folder).good();
        let ran = machine.shell("gateward config check");
        assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(what) && ran.stdout.lines().count() == 1, "{}", ran.stdout);
    };
    finds("chown root /var/backups/gateward", "does not own it: chown gateward-backup /var/backups/gateward");
    finds("rmdir /var/backups/gateward", "cannot make it: install -d -m 700 -o gateward-backup");
    finds("mkdir -m 755 /var/backups/gateward; chown gateward-backup /var/backups/gateward", "chmod 700");
}

#[test]
fn what_root_runs_is_run_by_the_backups_own_user() {
    let machine = Machine::new();
    machine.backs_up();
    machine.shell("gateward backup run").good();
    let owners =
        machine.shell("stat --format %U /var/backups/gateward/* /var/lib/gateward-backup/*/*").good();
    assert!(owners.stdout.lines().all(|owner| owner == "gateward-backup"), "{}", owners.stdout);
    machine.as_unit_of("gateward-backup", "0007", AGAIN).good();
}

#[test]
fn what_was_done_waits_until_who_serves_records_it_and_who_did_it() {
    let machine = Machine::new();
    machine.backs_up();
    let ran = machine.as_unit_of("gateward-backup", "0007", "gateward backup run").good();
    let said = "not recorded yet: the store /var/lib/gateward/gateward.db cannot be reached";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert_eq!(machine.waiting(), 2, "the import, and the backup");

    machine.as_unit_of("gateward", "0077", "gateward cleanup").good();
    assert_eq!(machine.waiting(), 0);
    for event in ["backup_recipient_imported", "backup_made"] {
        let recorded = machine.recorded(event);
        assert_eq!(recorded.len(), 1, "{event}");
        assert_eq!(recorded[0]["body"]["who"], "os:gateward-backup", "{}", recorded[0]);
    }

    // By hand, by root, who becomes the store's owner first.
    machine.as_unit_of("gateward-backup", "0007", AGAIN).good();
    machine.shell("gateward cleanup").good();
    assert_eq!((machine.waiting(), machine.recorded("backup_made").len()), (0, 2));
    assert_eq!(machine.owner("/var/lib/gateward/gateward.db"), "gateward:gateward 600");
}

#[test]
fn what_root_restores_and_drills_takes_nothing_from_the_backups_own_user() {
    let machine = Machine::new();
    machine.backs_up();
    machine.as_unit_of("gateward-backup", "0007", "gateward backup run").good();
    machine.as_unit_of("gateward", "0077", "gateward cleanup").good();
    // A drill's server would run as this one.
    machine.shell("systemd-sysusers --inline 'u postgres - -'").good();
    // So that it has to wait.
    machine.shell("mv /var/lib/gateward/gateward.db /var/lib/gateward/away").good();
    let opened = "--job files --key /tmp/secret.asc";
    machine.shell(&format!("umask 077; gateward backup restore {opened} --into /srv/restored")).good();
    machine.shell(&format!("umask 077; gateward backup drill {opened} --in /srv")).good();
    machine.shell("mv /var/lib/gateward/away /var/lib/gateward/gateward.db").good();
    let spool = "/var/lib/gateward-backup/spool";
    assert_eq!(machine.owner(spool), "gateward-backup:gateward-backup 770");
    // Root restores as root, and drills as the owner of the backups.
    let waits = "root:gateward-backup 640\ngateward-backup:gateward-backup 640";
    assert_eq!(machine.owner(&format!("{spool}/*.json")), waits);
    assert_eq!(machine.owner("/var/backups/gateward/*.drill"), "gateward-backup:gateward-backup 400");

    machine.as_unit_of("gateward-backup", "0007", "gateward backup list; gateward backup run").good();
    machine.as_unit_of("gateward", "0077", "gateward cleanup").good();
    assert_eq!((machine.waiting(), machine.recorded("backup_made").len()), (0, 2));
    for (event, who) in [("backup_restored", "os:root"), ("backup_drilled", "os:gateward-backup")] {
        let recorded = machine.recorded(event);
        assert_eq!(recorded.len(), 1, "{event}");
        assert_eq!(recorded[0]["body"]["who"], who, "{}", recorded[0]);
    }
}

#[test]
fn a_link_in_the_place_of_the_spool_gives_nothing_of_roots_away() {
    let machine = Machine::new();
    machine.backs_up();
    machine.as_unit_of("gateward-backup", "0007", "gateward backup run").good();
    machine.shell("rm -r /var/lib/gateward-backup/spool; ln -s /etc /var/lib/gateward-backup/spool").good();
    let before = machine.owner("/etc");
    let restore = "gateward backup restore --job files --key /tmp/secret.asc --into /srv/restored";
    for line in [restore, "gateward backup run", "gateward cleanup"] {
        let refused = machine.shell(line);
        assert_ne!(refused.status, 0, "{line}");
        assert!(
            refused.stderr.contains("/var/lib/gateward-backup/spool: it is a link"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(machine.owner("/etc"), before);
}

#[test]
fn who_may_open_the_socket_of_the_server_sees_nothing_of_backups() {
    let machine = Machine::new();
    machine.backs_up();
    machine.shell("systemd-sysusers --inline 'u www-data - -' 'm www-data gateward'").good();
    for line in ["ls /var/lib/gateward-backup", "touch /var/lib/gateward-backup/spool/x"] {
        let refused = run(machine.program("www-data", "/bin/sh").args(["-c", line]));
        assert_ne!(refused.status, 0, "{line}: {}", refused.stdout);
        assert!(refused.stderr.contains("Permission denied"), "{line}: {}", refused.stderr);
    }
}

#[test]
fn who_serves_can_make_the_backups_and_then_also_gatewards_own() {
    let machine = Machine::new();
    machine.backs_up();
    machine
        .shell(
            "sed -i 's|^directories = .*|gateward = true|' /etc/gateward/gateward.toml
             chown --recursive gateward:gateward /var/lib/gateward-backup /var/backups/gateward",
        )
        .good();
    machine.as_unit_of("gateward", "0007", "gateward backup run").good();
    assert_eq!(machine.recorded("backup_made")[0]["body"]["who"], "os:gateward");
    assert_eq!(machine.owner("/var/lib/gateward/gateward.db"), "gateward:gateward 600");
}

#[test]
fn purge_keeps_what_is_needed_to_tell_what_was_backed_up_and_says_so() {
    let machine = Machine::new();
    machine.backs_up();
    let said = machine.dpkg("--purge", "gateward".as_ref()).stderr;
    assert!(said.contains("/var/lib/gateward-backup stays"), "{said}");
    assert!(machine.has("/var/lib/gateward-backup/recipients") && machine.has("/var/backups/gateward"));
}
