//! A PostgreSQL database, by `pg_dump`.
//!
//! A session of ours takes the snapshot, `pg_dump` dumps that, and while it does the session counts the rows of
//! each table in it. A dump is good when `pg_dump` ended well, not when its output did.

use std::fs::File;
use std::io::{Seek as _, Write};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use backup_manifest::{Dump, DumpFormat, Part};
use nix::sys::memfd::{MFdFlags, memfd_create};
use tokio::sync::oneshot;

use crate::base::postgres_url::{Host, PostgresUrl};
use crate::base::secret::Secret;
use crate::flows::backup::source::{Error, Source};
use crate::server::backup::child::Pouring;
use crate::server::backup::programs::Programs;
use crate::store::source_database::{self, SourceDatabase};

/// How long a table may be whose rows are counted, without its indexes: some seconds of reading.
const LARGEST_COUNTED: u64 = 1024 * 1024 * 1024;

/// How long `pg_dump` waits for a table that somebody else has locked whole.
const LOCK_WAIT: &str = "--lock-wait-timeout=600000";

/// The dump of one database.
#[derive(Debug)]
pub struct PgDump {
    database: SourceDatabase,
    format: DumpFormat,
    /// Whether `pg_dump` compresses: not where all of the stream is compressed anyway.
    compresses: bool,
    largest_counted: u64,
    programs: Programs,
}

impl PgDump {
    /// Prepares the dump of `database`; nothing is connected yet.
    pub fn new(database: SourceDatabase, format: DumpFormat, compresses: bool, programs: &Programs) -> Self {
        let programs = programs.clone();
        Self { database, format, compresses, largest_counted: LARGEST_COUNTED, programs }
    }

    /// Counts the rows of tables up to this length, in bytes, and of no others.
    #[must_use]
    pub fn counting_up_to(self, largest_counted: u64) -> Self {
        Self { largest_counted, ..self }
    }

    fn arguments(&self, snapshot: &str) -> Vec<String> {
        let mut arguments =
            vec!["--no-password".to_owned(), LOCK_WAIT.into(), format!("--snapshot={snapshot}")];
        match self.format {
            DumpFormat::Custom => arguments.push("--format=custom".into()),
            DumpFormat::Plain => arguments.push("--format=plain".into()),
        }
        if !self.compresses {
            arguments.push("--compress=0".into());
        }
        arguments
    }
}

impl Source for PgDump {
    fn pour(&mut self, out: &mut dyn Write) -> Result<Vec<Part>, Error> {
        let name = &self.database.url.database;
        let what = format!("pg_dump of {name}");
        let failed =
            |error: source_database::Error| Error::Failed { what: what.clone(), why: error.to_string() };
        let snapshot = self.database.snapshot().map_err(failed)?;
        let password = self.database.password().map_err(failed)?;
        let about = snapshot.about.clone();
        let (program, program_version) = understanding(about.major, "pg_dump", &what, &self.programs)?;
        let mut command = self.programs.postgres(&program);
        command.args(self.arguments(&snapshot.id));
        connect(&mut command, &self.database.url, password.as_ref())
            .map_err(|why| Error::Failed { what: what.clone(), why })?;

        let counts = thread::scope(|scope| {
            let (go_on, stop) = oneshot::channel();
            let mut counting = None;
            // Its first byte says that it has the snapshot, and all tables locked.
            let at_first = || counting = Some(scope.spawn(|| snapshot.count(self.largest_counted, stop)));
            Pouring::start(&what, &mut command)?.pour(out, at_first)?;
            let counting = counting
                .ok_or_else(|| Error::Failed { what: what.clone(), why: "it wrote nothing".into() })?;
            let counts = counting.join().expect("counting does not panic").map_err(failed);
            drop(go_on);
            counts
        })?;
        Ok(vec![Part::Database(Dump {
            database: name.clone(),
            entry: None,
            format: self.format,
            server_version: about.server_version,
            program_version,
            rows: counts.rows,
            not_counted: counts.not_counted,
        })])
    }

    fn likely_bytes(&self) -> Option<u64> {
        self.database.about().ok().map(|about| about.bytes)
    }
}

/// Finds PostgreSQL's `name` that understands a server of this version, and asks for its own.
pub(super) fn understanding(
    server: u32,
    name: &str,
    what: &str,
    programs: &Programs,
) -> Result<(PathBuf, String), Error> {
    let failed = |why: String| Error::Failed { what: what.to_owned(), why };
    let missing = || failed(format!("{name} is not installed: install postgresql-client-{server}"));
    let program = programs.for_server(name, server).ok_or_else(missing)?;
    let mut said = Vec::new();
    Pouring::start(what, programs.postgres(&program).arg("--version"))?.pour(&mut said, || ())?;
    let said = String::from_utf8_lossy(&said);
    let version = said.trim().split_once("(PostgreSQL) ").map_or(said.trim(), |(_, version)| version);
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    match digits.parse::<u32>() {
        Ok(major) if major >= server => Ok((program, version.to_owned())),
        Ok(_) => Err(failed(format!(
            "{} is of version {version}, the server of {server}, which it does not understand: install \
             postgresql-client-{server}",
            program.display()
        ))),
        Err(_) => Err(failed(format!("{} calls its version {version:?}", program.display()))),
    }
}

