//! An installation with one job, backups that are really sealed and signed, and the program that restores them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use backup_manifest::{Compression, Dump, DumpFormat, Manifest, Part};
use gateward::base::backup::{FileName, FileTemplate, Inside};
use gateward::base::secret::Secret;
use gateward::flows::backup::make::{Order, Progress, make};
use gateward::flows::backup::source::{Error, Source};
use gateward::flows::backup::target::Target;
use gateward::flows::keyring::{self, Keyring};
use gateward::server::backup::folder::Folder;
use gateward::server::backup::programs::Programs;
use gateward::server::backup::source::PgDump;
use gateward::server::system;
use gateward::store::source_database::SourceDatabase;
use openpgp::{Certificate, Recipient};

use crate::cluster::Cluster;

/// An OpenPGP key that GnuPG made; without a passphrase.
pub struct Key {
    pub fingerprint: String,
    pub public: Vec<u8>,
    pub secret: Vec<u8>,
}

/// GnuPG's home; its agent ends with it.
pub struct Gnupg(tempfile::TempDir);

impl Gnupg {
    pub fn new() -> Self {
        // Short, because a socket's path has to fit into 108 bytes.
        Self(tempfile::Builder::new().prefix("gw").tempdir_in("/tmp").unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut gpg = Command::new("gpg");
        gpg.env("GNUPGHOME", self.path()).env("LC_ALL", "C");
        gpg.args([
            "--batch",
            "--no-tty",
            "--yes",
            "--quiet",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
        ]);
        let mut gpg = gpg.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        gpg.stdin.take().unwrap().write_all(input).unwrap();
        let output = gpg.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        output.stdout
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").env("GNUPGHOME", self.path()).args(["--kill", "all"]).status();
    }
}

/// The key that opens the backups, and another.
pub fn keys() -> &'static [Key; 2] {
    static KEYS: OnceLock<[Key; 2]> = OnceLock::new();
    KEYS.get_or_init(|| {
        let gnupg = Gnupg::new();
        ["one@example.org", "other@example.org"].map(|user| {
            gnupg.gpg(&["--quick-gen-key", user, "future-default", "default", "never"], b"");
            let list = gnupg.gpg(&["--with-colons", "--list-keys", user], b"");
            let list = String::from_utf8(list).unwrap();
            let fingerprint = list.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap();
            Key {
                fingerprint: fingerprint.trim_matches(':').to_owned(),
                public: gnupg.gpg(&["--export", user], b""),
                secret: gnupg.gpg(&["--export-secret-keys", user], b""),
            }
        })
    })
}

/// An installation.
pub struct Workplace {
    pub dir: tempfile::TempDir,
    keyring: Keyring,
}

/// A stream as it is, and what is said of it.
pub struct Given(pub Vec<u8>, pub Vec<Part>);

impl Source for Given {
    fn pour(&mut self, out: &mut dyn Write) -> Result<Vec<Part>, Error> {
        out.write_all(&self.0).map_err(Error::Output)?;
        Ok(self.1.clone())
    }

    fn likely_bytes(&self) -> Option<u64> {
        None
    }
}

impl Workplace {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text: Secret = keyring::generate(system::wall_clock(), &system::random());
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("keyring.toml"), text.expose()).unwrap();
        std::fs::set_permissions(path("keyring.toml"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        for (name, key) in ["key", "other-key"].iter().zip(keys()) {
            std::fs::write(path(name), &key.secret).unwrap();
        }
        let folder = dir.path().display();
        let config = format!(
            "mode = \"test\"\nstore = \"{folder}/store.db\"\nkeyring = \"{folder}/keyring.toml\"\n\
             backup_state = \"{folder}/state\"\n[[backup]]\nname = \"job\"\ndatabase = \"any\"\n\
             recipients = [\"{}\"]\nfolder = \"{folder}/backups\"\n",
            keys()[0].fingerprint
        );
        std::fs::write(path("gateward.toml"), config).unwrap();
        let keyring = Keyring::parse(&text).unwrap();
        Self { dir, keyring }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn backups(&self) -> PathBuf {
        self.path("backups")
    }

    /// Makes a backup of `source`, as the program does.
    pub fn make(&self, source: &mut dyn Source, inside: Inside, compression: Compression) -> FileName {
        self.make_saying(source, inside, compression, |manifest| manifest)
    }

    /// The same with another manifest, as rightly signed.
    pub fn make_saying(
        &self,
        source: &mut dyn Source,
        inside: Inside,
        compression: Compression,
        say: impl Fn(Manifest) -> Manifest,
    ) -> FileName {
        let recipient = Certificate::parse(&keys()[0].public).unwrap();
        let fingerprint = recipient.fingerprint();
        let recipients = [Recipient::pin(recipient, &fingerprint).unwrap()];
        let template: FileTemplate = "b_%Y-%m-%d_%H-%M-%S".parse().unwrap();
        let now = system::wall_clock();
        let order = Order {
            job: &"job".parse().unwrap(),
            name: template.at(now, inside, compression == Compression::Zstd),
            host: "here".into(),
            compression,
            recipients: &recipients,
            started_at: now,
        };
        let name = order.name.clone();
        let targets: Vec<Box<dyn Target>> = vec![Box::new(Folder::for_writing(&self.backups()).unwrap())];
        let (signer, seed) = (self.keyring.manifest_signer(), system::random().bytes());
        let made = make(&order, source, &targets, signer, &|| now, seed, &Progress::default()).unwrap();
        let note = self.backups().join(name.manifest().as_str());
        std::fs::remove_file(&note).unwrap();
        std::fs::write(&note, say(made.manifest).sign(signer).unwrap()).unwrap();
        name
    }

    /// A key that manifests are believed by elsewhere.
    pub fn signer(&self) -> String {
        self.keyring.manifest_signer().verifier_key().to_string()
    }

    /// What this installation would lay beside a backup.
    pub fn sign(&self, manifest: &Manifest) -> String {
        manifest.sign(self.keyring.manifest_signer()).unwrap()
    }

    /// The program, which knows this installation.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.dir.path())
            .env("LC_ALL", "C.UTF-8");
        command.arg("--config").arg(self.path("gateward.toml")).stdin(Stdio::null());
        command
    }

    fn with_key(&self, verb: &str, name: &FileName, key: &str) -> Command {
        let mut command = self.command();
        command.args(["backup", verb, name.as_str(), "--key"]).arg(self.path(key));
        command
    }

    pub fn restore(&self, name: &FileName, key: &str, into: &[&str]) -> Said {
        let mut command = self.with_key("restore", name, key);
        for place in into {
            command.args(["--into", place]);
        }
        said(&mut command)
    }

    pub fn restoring(&self, name: &FileName, into: &[&str]) -> Child {
        let mut command = self.with_key("restore", name, "key");
        for place in into {
            command.args(["--into", place]);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn drill_command(&self, name: &FileName) -> Command {
        self.with_key("drill", name, "key")
    }

    pub fn drill(&self, name: &FileName) -> Said {
        said(self.drill_command(name).args(["--format", "json"]))
    }

    /// The events that wait to be recorded, as they lie there.
    pub fn events(&self) -> String {
        let files = std::fs::read_dir(self.path("state/spool")).into_iter().flatten();
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    }
}

/// What the program said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub status: Option<i32>,
    pub out: String,
    pub error: String,
}

pub fn said(command: &mut Command) -> Said {
    heard(command.output().unwrap())
}

pub fn heard(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { status: output.status.code(), out: text(output.stdout), error: text(output.stderr) }
}

impl Said {
    #[track_caller]
    pub fn is(&self, status: i32) -> &Self {
        assert_eq!(self.status, Some(status), "{self:#?}");
        self
    }

    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        assert!(self.out.contains(words) || self.error.contains(words), "no {words:?} in {self:#?}");
        self
    }
}

