//! A dump into a database: all of it in one transaction, or none.

use std::io;

use backup_manifest::{Dump, DumpFormat};

use super::client::Connection;
use crate::base::postgres_url::PostgresUrl;
use crate::flows::backup::restore::Untaken;
use crate::server::backup::child::{Error, Fed, Said};
use crate::server::backup::interrupt::Interrupt;
use crate::server::backup::programs::Programs;
use crate::store::dumped::{self, Look, look};

/// A database that a dump goes into.
#[derive(Debug)]
pub struct Database {
    url: PostgresUrl,
    programs: Programs,
    interrupt: Interrupt,
    manner: Manner,
    before: Look,
}

/// How strict it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// All or nothing; what is in the way stops it.
    Whole,
    /// All or nothing; what the dump holds takes the place of what has its name.
    Replace,
    /// As much as there can be, and everything is told that cannot. Roles may be missing.
    Drill,
}

/// A dump on its way into a database; dropped, it is taken back.
#[derive(Debug)]
pub struct Feeding {
    fed: Fed,
    format: DumpFormat,
    manner: Manner,
}

/// Waits for what the store does, on this thread.
fn wait<T>(asked: impl Future<Output = Result<T, dumped::Error>>) -> Result<T, dumped::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime of one thread needs some descriptors, no more").block_on(asked)
}

impl Database {
    /// Looks into the database at `url`.
    ///
    /// # Errors
    ///
    /// [`dumped::Error`]: it has to be there.
    pub fn at(
        url: PostgresUrl,
        programs: Programs,
        manner: Manner,
        interrupt: Interrupt,
    ) -> Result<Self, dumped::Error> {
        let before = wait(look(&url))?;
        Ok(Self { url, programs, interrupt, manner, before })
    }

    /// Whether somebody's tables are in it.
    pub fn is_empty(&self) -> bool {
        self.before.relations == 0
    }

    /// Lets what is in the dump take the place of what is there.
    pub fn replace(&mut self) {
        self.manner = Manner::Replace;
    }

    /// Names it.
    pub fn name(&self) -> &str {
        &self.url.database
    }

    /// Begins to take `dump`.
    ///
    /// # Errors
    ///
    /// [`Untaken::Place`]: a program is missing.
    pub fn begin(&self, dump: &Dump) -> Result<Feeding, Untaken> {
        let (name, arguments) = match (dump.format, self.manner) {
            (DumpFormat::Custom, Manner::Whole) => ("pg_restore", &["--single-transaction"][..]),
            (DumpFormat::Custom, Manner::Replace) => {
                ("pg_restore", &["--single-transaction", "--clean", "--if-exists"][..])
            }
            (DumpFormat::Custom, Manner::Drill) => ("pg_restore", &[][..]),
            (DumpFormat::Plain, Manner::Whole | Manner::Replace) => {
                ("psql", &["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"][..])
            }
            (DumpFormat::Plain, Manner::Drill) => ("psql", &["--no-psqlrc", "--quiet"][..]),
        };
        let mut fed = self.start(name, arguments)?;
        if dump.format == DumpFormat::Plain && self.manner != Manner::Drill {
            // Not psql's own --single-transaction: it would commit what came when we are gone.
            fed.give(b"BEGIN;\n").map_err(|error| Untaken::Place(format!("psql: {error}")))?;
        }
        Ok(Feeding { fed, format: dump.format, manner: self.manner })
    }

    /// Begins to take roles; those that are there already are left as they are.
    ///
    /// # Errors
    ///
    /// [`Untaken::Place`]: a program is missing.
    pub fn begin_globals(&self) -> Result<Feeding, Untaken> {
        let fed = self.start("psql", &["--no-psqlrc", "--quiet"])?;
        Ok(Feeding { fed, format: DumpFormat::Plain, manner: Manner::Drill })
    }

