//! Jobs of backups: what goes in, who can open it, where it goes, how long it stays.

use std::path::{Path, PathBuf};

use backup_manifest::{Compression, DumpFormat};
use serde::Deserialize;

use super::Fingerprint;
use crate::base::backup::{FileTemplate, JobName, Keep};

/// One job.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// What the job is called.
    pub name: JobName,
    /// A PostgreSQL database: its name on this machine, or a URL.
    pub database: Option<String>,
    /// How it is dumped.
    pub format: Option<DumpFormat>,
    /// The server's roles and tablespaces as well; without passwords.
    #[serde(default)]
    pub globals: bool,
    /// CKAN's configuration: the database, and the folder of its files, are found there.
    pub ckan_ini: Option<PathBuf>,
    /// Folders with all that is in them.
    #[serde(default)]
    pub directories: Vec<PathBuf>,
    /// What is left out of them: patterns with `*` and `?`, of a name or of a path beneath them.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// A command, whose standard output it is.
    #[serde(default)]
    pub command: Vec<String>,
    /// Gateward's own store, keyring and configuration.
    #[serde(default)]
    pub gateward: bool,
    /// How the stream is compressed before it is sealed.
    #[serde(default)]
    pub compress: Option<Compression>,
    /// Whom it is sealed to, by full fingerprints: any one of them can open it.
    pub recipients: Vec<Fingerprint>,
    /// A folder that it goes to.
    pub folder: Option<PathBuf>,
    /// An object store that it goes to.
    pub s3: Option<S3>,
    /// How its files are called.
    pub file_name: Option<FileTemplate>,
    /// How long they stay.
    #[serde(default)]
    pub keep: Option<Keep>,
    /// After how many hours without a good one it is overdue.
    pub overdue_after_hours: Option<u32>,
    /// A command that is run after a failure; the job's name and the reason are in its environment.
    #[serde(default)]
    pub on_failure: Vec<String>,
}

/// An object store that speaks S3's protocol.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// Its address: `https://host`, or `http://` on this machine.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// What stands before `YYYY/MM/`; nothing unless named.
    #[serde(default)]
    pub prefix: String,
    /// The region, as the server calls it.
    #[serde(default = "usual_region")]
    pub region: String,
    /// The file with the key's id in the first line and the secret in the second.
    pub credentials: PathBuf,
    /// The certificates that the server's must lead to, PEM; the system's unless named.
    pub ca: Option<PathBuf>,
}

fn usual_region() -> String {
    "us-east-1".into()
}

impl Backup {
    /// How long its files stay: the newest 20 of a database, the newest 10 of anything larger, unless named.
    pub fn keep(&self) -> Keep {
        let last = if self.is_one_dump() { 20 } else { 10 };
        self.keep.unwrap_or(Keep { last, ..Keep::default() })
    }

    /// After how many hours without a good one it is overdue: a day and two hours, unless named.
    pub fn overdue_after_hours(&self) -> u32 {
        self.overdue_after_hours.unwrap_or(26)
    }

    /// Whether it is one database dump, and nothing that needs an archive around it.
    pub fn is_one_dump(&self) -> bool {
        self.database.is_some() && self.directories.is_empty() && !self.globals && self.ckan_ini.is_none()
    }

