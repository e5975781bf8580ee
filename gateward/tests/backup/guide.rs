//! docs/backup.md, followed word by word: a PostgreSQL server, GnuPG, and another machine that has the private key.
//!
//! Only names are others: databases, folders, the key, and who owns the folders.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use super::guide_reader::{Reader, blocks, section};
use super::workplace::Gnupg;
use crate::cluster::{Cluster, PASSWORD};

const GUIDE: &str = include_str!("../../../docs/backup.md");
const GATEWARD: &str = env!("CARGO_BIN_EXE_gateward");

/// The fingerprint on the page, whose end is the id there.
const FINGERPRINT: &str = "4C1E7A90D35B62F81A7790E48FD98B2183B2C228";

const CRON: &str = "The one line for cron";
const JOBS: &str = "Jobs";
const WHOLE: &str = "Is it whole, can it be restored?";
const TIMER: &str = "By a timer, as a user of its own";

/// Who follows the page.
struct Operator {
    reader: Reader,
    cluster: Cluster,
    gnupg: Gnupg,
    database: String,
    followed: RefCell<BTreeSet<String>>,
    _folder: tempfile::TempDir,
}

impl Operator {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The server of a drill runs as another user.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let (cluster, gnupg) = (Cluster::start(), Gnupg::new());
        let us = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).unwrap().unwrap().name;
        let mut names =
            std::fs::File::options().append(true).open(cluster.data().join("pg_ident.conf")).unwrap();
        writeln!(names, "tests {us} gateward-backup").unwrap();
        cluster.psql("postgres", "SELECT pg_reload_conf()");
        let database = super::workplace::database(&cluster);
        // CKAN's own role, who owns all of its tables.
        cluster.psql("postgres", "GRANT pg_read_all_data TO gateward");
        let mut reader = Reader::in_folder(folder.path());
        let key = ready(&gnupg, &reader);
        reader.write_program("sudo", "if [ \"$1\" = -u ]; then shift 2; fi\nexec \"$@\"");
        reader.write_program("setfacl", "exit 0");
        reader.write_program(
            "gateward",
            &format!(
                "if [ \"$1\" = init ]; then\n    set -- \"$@\" --dir {} --store {}\nfi\nexec {GATEWARD} \"$@\"",
                reader.path("etc"),
                reader.path("state/gateward.db"),
            ),
        );
        std::fs::create_dir_all(reader.at("ckan/storage/resources")).unwrap();
        std::fs::write(reader.at("ckan/storage/resources/one"), "precious").unwrap();
        let password = PASSWORD.replace(' ', "%20");
        let url = format!("postgresql://gateward:{password}@{}/{database}", cluster.address());
        let ini = format!(
            "[app:main]\nsqlalchemy.url = {}\nckan.storage_path = {}\n",
            url.replace('%', "%%"),
            reader.path("ckan/storage")
        );
        std::fs::write(reader.at("ckan.ini"), ini).unwrap();
        let quoted = |role: &str, name: &str| format!("'{}'", cluster.socket_url_of(role, name));
        for (theirs, ours) in [
            (FINGERPRINT, key.clone()),
            (&FINGERPRINT[24..], key[24..].to_owned()),
            ("--database ckan_default", format!("--database {}", quoted("gateward-backup", &database))),
            ("postgres:///restored", quoted("postgres", "restored")),
            (" --owner gateward-backup --group gateward-backup", String::new()),
            ("/var/backups/gateward", reader.path("backups")),
            ("/etc/ckan/default/ckan.ini", reader.path("ckan.ini")),
            ("/srv/restored", reader.path("restored")),
            ("/srv/drill", reader.path("drill")),
        ] {
            reader.call(theirs, ours);
        }
        Self { reader, cluster, gnupg, database, followed: RefCell::default(), _folder: folder }
    }

    /// Runs the block of a part of the page that has `mark`, with `FILE` as a variable that the page leaves open.
    #[track_caller]
    fn follows(&self, heading: &str, mark: &str, given: &[(&str, &str)]) -> String {
        let found: Vec<_> =
            blocks(section(GUIDE, heading), "sh").into_iter().filter(|block| block.contains(mark)).collect();
        assert_eq!(found.len(), 1, "{mark} in {heading}");
        self.followed.borrow_mut().insert(found[0].clone());
        let mut block = found[0].clone();
        for (name, value) in given.iter().filter(|(name, _)| ["FILE", "NAME"].contains(name)) {
            block = block
                .replace(&format!(" {name} "), &format!(" {value} "))
                .replace(&format!(" {name}\n"), &format!(" {value}\n"));
        }
        let mut shell = self.reader.shell(&block);
        shell
            .env("PGHOST", self.cluster.socket_folder())
            .env("PGPORT", self.cluster.address().port().to_string());
        shell.env("PGUSER", "postgres").env("GNUPGHOME", self.gnupg.path());
        for (name, value) in given {
            match *name {
                "elsewhere" => shell.env_remove("GATEWARD_CONFIG"),
                name => shell.env(name, value),
            };
        }
        let ran = shell.output().unwrap();
        let (said, errors) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{block}\n{said}\n{errors}");
        said
    }

    /// What is the same in a database and what it was restored from.
    fn content(&self, database: &str) -> String {
        let text = String::from_utf8(self.cluster.dump(database)).unwrap();
        text.lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
            .collect()
    }

    #[track_caller]
    fn was_restored(&self) {
        assert_eq!(self.content("restored"), self.content(&self.database));
        self.cluster.psql("postgres", "DROP DATABASE restored");
    }

    /// The backup with this in its name.
    fn backup(&self, part: &str) -> String {
        let all = std::fs::read_dir(self.reader.at("backups")).unwrap();
        let mut names = all.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.find(|name| name.contains(part) && !name.contains(".gpg.")).unwrap()
    }
}

