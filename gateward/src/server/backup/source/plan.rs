//! From a job, as it is configured, to what is poured out, and how the file is called.

use std::path::{Path, PathBuf};

use backup_manifest::{Compression, DumpFormat};
use jiff::Timestamp;
use openpgp::Fingerprint;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::ckan_ini::{UPLOADING, kept};
use super::{Archive, Command, Folder, Globals, Member, OwnFile, OwnStore, PgDump, Pieces, Short};
use crate::base::backup::{FileTemplate, Inside};
use crate::base::postgres_url::PostgresUrl;
use crate::base::store_address::StoreAddress;
use crate::config::Backup;
use crate::flows::backup::source::{Error, Source};
use crate::server::backup::programs::Programs;
use crate::store::source_database::SourceDatabase;

/// What a job does not say itself.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// Where programs are found.
    pub programs: &'a Programs,
    /// Gateward's own, where a job may be about that.
    pub own: Option<&'a Own>,
    /// The folders that backups go to, of whichever job: no backup comes from them.
    pub apart: &'a [PathBuf],
    /// When the backup is begun.
    pub now: Timestamp,
}

/// Where gateward's own is.
#[derive(Debug, Clone)]
pub struct Own {
    /// The configuration.
    pub configuration: PathBuf,
    /// The keyring.
    pub keyring: PathBuf,
    /// The store.
    pub store: StoreAddress,
}

/// What a job comes to.
pub struct Planned {
    /// What is poured out.
    pub source: Box<dyn Source>,
    /// What that is.
    pub inside: Inside,
    /// How it is compressed.
    pub compression: Compression,
    /// How the file is called: as the job says, or as DCOR calls its own.
    pub template: FileTemplate,
}

impl std::fmt::Debug for Planned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planned")
            .field("inside", &self.inside)
            .field("template", &self.template)
            .finish_non_exhaustive()
    }
}

/// Where the server's roles and tablespaces lie in an archive.
const GLOBALS: &str = "globals.sql";

/// What of a database's name is kept in an entry of an archive.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The time, in every name of ours.
const TIME: &str = "%Y-%m-%d_%H-%M-%S";

/// Plans `job`; nothing is connected yet, but CKAN's configuration is read.
///
/// # Errors
///
/// [`Error::Failed`]: the job, or CKAN's configuration, names something that cannot be backed up.
pub fn source_of(job: &Backup, around: &Surroundings<'_>) -> Result<Planned, Error> {
    let compression = job.compress.unwrap_or(Compression::None);
    let plan = Plan { job, around, compression };
    let (source, inside, usual): (Box<dyn Source>, _, _) = if !job.command.is_empty() {
        let command = Command::new(&job.command, around.programs)?;
        (Box::new(command), Inside::Output, format!("backup_{}_{TIME}_gateward", job.name))
    } else if job.gateward {
        (plan.archive(plan.own()?), Inside::Archive, format!("backup_{}_{TIME}_gateward", job.name))
    } else if job.is_one_dump() {
        let database = plan.database()?.ok_or_else(|| failed("database", "none is named"))?;
        let usual = format!("backup_db_{}_{TIME}_gateward", in_file_names(&database.url.database));
        let inside = match plan.format() {
            DumpFormat::Custom => Inside::CustomDump,
            DumpFormat::Plain => Inside::PlainDump,
        };
        (Box::new(plan.dump(database)), inside, usual)
    } else {
        let usual = match job.recipients.first() {
            Some(key) if job.database.is_some() || job.ckan_ini.is_some() => {
                format!("backup_instance_{TIME}_{}_gateward", key_id(&key.0))
            }
            _ => format!("backup_{}_{TIME}_gateward", job.name),
        };
        (plan.archive(plan.instance()?), Inside::Archive, usual)
    };
    let template = match &job.file_name {
        Some(template) => template.clone(),
        None => usual.parse().map_err(|error| failed("file_name", &format!("{error}")))?,
    };
    Ok(Planned { source, inside, compression, template })
}

struct Plan<'a> {
    job: &'a Backup,
    around: &'a Surroundings<'a>,
    compression: Compression,
}