    pub(super) fn check(&self) -> Result<(), (&str, String)> {
        let wrong =
            |reason: &str| Err((self.name.as_str(), format!("job {:?}: {reason}", self.name.as_str())));
        let data = self.database.is_some() || self.ckan_ini.is_some() || !self.directories.is_empty();
        let sources = [data || self.globals, !self.command.is_empty(), self.gateward];
        if sources.iter().filter(|there| **there).count() != 1 {
            return wrong(
                "it has one source: database, ckan_ini, directories or globals (together if you like); or \
                 command; or gateward",
            );
        }
        if self.database.is_some() && self.ckan_ini.is_some() {
            return wrong("ckan_ini names the database already");
        }
        if self.globals && self.database.is_none() && self.ckan_ini.is_none() {
            return wrong("globals are those of a database's server: name a database");
        }
        match nested(&self.directories) {
            Some((outer, inner)) if outer == inner => {
                return wrong(&format!("{} is named twice", inner.display()));
            }
            Some((outer, inner)) => {
                let (outer, inner) = (outer.display(), inner.display());
                return wrong(&format!("{inner} lies in {outer}, and is backed up with it: leave it out"));
            }
            None => {}
        }
        if self.recipients.is_empty() {
            return wrong("nobody could open it: name recipients");
        }
        if self.folder.is_none() && self.s3.is_none() {
            return wrong("it goes nowhere: name a folder, or s3");
        }
        if self.keep.is_some_and(|keep| keep == Keep::default()) {
            return wrong("keep would keep nothing: name at least one of last, days, weeks, months, years");
        }
        Ok(())
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        let s3 = self.s3.iter_mut().flat_map(|s3| [Some(&mut s3.credentials), s3.ca.as_mut()]).flatten();
        let paths = self.ckan_ini.iter_mut().chain(&mut self.directories).chain(&mut self.folder).chain(s3);
        for path in paths {
            *path = folder.join(&*path);
        }
    }
}

/// A folder of these in which another one lies, or which is named twice: with that one.
fn nested(folders: &[PathBuf]) -> Option<(&Path, &Path)> {
    folders.iter().enumerate().find_map(|(at, inner)| {
        let others = folders.iter().enumerate().filter(|(other, _)| *other != at);
        let outer = others.map(|(_, outer)| outer).find(|outer| inner.starts_with(outer))?;
        Some((outer.as_path(), inner.as_path()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(directories: &str) -> Result<(), String> {
        let key = "C83815158DF0077272F19E1E4169CE9D00970757";
        let job = format!(
            "name = \"files\"\nrecipients = [\"{key}\"]\nfolder = \"/srv/backup\"\ndirectories = {directories}"
        );
        let job: Backup = toml::from_str(&job).unwrap();
        job.check().map_err(|(_, why)| why)
    }

    #[test]
    fn a_folder_is_backed_up_once() {
        assert_eq!(checked("[\"/srv/a\", \"/srv/ab\", \"/home\"]"), Ok(()));
        for (directories, said) in [
            ("[\"/srv\", \"/srv/a\"]", "/srv/a lies in /srv, "),
            ("[\"/srv/a/b\", \"/home\", \"/srv/a/\"]", "/srv/a/b lies in /srv/a/, "),
            ("[\"/\", \"/srv\"]", "/srv lies in /, "),
            ("[\"/srv\", \"/srv/./\"]", "/srv is named twice"),
        ] {
            let why = checked(directories).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
    }

    fn job(rest: &str) -> Backup {
        toml::from_str(&format!("name = \"a\"\nrecipients = []\n{rest}")).unwrap()
    }

    #[test]
    fn a_job_that_says_nothing_keeps_the_newest_20_of_a_dump_and_10_of_anything_larger() {
        let newest = |last| Keep { last, ..Keep::default() };
        for one_dump in ["database = \"a\"", "database = \"a\"\nformat = \"plain\""] {
            assert_eq!(job(one_dump).keep(), newest(20), "{one_dump}");
        }
        for larger in [
            "database = \"a\"\nglobals = true",
            "database = \"a\"\ndirectories = [\"/srv\"]",
            "directories = [\"/srv\"]",
            "ckan_ini = \"/etc/ckan.ini\"",
            "command = [\"true\"]",
            "gateward = true",
        ] {
            assert_eq!(job(larger).keep(), newest(10), "{larger}");
        }
        let said = job("database = \"a\"\nkeep = { days = 7 }").keep();
        assert_eq!(said, Keep { days: 7, ..Keep::default() }, "what is said is all that counts");
    }

    #[test]
    fn a_job_that_says_nothing_is_overdue_after_a_day_and_two_hours() {
        assert_eq!(job("gateward = true").overdue_after_hours(), 26);
        assert_eq!(job("gateward = true\noverdue_after_hours = 5").overdue_after_hours(), 5);
    }
}
