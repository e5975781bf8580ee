//! PostgreSQL's own programs: which are there, and how they are told where a database is.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::base::postgres_url::{Host, PostgresUrl};

/// Where PostgreSQL's programs are looked for.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Folders of which the version is known, the newest first.
    versions: Vec<(u32, PathBuf)>,
    /// Folders of which it is not.
    others: Vec<PathBuf>,
    home: Option<OsString>,
}

/// Where Debian has a folder for each major version.
const DEBIAN: &str = "/usr/lib/postgresql";

impl Programs {
    /// Looks in `named` alone, or else where Debian has them and in the folders of `PATH`.
    ///
    /// `variable` reads the environment: `PATH`, and `HOME`, in which libpq finds its own files.
    pub fn find(named: Option<&Path>, variable: impl Fn(&OsStr) -> Option<OsString>) -> Self {
        let home = variable(OsStr::new("HOME"));
        if let Some(named) = named {
            return Self { versions: Vec::new(), others: vec![named.to_owned()], home };
        }
        let entries = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
        let version = |name: OsString| name.to_str()?.parse().ok();
        let mut versions: Vec<(u32, PathBuf)> = entries
            .filter_map(|entry| Some((version(entry.file_name())?, entry.path().join("bin"))))
            .filter(|(_, folder)| folder.is_dir())
            .collect();
        versions.sort_unstable_by(|one, other| other.cmp(one));
        let path = variable(OsStr::new("PATH")).unwrap_or_default();
        // An empty entry would be whatever folder we are in.
        let others = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
        Self { versions, others, home }
    }

    /// Finds `name` for a server of version `major`: the same, else the next newer, else whatever is there.
    ///
    /// An older program may not read a newer one's dump, and a newer one may say what an older server does
    /// not know.
    pub fn for_server(&self, name: &str, major: u32) -> Option<PathBuf> {
        let fit = self.versions.iter().rev().filter(|(version, _)| *version >= major);
        let (newest_first, others) = (self.versions.iter().map(|(_, folder)| folder), self.others.iter());
        let folders = fit.map(|(_, folder)| folder).chain(others).chain(newest_first);
        folders.map(|folder| folder.join(name)).find(|program| program.is_file())
    }

    /// Finds the folder with the newest server's programs, not older than version `oldest`.
    pub fn newest_server(&self, oldest: u32) -> Option<PathBuf> {
        let fit = self.versions.iter().filter(|(version, _)| *version >= oldest);
        // Of the others the version shows when they are asked to do something.
        let folders = fit.map(|(_, folder)| folder).chain(&self.others);
        let is_there = |folder: &&PathBuf| ["initdb", "postgres"].iter().all(|it| folder.join(it).is_file());
        folders.into_iter().find(is_there).cloned()
    }

    /// A program with nothing of our environment but where its own files are.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").current_dir("/");
        if let Some(home) = &self.home {
            command.env("HOME", home);
        }
        command
    }
}

/// What tells libpq where a database is (PostgreSQL manual, section 34.1.1); no secret stands in it.
#[derive(Debug)]
pub struct Connection {
    text: String,
    /// Open in the children, too, until this is dropped.
    _password: Option<File>,
}

impl Connection {
    /// Prepares for children that are started while this is there.
    ///
    /// The password goes into a file of the `.pgpass` form that lies in memory alone.
    ///
    /// # Errors
    ///
    /// The file with the password cannot be read.
    pub fn to(url: &PostgresUrl) -> io::Result<Self> {
        let hosts = url.hosts.iter().map(|(host, _)| match host {
            Host::Socket(folder) => folder.display().to_string(),
            Host::Tcp(name) => name.clone(),
        });
        let mut pairs = vec![
            ("host", hosts.collect::<Vec<_>>().join(",")),
            ("port", url.hosts.iter().map(|(_, port)| port.to_string()).collect::<Vec<_>>().join(",")),
            ("dbname", url.database.clone()),
            ("application_name", "gateward".to_owned()),
        ];
        pairs.extend(url.user.clone().map(|user| ("user", user)));
        match &url.root_certificates {
            Some(file) => pairs
                .extend([("sslmode", "verify-full".to_owned()), ("sslrootcert", file.display().to_string())]),
            None => pairs.push(("sslmode", "disable".to_owned())),
        }
        if url.read_write {
            pairs.push(("target_session_attrs", "read-write".to_owned()));
        }
        let password = url.password_file.as_deref().map(password_file).transpose()?;
        if let Some(file) = &password {
            pairs.push(("passfile", format!("/proc/self/fd/{}", file.as_raw_fd())));
        }
        let text: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
        Ok(Self { text: text.join(" "), _password: password })
    }

    /// As an argument.
    pub fn argument(&self) -> String {
        format!("--dbname={}", self.text)
    }
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Makes a file that is in no folder, and that children inherit: libpq opens it by its number.
fn password_file(path: &Path) -> io::Result<File> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(named)?);
    let password = text.lines().next().unwrap_or_default();
    let line =
        zeroize::Zeroizing::new(format!("*:*:*:*:{}\n", password.replace('\\', "\\\\").replace(':', "\\:")));
    let mut file = File::from(memfd_create(c"pgpass", MFdFlags::empty())?);
    // libpq takes no file that others could read.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(line.as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_without_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "of:te\\sts\n").unwrap();
        let url = format!("postgres://o'neil@127.0.0.1:5433/a%20b?password_file={}", file.display());
        let connection = Connection::to(&url.parse().unwrap()).unwrap();
        let argument = connection.argument();
        assert!(argument.starts_with("--dbname=host='127.0.0.1' port='5433' dbname='a b' "), "{argument}");
        assert!(
            argument.contains(" user='o\\'neil' sslmode='disable' passfile='/proc/self/fd/"),
            "{argument}"
        );
        let path = argument.rsplit_once("passfile='").unwrap().1.trim_end_matches('\'');
        assert_eq!(std::fs::read_to_string(path).unwrap(), "*:*:*:*:of\\:te\\\\sts\n");
    }

    #[test]
    fn the_program_is_the_servers_own_version_or_the_next_newer() {
        let folder = tempfile::tempdir().unwrap();
        let versions = [17, 16, 14].map(|version| {
            let bin = folder.path().join(version.to_string());
            std::fs::create_dir(&bin).unwrap();
            std::fs::write(bin.join("psql"), "").unwrap();
            (version, bin)
        });
        let programs = Programs { versions: versions.to_vec(), others: Vec::new(), home: None };
        for (major, expected) in [(14, "14"), (15, "16"), (17, "17"), (18, "17")] {
            assert_eq!(programs.for_server("psql", major), Some(folder.path().join(expected).join("psql")));
        }
        assert_eq!(programs.for_server("pg_restore", 15), None);
    }
}
