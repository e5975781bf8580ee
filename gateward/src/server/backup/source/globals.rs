//! The roles and tablespaces of a PostgreSQL server, by `pg_dumpall --globals-only`; without passwords.

use std::io::Write;

use backup_manifest::Part;

use super::pg_dump::{connect, understanding};
use crate::flows::backup::source::{Error, Source};
use crate::server::backup::child::Pouring;
use crate::server::backup::programs::Programs;
use crate::store::source_database::{self, SourceDatabase};

/// What databases of a server share.
#[derive(Debug)]
pub struct Globals {
    database: SourceDatabase,
    programs: Programs,
}

impl Globals {
    /// Prepares the dump of what the server of `database` has beside its databases.
    pub fn new(database: SourceDatabase, programs: &Programs) -> Self {
        Self { database, programs: programs.clone() }
    }
}

impl Source for Globals {
    fn pour(&mut self, out: &mut dyn Write) -> Result<Vec<Part>, Error> {
        let url = &self.database.url;
        let what = format!("pg_dumpall of the server of {}", url.database);
        let failed =
            |error: source_database::Error| Error::Failed { what: what.clone(), why: error.to_string() };
        let about = self.database.about().map_err(failed)?;
        let password = self.database.password().map_err(failed)?;
        let (program, _) = understanding(about.major, "pg_dumpall", &what, &self.programs)?;
        let mut command = self.programs.postgres(&program);
        command
            .args(["--globals-only", "--no-role-passwords", "--no-password", "--lock-wait-timeout=600000"])
            // It does not look at PGDATABASE, and takes a name with '=' for something else.
            .arg(format!("--database=dbname='{}'", url.database.replace('\\', "\\\\").replace('\'', "\\'")));
        connect(&mut command, url, password.as_ref())
            .map_err(|why| Error::Failed { what: what.clone(), why })?;
        Pouring::start(&what, &mut command)?.pour(out, || ())?;
        Ok(vec![Part::Globals { entry: None, server_version: about.server_version }])
    }

    fn likely_bytes(&self) -> Option<u64> {
        // Some lines for each role.
        Some(0)
    }
}
