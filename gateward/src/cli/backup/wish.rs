//! A job by flags alone: the one line of a cron table.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use backup_manifest::{Compression, DumpFormat};

use super::workshop::Workshop;
use crate::base::backup::{FileTemplate, JobName, Keep};
use crate::config::{Backup, Fingerprint};

/// What is backed up, and where to, without a job in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Wish {
    /// Back this PostgreSQL database up: its name on this machine, or a URL as postgres:///NAME?host=/run/postgresql.
    /// PGHOST and the like are not looked at.
    #[arg(long, value_name = "NAME|URL", conflicts_with_all = ["jobs", "ckan_ini"])]
    database: Option<String>,
    /// Dump it for pg_restore (custom, unless named) or as SQL (plain).
    #[arg(long, value_parser = format, value_name = "custom|plain")]
    dump_format: Option<DumpFormat>,
    /// The server's roles and tablespaces as well; without passwords.
    #[arg(long)]
    globals: bool,
    /// Back a whole CKAN up: the database, and the folder of its files, are found in this file.
    #[arg(long, value_name = "INI", conflicts_with = "jobs")]
    ckan_ini: Option<PathBuf>,
    /// Back this folder up; may be given more than once, and beside a database or a CKAN.
    #[arg(long, value_name = "DIR", conflicts_with = "jobs")]
    directory: Vec<PathBuf>,
    /// Leave out of folders what is called so; * and ? stand for any letters.
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Compress before encrypting.
    #[arg(long, value_parser = compression, value_name = "none|zstd")]
    compress: Option<Compression>,
    /// Encrypt to this key, which `recipient import` took in; may be given more than once.
    #[arg(long, value_name = "ID|FINGERPRINT")]
    key_id: Vec<String>,
    /// The folder that the file goes to.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// How the file is called, with %Y %m %d %H %M %S.
    #[arg(long, value_name = "TEMPLATE")]
    file_name: Option<FileTemplate>,
    /// How many of the newest stay.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// What this job is called: in the log, and beside its lock.
    #[arg(long, value_name = "JOB")]
    name: Option<JobName>,
}

fn format(text: &str) -> Result<DumpFormat, String> {
    match text {
        "custom" => Ok(DumpFormat::Custom),
        "plain" => Ok(DumpFormat::Plain),
        _ => Err("it is custom or plain".into()),
    }
}

fn compression(text: &str) -> Result<Compression, String> {
    match text {
        "none" => Ok(Compression::None),
        "zstd" => Ok(Compression::Zstd),
        _ => Err("it is none or zstd".into()),
    }
}

impl Wish {
    /// Whether the flags make a job.
    pub fn is_said(&self) -> bool {
        self.database.is_some() || self.ckan_ini.is_some() || !self.directory.is_empty()
    }

    /// Whether they say how, and not of what.
    fn is_half(&self) -> bool {
        let Self { database: _, ckan_ini: _, directory: _, exclude, .. } = self;
        let Self { dump_format, globals, compress, key_id, to, file_name, keep, name, .. } = self;
        let said = [
            dump_format.is_some(),
            *globals,
            !exclude.is_empty(),
            compress.is_some(),
            !key_id.is_empty(),
            to.is_some(),
            file_name.is_some(),
            keep.is_some(),
            name.is_some(),
        ];
        !self.is_said() && said.contains(&true)
    }

    /// The job that the flags make; `None` where they say nothing.
    pub fn job(&self, workshop: &Workshop) -> anyhow::Result<Option<Backup>> {
        if self.is_half() {
            bail!("say what is backed up: --database NAME, --ckan-ini FILE or --directory DIR");
        }
        if !self.is_said() {
            return Ok(None);
        }
        if self.key_id.is_empty() {
            bail!("nobody could open it: name a recipient with --key-id");
        }
        if !self.exclude.is_empty() && self.directory.is_empty() && self.ckan_ini.is_none() {
            bail!(
                "--exclude leaves something out of folders: name one with --directory, or a CKAN with --ckan-ini"
            );
        }
        let Some(to) = &self.to else { bail!("it goes nowhere: name a folder with --to") };
        let absolute = |path: &PathBuf| std::path::absolute(path);
        let job = Backup {
            name: self.name()?,
            database: self.database.clone(),
            format: self.dump_format,
            globals: self.globals,
            ckan_ini: self.ckan_ini.as_ref().map(absolute).transpose()?,
            directories: self.directory.iter().map(absolute).collect::<Result<_, _>>()?,
            exclude: self.exclude.clone(),
            command: Vec::new(),
            gateward: false,
            compress: self.compress,
            recipients: self.recipients(workshop)?,
            folder: Some(std::path::absolute(to)?),
            s3: None,
            file_name: self.file_name.clone(),
            keep: self.keep.map(|last| Keep { last, ..Keep::default() }),
            overdue_after_hours: None,
            on_failure: Vec::new(),
        };
        if workshop.config.backup.iter().any(|other| other.name == job.name) {
            bail!("the configuration has a job {}: name this one with --name", job.name);
        }
        Ok(Some(job))
    }

    fn recipients(&self, workshop: &Workshop) -> anyhow::Result<Vec<Fingerprint>> {
        let known = workshop.recipients()?;
        let named =
            |id: &String| known.by_key_id(id).map(Fingerprint).with_context(|| format!("--key-id {id}"));
        self.key_id.iter().map(named).collect()
    }

    /// `db_NAME`, `instance` or `files`, unless named.
    fn name(&self) -> anyhow::Result<JobName> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let name = match (&self.database, &self.ckan_ini) {
            (Some(database), _) => {
                // A parameter of the URL may be a path.
                let url = database.split('?').next().unwrap_or_default();
                let name = url.rsplit('/').next().unwrap_or_default();
                // Two servers may each have a database of this name.
                match host(url) {
                    Some(host) => format!("db_{name}_{host}"),
                    None => format!("db_{name}"),
                }
            }
            (None, Some(_)) => "instance".into(),
            (None, None) => "files".into(),
        };
        name.parse().map_err(|error| anyhow::anyhow!("{error}; name it with --name"))
    }
}

/// The server that a URL names, as part of a job's name.
fn host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next().unwrap_or_default();
    let hosts = authority.rsplit('@').next().filter(|hosts| !hosts.is_empty())?;
    let good = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    Some(hosts.chars().map(good).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_of_one_name_on_two_servers_are_two_jobs() {
        assert_eq!(host("postgres://u@db1.example.org:5433/ckan").as_deref(), Some("db1-example-org-5433"));
        assert_eq!(host("postgres://db2/ckan").as_deref(), Some("db2"));
        assert_eq!(host("postgres:///ckan"), None);
        assert_eq!(host("postgres://u@/ckan"), None);
        assert_eq!(host("ckan"), None);
    }
}