/// A database with a little of everything, some thousand rows.
pub fn database(cluster: &Cluster) -> String {
    let name = cluster.database("source");
    cluster.psql(
        &name,
        "CREATE TABLE package (id int PRIMARY KEY, name text NOT NULL, extra jsonb);
         INSERT INTO package SELECT n, md5(n::text), json_build_object('n', n) FROM generate_series(1, 5000) AS n;
         CREATE TABLE \"Odd Name\" (a bytea);
         INSERT INTO \"Odd Name\" SELECT decode(md5(n::text), 'hex') FROM generate_series(1, 100) AS n;
         CREATE VIEW odd AS SELECT count(*) FROM \"Odd Name\";
         ALTER TABLE package OWNER TO gateward;
         CREATE SCHEMA inner_one; CREATE TABLE inner_one.empty (x int);",
    );
    name
}

/// The dump of a database, as a source.
pub fn dump_of(cluster: &Cluster, database: &str, format: DumpFormat, compresses: bool) -> PgDump {
    let url = cluster.socket_url_of("postgres", database).parse().unwrap();
    let programs = Programs::find(None, |_| None);
    PgDump::new(SourceDatabase { url, password: None }, format, compresses, &programs)
}

/// The stream of a dump, and what is said of it.
pub fn dumped(cluster: &Cluster, database: &str, format: DumpFormat) -> (Vec<u8>, Dump) {
    let mut stream = Vec::new();
    let mut parts = dump_of(cluster, database, format, true).pour(&mut stream).unwrap();
    match parts.pop() {
        Some(Part::Database(dump)) => (stream, dump),
        other => panic!("{other:?}"),
    }
}

/// An archive of entries that say whatever they like.
pub struct Tar(tar::Builder<Vec<u8>>);

impl Tar {
    pub fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    pub fn builder(&mut self) -> &mut tar::Builder<Vec<u8>> {
        &mut self.0
    }

    pub fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry(tar::EntryType::Regular, name, "", content)
    }

    /// The name as it stands: the builder itself would refuse many.
    pub fn entry(mut self, kind: tar::EntryType, name: &str, link: &str, content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_mode(0o640);
        header.set_uid(u64::from(nix::unistd::Uid::effective().as_raw()));
        header.set_gid(u64::from(nix::unistd::Gid::effective().as_raw()));
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    /// A dump in pieces of `length`, in an order of one's own.
    pub fn pieces(mut self, stream: &[u8], length: usize, order: impl Fn(&mut Vec<(usize, &[u8])>)) -> Self {
        let mut pieces: Vec<(usize, &[u8])> = stream.chunks(length).enumerate().collect();
        order(&mut pieces);
        for (number, piece) in pieces {
            self = self.file(&format!("database/source.pgc.{number:06}"), piece);
        }
        self
    }

    pub fn end(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// `dump` where it lies in an archive.
pub fn in_pieces(dump: Dump) -> Part {
    Part::Database(Dump { entry: Some("database/source.pgc".into()), ..dump })
}

/// What is said of the folder `/srv/files`.
pub fn files(files: u64, bytes: u64) -> Part {
    Part::Files { folder: "/srv/files".into(), entry: "files/srv/files".into(), files, bytes }
}