impl Plan<'_> {
    fn format(&self) -> DumpFormat {
        self.job.format.unwrap_or(DumpFormat::Custom)
    }

    fn database(&self) -> Result<Option<SourceDatabase>, Error> {
        let Some(text) = &self.job.database else { return Ok(None) };
        let url = if text.contains("://") {
            text.clone()
        } else {
            // On this machine, through its socket, as whoever we are.
            format!("postgres:///{}", utf8_percent_encode(text, NON_ALPHANUMERIC))
        };
        let url: PostgresUrl = url.parse().map_err(|error| failed("database", &format!("{error}")))?;
        Ok(Some(SourceDatabase { url, password: None }))
    }

    fn dump(&self, database: SourceDatabase) -> PgDump {
        PgDump::new(database, self.format(), self.compression == Compression::None, self.around.programs)
    }

    fn archive(&self, members: Vec<Box<dyn Member>>) -> Box<dyn Source> {
        Box::new(Archive::new(members, self.around.now))
    }

    /// Roles before the database that they own, which is before the files: whatever it speaks of is there by then.
    fn instance(&self) -> Result<Vec<Box<dyn Member>>, Error> {
        let job = self.job;
        let mut folders = Vec::new();
        let mut database = self.database()?;
        if let Some(ini) = &job.ckan_ini {
            let kept = kept(ini)?;
            database = Some(kept.database);
            folders.push(self.folder(&kept.files, Some(UPLOADING)));
        }
        folders.extend(job.directories.iter().map(|folder| self.folder(folder, None)));

        let mut members: Vec<Box<dyn Member>> = Vec::new();
        if let Some(database) = database {
            let suffix = match self.format() {
                DumpFormat::Custom => "pgc",
                DumpFormat::Plain => "sql",
            };
            let name = utf8_percent_encode(&database.url.database, KEPT);
            let name = format!("database/{name}.{suffix}");
            // A restore that goes along with the stream needs the roles first.
            if job.globals {
                let globals = Globals::new(database.clone(), self.around.programs);
                members.push(Box::new(Short::new(GLOBALS, Box::new(globals))));
            }
            members.push(Box::new(Pieces::new(name, Box::new(self.dump(database)))));
        }
        members.extend(folders);
        Ok(members)
    }

    fn folder(&self, folder: &Path, also: Option<&str>) -> Box<dyn Member> {
        let exclude = self.job.exclude.iter().map(String::as_str).chain(also);
        let apart = self.around.apart.iter().chain(&self.job.folder).cloned().collect();
        Box::new(Folder::new(folder, exclude, apart))
    }

    fn own(&self) -> Result<Vec<Box<dyn Member>>, Error> {
        let own = self.around.own.ok_or_else(|| failed("gateward", "it needs a configuration"))?;
        let store: Box<dyn Member> = match &own.store {
            StoreAddress::Sqlite(path) => Box::new(OwnStore::new(path)),
            StoreAddress::Postgres(url) => {
                let database = SourceDatabase { url: url.clone(), password: None };
                let compresses = self.compression == Compression::None;
                let dump = PgDump::new(database, DumpFormat::Custom, compresses, self.around.programs);
                Box::new(Pieces::new("gateward/store.pgc".into(), Box::new(dump)))
            }
        };
        Ok(vec![
            Box::new(OwnFile::new("gateward/gateward.toml", &own.configuration)),
            // Before the store: a key that is added meanwhile seals nothing in it.
            Box::new(OwnFile::new("gateward/keyring.toml", &own.keyring)),
            store,
        ])
    }
}

/// Names the option that is wrong; whoever tells it names the job.
fn failed(option: &str, why: &str) -> Error {
    Error::Failed { what: option.to_owned(), why: why.to_owned() }
}

/// What of a name may stand in that of a file.
fn in_file_names(name: &str) -> String {
    let kept = |letter: char| letter.is_ascii_alphanumeric() || "-_.+".contains(letter);
    name.chars().map(|letter| if kept(letter) { letter } else { '_' }).collect()
}

/// The long key id, by which operators know a key (RFC 9580, section 5.5.4).
fn key_id(fingerprint: &Fingerprint) -> String {
    let bytes = fingerprint.as_bytes();
    data_encoding::HEXUPPER.encode(if bytes.len() == 20 { &bytes[12..] } else { &bytes[..8] })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "C83815158DF0077272F19E1E4169CE9D00970757";

    fn planned(job: &str) -> Result<Planned, Error> {
        let job = format!("name = \"nightly\"\nrecipients = [\"{KEY}\"]\nfolder = \"/srv/backup\"\n{job}");
        let programs = Programs::find(None, |_| None);
        let own = Own {
            configuration: "/etc/gateward.toml".into(),
            keyring: "/etc/keyring.toml".into(),
            store: "/var/lib/gateward.db".parse().unwrap(),
        };
        let around =
            Surroundings { programs: &programs, own: Some(&own), apart: &[], now: Timestamp::UNIX_EPOCH };
        source_of(&toml::from_str(&job).unwrap(), &around)
    }

    #[test]
    fn files_are_called_as_dcor_calls_them_unless_the_job_says_otherwise() {
        let at = "2026-11-22T00:02:00Z".parse().unwrap();
        for (job, name) in [
            ("database = \"ckan_default\"", "backup_db_ckan_default_2026-11-22_00-02-00_gateward.pgc.gpg"),
            (
                "database = \"a b/ä\"\nformat = \"plain\"",
                "backup_db_a_b___2026-11-22_00-02-00_gateward.sql.gpg",
            ),
            (
                "database = \"postgres://u@/d?host=/run/x\"\ncompress = \"zstd\"",
                "backup_db_d_2026-11-22_00-02-00_gateward.pgc.zst.gpg",
            ),
            (
                "database = \"d\"\nglobals = true",
                "backup_instance_2026-11-22_00-02-00_4169CE9D00970757_gateward.tar.gpg",
            ),
            (
                "database = \"d\"\ndirectories = [\"/srv\"]\ncompress = \"zstd\"",
                "backup_instance_2026-11-22_00-02-00_4169CE9D00970757_gateward.tar.zst.gpg",
            ),
            ("directories = [\"/srv\"]", "backup_nightly_2026-11-22_00-02-00_gateward.tar.gpg"),
            ("command = [\"true\"]", "backup_nightly_2026-11-22_00-02-00_gateward.out.gpg"),
            ("gateward = true", "backup_nightly_2026-11-22_00-02-00_gateward.tar.gpg"),
            ("gateward = true\nfile_name = \"g_%Y-%m-%d_%H-%M-%S.tar\"", "g_2026-11-22_00-02-00.tar.gpg"),
        ] {
            let planned = planned(job).unwrap();
            let is_zstd = planned.compression == Compression::Zstd;
            assert_eq!(planned.template.at(at, planned.inside, is_zstd).as_str(), name, "{job}");
        }
    }

    #[test]
    fn what_cannot_be_backed_up_is_refused_before_anything_is_connected() {
        for (job, why) in [
            ("database = \"postgres://u:secret@/d\"", "database: a password does not stand in a URL"),
            ("database = \"postgres://db.example/d\"", "reached over a network"),
            ("ckan_ini = \"/nowhere/ckan.ini\"", "/nowhere/ckan.ini: No such file"),
        ] {
            let error = planned(job).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("secret"), "{error}");
        }
    }
}