/// Makes the key of whoever can open backups, and its public half in a file; returns its fingerprint.
fn ready(gnupg: &Gnupg, reader: &Reader) -> String {
    gnupg.gpg(&["--quick-gen-key", "backup@example.org", "future-default", "default", "never"], b"");
    std::fs::write(reader.at("backup-key.asc"), gnupg.gpg(&["--armor", "--export"], b"")).unwrap();
    let listed = String::from_utf8(gnupg.gpg(&["--with-colons", "--list-keys"], b"")).unwrap();
    listed.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned()
}

#[test]
fn every_step_of_the_page_leads_to_the_next() {
    let operator = Operator::new();
    operator.follows(CRON, "gateward init --for backup", &[]);
    let made = operator.follows(CRON, "recipient import", &[]);
    assert!(made.contains("backup_db_source_0_"), "{made}");
    let dump = operator.reader.path(&format!("backups/{}", operator.backup("backup_db_")));
    operator.follows(CRON, "gpg --decrypt", &[("FILE", &dump)]);
    operator.was_restored();
    let line = GUIDE.lines().find(|line| line.starts_with("2 0 * * *")).unwrap();
    let by_hand =
        "gateward backup run --database ckan_default --key-id 8FD98B2183B2C228 --to /var/backups/gateward";
    assert!(
        line.ends_with(&format!("root  {by_hand}")) && GUIDE.contains(&format!("sudo {by_hand}")),
        "{line}"
    );

    let job = operator.reader.here(&blocks(section(GUIDE, JOBS), "toml").remove(0));
    let config = std::fs::read_to_string(operator.reader.at("etc/gateward.toml")).unwrap();
    std::fs::write(operator.reader.at("etc/gateward.toml"), config + &job).unwrap();
    let seen = operator.follows(JOBS, "gateward backup run", &[]);
    assert!(seen.contains("gateward.toml: good") && seen.contains("instance  good"), "{seen}");
    let instance = operator.backup("backup_instance_");
    assert!(seen.contains(&instance) && instance.ends_with(".tar.zst.gpg"), "{seen}");

    operator.follows(WHOLE, "sudo gateward backup verify", &[("NAME", &instance)]);
    let mut signer = std::process::Command::new(GATEWARD);
    signer.args(["backup", "signer", "--config"]).arg(operator.reader.at("etc/gateward.toml"));
    let signer = String::from_utf8(signer.output().unwrap().stdout).unwrap();
    let file = operator.reader.path(&format!("backups/{instance}"));
    let drilled = operator.follows(
        WHOLE,
        "gateward backup drill",
        &[("FILE", &file), ("SIGNER", signer.trim()), ("elsewhere", "")],
    );
    assert!(drilled.contains("can be restored"), "{drilled}");
    operator.was_restored();
    let mut find = std::process::Command::new("find");
    let found = find.arg(operator.reader.at("restored")).args(["-name", "one"]).output().unwrap().stdout;
    let found = String::from_utf8(found).unwrap();
    assert_eq!(std::fs::read_to_string(found.trim()).unwrap(), "precious", "{found}");

    operator.follows(TIMER, "systemctl enable", &[]);
    let all: BTreeSet<_> = blocks(GUIDE, "sh").into_iter().collect();
    assert_eq!(*operator.followed.borrow(), all, "every block of the page is followed");
}
