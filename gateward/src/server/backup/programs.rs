//! Which programs are there, and what they are told by their environment: never a secret.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where programs are looked for: those that have a name in `PATH`, PostgreSQL's where there are several of them.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Folders of PostgreSQL's programs of which the version is known, the newest first.
    versions: Vec<(u32, PathBuf)>,
    /// Folders of which it is not.
    others: Vec<PathBuf>,
    /// The variable `PATH`, for every program that we start.
    path: OsString,
    home: Option<OsString>,
}

/// Where Debian has a folder for each major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Where programs are while nobody says so.
const USUAL: &str = "/usr/local/bin:/usr/bin:/bin";

impl Programs {
    /// Looks for PostgreSQL's in `named` alone, or else where Debian has them and in the folders of `PATH`.
    ///
    /// `variable` reads the environment: `PATH`, and `HOME`, in which libpq finds its own files.
    pub fn find(named: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self::beneath(Path::new(DEBIAN), named, variable)
    }

    fn beneath(debian: &Path, named: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = variable("PATH").unwrap_or_else(|| USUAL.into());
        let home = variable("HOME");
        if let Some(named) = named {
            return Self { versions: Vec::new(), others: vec![named.to_owned()], path, home };
        }
        let entries = std::fs::read_dir(debian).into_iter().flatten().flatten();
        let version = |name: OsString| name.to_str()?.parse().ok();
        let mut versions: Vec<(u32, PathBuf)> = entries
            .filter_map(|entry| Some((version(entry.file_name())?, entry.path().join("bin"))))
            .filter(|(_, folder)| folder.is_dir())
            .collect();
        versions.sort_unstable_by(|one, other| other.cmp(one));
        // An empty entry would be whatever folder we are in.
        let others = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
        Self { versions, others, path, home }
    }

    /// Finds PostgreSQL's `name` for a server of version `major`: the same, else the next newer, else whatever is
    /// there.
    ///
    /// An older program does not understand a newer server, nor a newer one's dump; and what a newer one writes,
    /// the programs that came with the server may not read.
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

    /// Prepares to start PostgreSQL's `program`, which is told where its own files are.
    pub(super) fn postgres(&self, program: &Path) -> Command {
        let mut command = self.bare(Command::new(program));
        if let Some(home) = &self.home {
            command.env("HOME", home);
        }
        command
    }

    /// Prepares to start `program`, a path or a name in `PATH`.
    pub(super) fn command(&self, program: &str) -> Command {
        self.bare(Command::new(program))
    }

    /// Nothing to read, and nothing of our environment but where programs are.
    fn bare(&self, mut command: Command) -> Command {
        command.env_clear().env("PATH", &self.path).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).current_dir("/");
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder `bin` with the named program in it.
    fn put(folder: &Path, name: &str) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(name), "").unwrap();
        folder.join(name)
    }

    #[test]
    fn the_program_is_the_servers_own_version_or_the_next_newer() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["17", "16", "9.6", "14"] {
            put(&folder.path().join(version).join("bin"), "pg_dump");
        }
        let programs = Programs::beneath(folder.path(), None, |_| Some("/nowhere".into()));
        for (major, expected) in [(14, "14"), (15, "16"), (17, "17"), (18, "17")] {
            let expected = folder.path().join(expected).join("bin/pg_dump");
            assert_eq!(programs.for_server("pg_dump", major), Some(expected), "{major}");
        }
        assert_eq!(programs.for_server("pg_restore", 15), None);
    }

    #[test]
    fn what_is_in_the_path_is_better_than_one_that_is_too_old() {
        let folder = tempfile::tempdir().unwrap();
        let old = put(&folder.path().join("debian/15/bin"), "pg_dump");
        let own = put(&folder.path().join("own"), "pg_dump");
        let path = folder.path().join("own");
        let programs = Programs::beneath(&folder.path().join("debian"), None, |_| Some(path.clone().into()));
        assert_eq!(programs.for_server("pg_dump", 15), Some(old));
        assert_eq!(programs.for_server("pg_dump", 17), Some(own));
    }

    #[test]
    fn a_folder_that_is_named_is_the_only_one() {
        let folder = tempfile::tempdir().unwrap();
        put(&folder.path().join("17/bin"), "pg_dump");
        let named = folder.path().join("named");
        let programs = Programs::beneath(folder.path(), Some(&named), |_| None);
        assert_eq!(programs.for_server("pg_dump", 15), None);
        let named = put(&named, "pg_dump");
        assert_eq!(programs.for_server("pg_dump", 15), Some(named));
    }

    #[test]
    fn a_home_is_told_to_postgresqls_programs_and_to_no_command() {
        let variable = |name: &str| (name == "HOME").then(|| "/home/backup".into());
        let programs = Programs::find(None, variable);
        let told = |command: Command| command.get_envs().any(|(name, _)| name == "HOME");
        assert!(told(programs.postgres(Path::new("psql"))));
        assert!(!told(programs.command("psql")));
    }
}
