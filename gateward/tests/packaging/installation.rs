//! Installation, upgrade, removal and purge, by dpkg itself.

use std::process::Command;

use super::machine::Machine;
use super::package::{deb, newer};
use super::tools::{as_root, run};

impl Machine {
    pub fn install(&self) -> &Self {
        self.dpkg("--install", deb());
        self
    }

    /// `gateward init`, by root, as docs/install.md says; on ports that are free.
    pub fn configure(&self) -> &Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "30",
            "-newkey",
            "rsa:2048",
            "-subj",
            "/CN=localhost",
        ]);
        openssl.args(["-addext", "subjectAltName=DNS:localhost"]);
        run(openssl.arg("-keyout").arg(file("public.key")).arg("-out").arg(file("public.pem"))).good();
        let mut copy = as_root("cp");
        run(copy.args([file("public.key"), file("public.pem"), self.path("etc/gateward")])).good();
        self.shell(
            "cd /etc/gateward
             chown gateward public.key; chmod 400 public.key; chmod 644 public.pem
             install -d /srv/restricted
             gateward init --store /var/lib/gateward/gateward.db --listen 127.0.0.1:0 \
                 --admin-listen 127.0.0.1:0 --certificate public.pem --key public.key \
                 --folder /srv/restricted --group /epos/test",
        )
        .good();
        self
    }

    /// What init made, with its owners, and what it says.
    fn precious(&self) -> String {
        self.shell(
            "cd /; for file in etc/gateward/* var/lib/gateward/*; do stat --format '%n %U:%G %a' $file; done
             sha256sum etc/gateward/* var/lib/gateward/gateward.db",
        )
        .good()
        .stdout
    }
}

#[track_caller]
fn has_its_users_and_folders(machine: &Machine) {
    let passwd = std::fs::read_to_string(machine.path("etc/passwd")).unwrap();
    for name in ["gateward", "gateward-backup"] {
        let user = passwd.lines().find(|line| line.starts_with(&format!("{name}:"))).expect(&passwd);
        let fields: Vec<&str> = user.split(':').collect();
        let uid: u32 = fields[2].parse().unwrap();
        assert!((1..1000).contains(&uid), "{user}");
        assert_eq!(fields[5], format!("/var/lib/{name}"));
        assert!(fields[6].ends_with("/nologin"), "{user}");
    }
    assert_eq!(machine.shell("id -Gn gateward").good().stdout, "gateward gateward-backup\n");
    assert_eq!(machine.shell("id -Gn gateward-backup").good().stdout, "gateward-backup\n");
    assert_eq!(machine.owner("/var/lib/gateward"), "gateward:gateward 700");
    assert_eq!(machine.owner("/var/lib/gateward-backup"), "gateward-backup:gateward-backup 750");
    assert_eq!(machine.owner("/etc/gateward"), "root:root 755");
}

#[test]
fn installing_makes_the_users_and_the_folders() {
    has_its_users_and_folders(Machine::new().install());
}

#[test]
fn installing_makes_them_where_systemd_is_not() {
    let machine = Machine::without_systemd();
    assert!(!machine.has("/usr/bin/systemd-sysusers"));
    has_its_users_and_folders(machine.install());
}

#[test]
fn installing_enables_the_service_and_what_waits_for_its_configuration() {
    let machine = Machine::new();
    machine.install();
    let enabled = "/etc/systemd/system/multi-user.target.wants";
    for unit in ["gateward.service", "gateward.path"] {
        assert!(machine.has(&format!("{enabled}/{unit}")), "{unit}");
    }
    for timer in ["gateward-backup.timer", "gateward-cleanup.timer"] {
        let link = format!("/etc/systemd/system/timers.target.wants/{timer}");
        assert!(!machine.has(&link), "{timer} is the operator's to enable");
    }
}

#[test]
fn what_the_operator_disabled_stays_disabled_after_an_upgrade() {
    let machine = Machine::new();
    machine.install();
    machine.shell("systemctl disable gateward.service").good();
    let folder = tempfile::tempdir().unwrap();
    machine.dpkg("--install", &newer(folder.path()));
    assert!(!machine.has("/etc/systemd/system/multi-user.target.wants/gateward.service"));
    assert!(machine.has("/etc/systemd/system/multi-user.target.wants/gateward.path"));
}

#[test]
fn what_init_makes_belongs_to_who_serves_and_the_keyring_to_root() {
    let machine = Machine::new();
    machine.install().configure();
    assert_eq!(machine.owner("/var/lib/gateward/gateward.db"), "gateward:gateward 600");
    assert_eq!(machine.owner("/etc/gateward/admin.key"), "gateward:root 600");
    assert_eq!(machine.owner("/etc/gateward/keyring.toml"), "root:root 600");
    assert_eq!(machine.owner("/etc/gateward/gateward.toml"), "root:root 644");
    machine.shell("gateward config check").good();
}

#[test]
fn an_upgrade_keeps_configuration_keys_and_record() {
    let machine = Machine::new();
    machine.install().configure();
    let before = machine.precious();
    let folder = tempfile::tempdir().unwrap();
    machine.dpkg("--install", &newer(folder.path()));
    assert!(machine.shell("dpkg-query --show gateward").good().stdout.contains("newer"));
    assert_eq!(machine.precious(), before);
}

#[test]
fn removal_keeps_configuration_keys_and_record_and_they_serve_again() {
    let machine = Machine::new();
    machine.install().configure();
    let before = machine.precious();
    machine.dpkg("--remove", "gateward".as_ref());
    assert!(!machine.has("/usr/bin/gateward"));
    assert_eq!(machine.precious(), before);
    machine.install();
    assert_eq!(machine.precious(), before);
    let recorded = machine.shell("gateward audit search").good().stdout;
    assert!(recorded.contains("user_created"), "{recorded}");
}

#[test]
fn purge_forgets_the_configuration_keeps_the_record_and_its_keys_and_says_so() {
    let machine = Machine::new();
    machine.install().configure();
    let said = machine.dpkg("--purge", "gateward".as_ref()).stderr;
    assert!(!machine.has("/etc/gateward/gateward.toml") && !machine.has("/etc/gateward/admin.key"));
    assert!(machine.has("/etc/gateward/keyring.toml") && machine.has("/var/lib/gateward/gateward.db"));
    for kept in ["/etc/gateward", "/var/lib/gateward"] {
        assert!(said.contains(&format!("{kept} stays")), "{said}");
    }
    assert!(!machine.has("/etc/systemd/system/multi-user.target.wants/gateward.service"));
    assert_eq!(machine.owner("/var/lib/gateward"), "gateward:gateward 700");
}

#[test]
fn purge_of_what_was_never_configured_leaves_no_folder() {
    let machine = Machine::new();
    machine.install();
    let said = machine.dpkg("--purge", "gateward".as_ref()).stderr;
    for folder in ["/etc/gateward", "/var/lib/gateward", "/var/lib/gateward-backup"] {
        assert!(!machine.has(folder), "{folder}: {said}");
    }
    assert!(!said.contains("stays"), "{said}");
}

#[test]
fn every_maintainer_script_can_run_twice() {
    let machine = Machine::new();
    machine.install().configure();
    let before = machine.precious();
    machine.shell("mkdir /scripts; cp /var/lib/dpkg/info/gateward.p* /scripts").good();
    for call in ["postinst configure 0.1.0-1", "prerm upgrade 0.2", "prerm remove", "postrm remove"] {
        for _ in 0..2 {
            machine.shell(&format!("/scripts/gateward.{call}")).good();
        }
        assert_eq!(machine.precious(), before, "{call}");
    }
    for _ in 0..2 {
        machine.shell("/scripts/gateward.postrm purge").good();
        assert!(machine.has("/var/lib/gateward/gateward.db"));
    }
}
