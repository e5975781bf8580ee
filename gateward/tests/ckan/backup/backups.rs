//! An installation with the job `instance`, which backs a CKAN up for somebody with a key.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::commands::gnupg::Somebody;
use crate::commands::installation::Installation;
use crate::commands::program::{Call, Said};
use crate::prepared::{empty_database, good};
use crate::site::Site;

/// It, and whoever opens its backups.
pub struct Backups {
    pub ours: Installation,
    pub somebody: Somebody,
    pub fingerprint: String,
    ini: PathBuf,
}

/// What a backup was restored into.
pub struct Restored {
    pub database: String,
    pub folder: PathBuf,
}

impl Backups {
    pub fn of(ckan: &Site) -> Self {
        let (ours, somebody) = (Installation::without_ckan(), Somebody::new());
        let listed = String::from_utf8(somebody.gpg(&["--with-colons", "--list-keys"])).unwrap();
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap();
        let fingerprint = fingerprint.trim_matches(':').to_owned();
        let config = ours.path("gateward.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let job = format!(
            "[[backup]]\nname = \"instance\"\nckan_ini = \"{}\"\ncompress = \"zstd\"\n\
             recipients = [\"{fingerprint}\"]\nfolder = \"backups\"\n",
            ckan.ini().display()
        );
        std::fs::write(&config, format!("backup_state = \"state\"\n{text}\n{job}")).unwrap();
        let backups = Self { ours, somebody, fingerprint, ini: ckan.ini() };
        let public = backups.somebody.public_key();
        let import = ["backup", "recipient", "import", public.to_str().unwrap(), "--fingerprint"];
        backups.call(&[&import[..], &[&backups.fingerprint]].concat()).run().good();
        let secret = backups.somebody.gpg(&["--armor", "--export-secret-keys"]);
        backups.ours.secret_file("key", std::str::from_utf8(&secret).unwrap());
        backups
    }

    pub fn call(&self, arguments: &[&str]) -> Call {
        self.ours.call(arguments)
    }

    /// The run of the job.
    pub fn job(&self) -> Call {
        self.call(&["backup", "run", "instance", "--format", "json"])
    }

    /// The run that flags alone ask for, into a folder of its own, with the folder of CKAN's configuration.
    pub fn by_flags(&self) -> Call {
        let to = self.ours.path("by-flags").display().to_string();
        let etc = self.etc();
        std::fs::create_dir_all(&etc).unwrap();
        for name in ["ckan.ini", "ckan.ini.orig"] {
            std::fs::copy(&self.ini, etc.join(name)).unwrap();
        }
        let (ini, id) = (self.ini.to_str().unwrap(), &self.fingerprint[self.fingerprint.len() - 16..]);
        let run = ["backup", "run", "--ckan-ini", ini, "--key-id", id, "--to", &to, "--compress", "zstd"];
        let more = ["--directory", etc.to_str().unwrap(), "--exclude", "*.orig", "--name", "by-flags"];
        self.call(&[&run[..], &more, &["--format", "json"]].concat())
    }

    /// A folder of CKAN's configuration.
    pub fn etc(&self) -> PathBuf {
        self.ours.path("etc-ckan")
    }

    /// Where a run laid its file.
    #[track_caller]
    pub fn file(&self, ran: Said) -> PathBuf {
        let made = ran.good().json().remove(0);
        let [Value::String(place)] = made["places"].as_array().unwrap().as_slice() else { panic!("{made}") };
        Path::new(place).join(made["file"].as_str().unwrap())
    }

    /// What the events of one kind say.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let all = self.ours.json(&["audit", "search"]).into_iter().map(|event| event["body"].clone());
        all.filter(|body| body["kind"] == kind).collect()
    }

    /// Restores it into a new database and a new folder.
    pub fn restore(&self, backup: &str) -> (Said, Restored) {
        let restored = self.room();
        let url = Cluster::shared().socket_url_of("postgres", &restored.database);
        let (key, folder) = (self.ours.path("key"), restored.folder.to_str().unwrap());
        let restore = ["backup", "restore", backup, "--key", key.to_str().unwrap(), "--into", &url];
        (self.call(&[&restore[..], &["--into", folder]].concat()).run(), restored)
    }

    /// Restores it by the words of the text beside it, without gateward.
    pub fn restore_by_hand(&self, file: &Path, of: &Site) -> Restored {
        let Restored { database, folder } = self.room();
        let readme = std::fs::read_to_string(file.with_file_name("README.txt")).unwrap();
        let line = |begin: &str| {
            readme.lines().map(str::trim).find(|line| line.starts_with(begin)).unwrap().to_owned()
        };
        assert!(readme.contains("put `| zstd --decompress` behind gpg"), "{readme}");
        let unpack = line("mkdir restored").replace("FILE", "FILE | zstd --decompress");
        let unpack = unpack.replace("FILE", &file.display().to_string());
        let load = line("cat restored/").replace("database/NAME", &format!("database/{}", of.database()));
        let load = load.replace("dbname NAME", &format!("dbname {database}"));
        std::fs::create_dir(&folder).unwrap();
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &format!("{unpack}\n{load}")]).current_dir(&folder);
        let port = Cluster::shared().address().port().to_string();
        shell.env("PGHOST", Cluster::shared().socket_folder()).env("PGPORT", port);
        good(shell.env("PGUSER", "postgres").env("GNUPGHOME", self.somebody.home()));
        Restored { database, folder: folder.join("restored") }
    }

    /// A new database, and where a folder may be.
    fn room(&self) -> Restored {
        let database = empty_database();
        Restored { folder: self.ours.path(&database), database }
    }
}

impl Restored {
    /// Where a folder that was backed up is.
    pub fn place(&self, folder: &Path) -> PathBuf {
        self.folder.join("files").join(folder.strip_prefix("/").unwrap())
    }

    /// Where the files of `site` are.
    pub fn storage(&self, site: &Site) -> PathBuf {
        self.place(&site.storage())
    }

    /// Starts a CKAN on it.
    pub fn start(&self, was: &Site) -> Site {
        was.restored(&self.database, &self.storage(was))
    }
}
