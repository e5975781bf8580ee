//! Where a backup is restored into: a database, a folder, or both.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use backup_manifest::{Dump, Manifest, Part};

use super::archive::{Dealing, Pour, pour};
use super::database::Database;
use super::tree::Tree;
use crate::flows::backup::restore::plan::{Content, Plan};
use crate::flows::backup::restore::{Destination, Taken, Untaken};
use crate::server::backup::interrupt::Interrupt;
use crate::store::dumped;

/// A database, a folder, or both.
#[derive(Debug)]
pub struct Landing<'a> {
    manifest: &'a Manifest,
    plan: Plan<'a>,
    database: Option<Database>,
    folder: Option<PathBuf>,
    with_globals: bool,
    is_fresh: bool,
    interrupt: Interrupt,
}

impl<'a> Landing<'a> {
    /// Takes the places that `plan` was made for; `with_globals` hands roles to the database's server, too.
    pub fn new(
        manifest: &'a Manifest,
        plan: Plan<'a>,
        database: Option<Database>,
        folder: Option<PathBuf>,
        with_globals: bool,
        interrupt: Interrupt,
    ) -> Self {
        Self { manifest, plan, database, folder, with_globals, is_fresh: false, interrupt }
    }

    /// Takes no folder that is there already.
    #[must_use]
    pub fn afresh(mut self) -> Self {
        self.is_fresh = true;
        self
    }

    fn archive(&self, stream: &mut dyn Read) -> Result<Taken, Untaken> {
        let tree = self.folder.as_deref().map(if self.is_fresh { Tree::new } else { Tree::at }).transpose();
        let tree = tree.map_err(|error| Untaken::Place(format!("{}: {error}", self.folder().display())))?;
        Dealing::new(self.manifest, self.database.as_ref(), tree, self.with_globals).take(stream)
    }

    fn dump(&self, dump: &Dump, stream: &mut dyn Read) -> Result<Taken, Untaken> {
        let database = self.database.as_ref().expect("a dump is planned for a database alone");
        let mut feeding = database.begin(dump)?;
        match pour(stream, &mut feeding) {
            Ok(()) => Ok(Taken { wrong: feeding.end()?, ..Taken::default() }),
            Err(Pour::Stream(error)) => Err(Untaken::Stream(error)),
            Err(Pour::Child(_)) => Err(feeding.why()),
        }
    }

    /// Writes what a command wrote; under its name only once it is whole.
    fn output(&self, stream: &mut dyn Read) -> Result<Taken, Untaken> {
        let folder = self.folder();
        let place = |path: &Path| {
            let path = path.display().to_string();
            move |error: io::Error| Untaken::Place(format!("{path}: {error}"))
        };
        match std::fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(place(folder)(error)),
            _ => {}
        }
        let whole = folder.join(output_name(&self.manifest.backup));
        let partial = folder.join(format!(".{}.partial", output_name(&self.manifest.backup)));
        let written = write_new(&partial, stream).and_then(|()| {
            std::fs::rename(&partial, &whole)
                .and_then(|()| File::open(folder)?.sync_all())
                .map_err(place(&whole))
        });
        if written.is_err() {
            // The first error is the one to tell.
            let _ = std::fs::remove_file(&partial);
        }
        written.map(|()| Taken::default())
    }

    fn folder(&self) -> &Path {
        self.folder.as_deref().expect("what goes into a folder is planned for one")
    }

    /// Looks into every database that came out.
    fn count(&self, taken: &mut Taken) {
        for (at, part) in self.manifest.parts.iter().enumerate() {
            let found = match (part, &self.database, &self.folder) {
                (Part::Database(dump), Some(database), _) => database.rows(dump),
                (Part::Sqlite { entry, .. }, _, Some(folder)) => dumped::sqlite_rows(&folder.join(entry)),
                _ => continue,
            };
            match found {
                Ok(rows) => {
                    taken.rows.insert(at, rows);
                }
                Err(error) => {
                    taken.wrong.push(error.to_string());
                    taken.rows.insert(at, BTreeMap::new());
                }
            }
        }
    }
}

/// What a command's output is called: as its backup, without what sealed and compressed it.
fn output_name(backup: &str) -> &str {
    let name = backup.strip_suffix(".gpg").unwrap_or(backup);
    name.strip_suffix(".zst").unwrap_or(name)
}

fn write_new(path: &Path, stream: &mut dyn Read) -> Result<(), Untaken> {
    let place = |error: io::Error| Untaken::Place(format!("{}: {error}", path.display()));
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(place(error)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(place)?;
    super::tree::copy(stream, &mut file).map_err(|error| match error {
        super::tree::Copy::Read(error) => Untaken::Stream(error),
        super::tree::Copy::Write(error) => place(error),
    })?;
    file.sync_all().map_err(place)
}

impl Destination for Landing<'_> {
    fn take(&mut self, stream: &mut dyn Read) -> Result<Taken, Untaken> {
        let stream = &mut self.interrupt.over(stream);
        let mut taken = match self.plan.content {
            Content::Dump(_, dump) => self.dump(dump, stream)?,
            Content::Archive => self.archive(stream)?,
            Content::Output => self.output(stream)?,
        };
        taken.notes.extend(self.plan.left_out.iter().map(|it| format!("{it} was left out")));
        self.count(&mut taken);
        Ok(taken)
    }

    fn look(&mut self) -> Vec<String> {
        let folder = self.folder.as_ref().map(|folder| match self.plan.content {
            Content::Output => format!("in the folder {} is nothing of it", folder.display()),
            Content::Archive | Content::Dump(..) => {
                format!("what was restored in the folder {} is not to be used", folder.display())
            }
        });
        let has_roles = self.manifest.parts.iter().any(|part| matches!(part, Part::Globals { .. }));
        let roles = (self.with_globals && has_roles && self.database.is_some()).then(|| {
            "roles may have been made in its server: they are no part of what is taken back".to_owned()
        });
        folder.into_iter().chain(self.database.as_ref().map(Database::state)).chain(roles).collect()
    }

    fn is_stopped(&self) -> bool {
        self.interrupt.is_raised()
    }
}