    fn start(&self, name: &str, arguments: &[&str]) -> Result<Fed, Untaken> {
        let missing =
            || Untaken::Place(format!("{name} is not installed: Debian's postgresql-client has it"));
        let program = self.programs.for_server(name, self.before.major).ok_or_else(missing)?;
        let place = |error: &dyn std::fmt::Display| Untaken::Place(format!("{name}: {error}"));
        let connection = Connection::to(&self.url).map_err(|error| place(&error))?;
        let mut command = self.programs.postgres(&program);
        command.arg("--no-password").args(arguments).arg(connection.argument());
        let is_told = if self.manner == Manner::Drill { is_wrong } else { is_anything };
        Fed::start(&mut command, name, &self.interrupt, is_told).map_err(|error| place(&error))
    }

    /// Counts the rows of the tables that were counted when `dump` was made.
    ///
    /// # Errors
    ///
    /// [`dumped::Error`].
    pub fn rows(&self, dump: &Dump) -> Result<std::collections::BTreeMap<String, u64>, dumped::Error> {
        wait(dumped::rows(&self.url, dump.rows.keys()))
    }

    /// Says what is in it after something went wrong.
    pub fn state(&self) -> String {
        let name = self.name();
        match wait(look(&self.url)) {
            Ok(now) if now == self.before => format!("the database {name} is as it was before"),
            Ok(_) => format!(
                "in the database {name} is a part of what was restored, which is not to be used: drop it, and make it \
                 again with `createdb {name}`"
            ),
            Err(error) => format!(
                "{error}; all was one transaction, which the server takes back: look whether there are tables in {name}"
            ),
        }
    }
}

/// Lines that are kept where anything may matter.
fn is_anything(_: &str) -> bool {
    true
}

/// Lines that are kept of those of a drill: its server speaks English.
///
/// A drill compares contents: whom they belong to cannot be seen where the roles are not.
fn is_wrong(line: &str) -> bool {
    let of_the_server = line.contains("ERROR:") || line.contains("FATAL:");
    let of_the_program = line.starts_with("pg_restore: error:") || line.starts_with("psql: error:");
    (of_the_server || of_the_program) && !is_missing_role(line)
}

fn is_missing_role(line: &str) -> bool {
    line.contains("ERROR: role \"") && line.ends_with("\" does not exist")
}

/// Whether it is the server's trouble, and says nothing about the dump.
fn is_of_the_server(line: &str) -> bool {
    const TROUBLE: [&str; 5] = [
        "No space left on device",
        "server closed the connection",
        "connection to server",
        "out of memory",
        "out of shared memory",
    ];
    TROUBLE.iter().any(|trouble| line.contains(trouble))
}

impl Feeding {
    /// Gives it more.
    ///
    /// # Errors
    ///
    /// Nobody takes it: ask [`Feeding::end`] or [`Feeding::why`].
    pub fn give(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.fed.give(bytes)
    }

    /// Lets it come to its good end; returns what it complained of.
    ///
    /// # Errors
    ///
    /// [`Untaken::Place`].
    pub fn end(self) -> Result<Vec<String>, Untaken> {
        let is_plain_and_whole = self.format == DumpFormat::Plain && self.manner != Manner::Drill;
        // Behind the last line of a COPY there is a newline in every dump.
        let last: &[u8] = if is_plain_and_whole { b"\nCOMMIT;\n" } else { b"" };
        let said = match self.fed.end(last) {
            Ok(said) => said,
            // pg_restore went on after errors, each of which was said.
            Err(Error::Ended { status, said, .. })
                if self.manner == Manner::Drill && status.code() == Some(1) =>
            {
                said
            }
            Err(error) => return Err(Untaken::Place(error.to_string())),
        };
        if self.manner != Manner::Drill {
            return Ok(Vec::new());
        }
        match said.kept().find(|line| is_of_the_server(line)) {
            Some(line) => Err(Untaken::Place(line.to_owned())),
            None => Ok(complaints(&said)),
        }
    }

    /// Says why it took no more; it is taken back.
    pub fn why(self) -> Untaken {
        Untaken::Place(self.fed.why().to_string())
    }
}

fn complaints(said: &Said) -> Vec<String> {
    let kept: Vec<String> = said.kept().map(str::to_owned).collect();
    let more = said.lines.saturating_sub(kept.len() as u64);
    let more = (more > 0).then(|| format!("and {more} more complaints"));
    kept.into_iter().chain(more).collect()
}