/// Tells a program that is linked with libpq where the database is, and who comes.
///
/// The password is in no argument and no environment, which others on this machine may read, and on no disk: it
/// is a password file (PostgreSQL manual, section 34.16) in memory alone, which the program has as its
/// standard input.
pub(super) fn connect(
    command: &mut Command,
    url: &PostgresUrl,
    password: Option<&Secret>,
) -> Result<(), String> {
    let hosts: Vec<String> = url.hosts.iter().map(|(host, _)| host_name(host)).collect();
    let ports: Vec<String> = url.hosts.iter().map(|(_, port)| port.to_string()).collect();
    command
        .env("PGHOST", hosts.join(","))
        .env("PGPORT", ports.join(","))
        .env("PGDATABASE", &url.database)
        .env("PGCONNECT_TIMEOUT", "10")
        // What lies in somebody's home is not how our own session came in.
        .env("HOME", "/nonexistent");
    if let Some(user) = &url.user {
        command.env("PGUSER", user);
    }
    match &url.root_certificates {
        Some(file) => command.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", file),
        None => command.env("PGSSLMODE", "disable"),
    };
    if url.read_write {
        command.env("PGTARGETSESSIONATTRS", "read-write");
    }
    if let Some(password) = password {
        let file = password_file(password).map_err(|error| format!("a password in memory: {error}"))?;
        command.env("PGPASSFILE", "/dev/stdin").stdin(Stdio::from(file));
    }
    Ok(())
}

fn host_name(host: &Host) -> String {
    match host {
        Host::Socket(folder) => folder.display().to_string(),
        Host::Tcp(name) => name.clone(),
    }
}

/// A file in memory that says the password of everybody everywhere.
fn password_file(password: &Secret) -> std::io::Result<File> {
    let descriptor = memfd_create("password", MFdFlags::MFD_CLOEXEC)?;
    // libpq takes no file that others could read, even if nobody else can come to it.
    nix::sys::stat::fchmod(descriptor.as_fd(), nix::sys::stat::Mode::S_IRUSR)?;
    let mut file = File::from(descriptor);
    let escaped = zeroize::Zeroizing::new(password.expose().replace('\\', "\\\\").replace(':', "\\:"));
    file.write_all(b"*:*:*:*:")?;
    file.write_all(escaped.as_bytes())?;
    file.write_all(b"\n")?;
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_password_file_in_memory_says_any_password_and_nobody_else_reads_it() {
        let mut text = String::new();
        let mut file = password_file(&Secret::new(r"a:b\c d".into())).unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "*:*:*:*:a\\:b\\\\c d\n");
        let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata().unwrap());
        assert_eq!(mode & 0o777, 0o400);
    }

    #[test]
    fn a_program_older_than_its_server_is_refused_before_it_is_started() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("pg_dump");
        // By a child: what we had open to write could not be started while another test starts something.
        let says = "printf '#!/bin/sh\necho \"pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\"\n' >$0";
        let made = Command::new("sh").args(["-c", &format!("{says} && chmod 755 $0")]).arg(&program).status();
        assert!(made.unwrap().success());
        let programs = Programs::find(Some(folder.path()), |_| None);
        let found = |server| understanding(server, "pg_dump", "pg_dump of x", &programs);
        assert_eq!(found(15).unwrap(), (program.clone(), "15.18 (Debian 15.18-0+deb12u1)".to_owned()));
        let refused = found(16).unwrap_err().to_string();
        assert!(refused.contains("install postgresql-client-16"), "{refused}");
        std::fs::remove_file(program).unwrap();
        let refused = found(16).unwrap_err().to_string();
        assert!(refused.contains("is not installed: install postgresql-client-16"), "{refused}");
    }

    #[test]
    fn libpq_is_told_by_its_environment_and_never_a_password() {
        let url: PostgresUrl =
            "postgres://g%40h@127.0.0.1:5001,[::1]/a%3Db?target_session_attrs=read-write".parse().unwrap();
        let mut command = Programs::find(None, |_| None).command("pg_dump");
        connect(&mut command, &url, Some(&Secret::new("hunter2".into()))).unwrap();
        let told = format!("{:?}", command.get_envs().collect::<Vec<_>>());
        for part in ["\"127.0.0.1,::1\"", "\"5001,5432\"", "\"g@h\"", "\"a=b\"", "/dev/stdin"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("hunter2"), "{told}");
    }
}
