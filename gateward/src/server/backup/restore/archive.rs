//! An archive, dealt out entry by entry: pieces of a dump into the database, everything else into the folder.

use std::io::{self, Read};

use backup_manifest::{Dump, Manifest, Part};
use tar::{Archive, Entry, EntryType};

use super::database::{Database, Feeding};
use super::entry_path::EntryPath;
use super::tree::{self, Tree};
use crate::flows::backup::restore::{Taken, Untaken};

/// Deals out what is in an archive.
#[derive(Debug)]
pub(super) struct Dealing<'a> {
    manifest: &'a Manifest,
    database: Option<&'a Database>,
    tree: Option<Tree>,
    /// Whether the roles go into the database's server as well.
    with_globals: bool,
    /// The dump that is on its way, by its part, with how many pieces came.
    feeding: Option<(usize, Feeding, u64)>,
    /// The file that came last, with its length.
    last: Option<(EntryPath, u64)>,
    taken: Taken,
}

impl<'a> Dealing<'a> {
    pub fn new(
        manifest: &'a Manifest,
        database: Option<&'a Database>,
        tree: Option<Tree>,
        with_globals: bool,
    ) -> Self {
        let mut taken = Taken::default();
        for (at, part) in manifest.parts.iter().enumerate() {
            if tree.is_some() && matches!(part, Part::Files { .. }) {
                taken.files.insert(at, (0, 0));
            }
        }
        Self { manifest, database, tree, with_globals, feeding: None, last: None, taken }
    }

    /// Takes the whole stream. What went into the database stays there only if the end is reached.
    pub fn take(mut self, stream: &mut dyn Read) -> Result<Taken, Untaken> {
        let mut archive = Archive::new(stream);
        for entry in archive.entries().map_err(Untaken::Stream)? {
            let entry = entry.map_err(not_read)?;
            self.entry(entry)?;
        }
        only_zeros(archive.into_inner())?;
        self.pieces_are_whole()?;
        if let Some(tree) = self.tree {
            tree.finish().map_err(untaken)?;
        }
        // Last of all, because it alone can still be taken back.
        if let Some((_, feeding, _)) = self.feeding {
            self.taken.wrong.extend(feeding.end()?);
        }
        Ok(self.taken)
    }

    fn entry(&mut self, mut entry: Entry<'_, impl Read>) -> Result<(), Untaken> {
        let name = entry.path_bytes().into_owned();
        let strange = |why: &str| {
            Err(Untaken::Content(format!(
                "the archive has an entry {:?}: {why}",
                String::from_utf8_lossy(&name)
            )))
        };
        let Some(path) = EntryPath::of(&name) else {
            return strange("it does not lead down from a folder");
        };
        if let Some((at, dump, number)) = self.piece(&path) {
            if entry.header().entry_type() != EntryType::Regular {
                return strange("it is a piece of a dump and no file");
            }
            return self.dump(at, dump, number, &mut entry, &path);
        }
        let is_folder = entry.header().entry_type() == EntryType::Directory;
        let Some(part) = self.part(&path) else {
            if is_folder && self.leads_to_a_part(&path) {
                return Ok(());
            }
            return strange("its manifest names no such thing");
        };
        if let Part::Globals { .. } = self.manifest.parts[part]
            && let Some(database) = self.database.filter(|_| self.with_globals)
        {
            if self.feeding.is_none() {
                let complaints = globals(database, &mut entry)?;
                self.taken.notes.extend(complaints);
                return Ok(());
            }
            self.taken.notes.push("roles come behind the database that needs them, and were not made".into());
        }
        let Some(tree) = &mut self.tree else { return Ok(()) };
        let length = tree.take(&mut entry, &path).map_err(untaken)?;
        let before = self.last.take();
        if let (Some(length), Some((files, bytes))) = (length, self.taken.files.get_mut(&part)) {
            // A file that changed while it was read was written once more, and takes the place of the first.
            match before.filter(|(last, _)| *last == path) {
                Some((_, replaced)) => *bytes -= replaced,
                None => *files += 1,
            }
            *bytes += length;
            self.last = Some((path, length));
        }
        Ok(())
    }

    /// What `path` belongs to; `None` for what nobody named.
    fn part(&self, path: &EntryPath) -> Option<usize> {
        let is_in = |part: &Part| match part {
            Part::Files { entry, .. }
            | Part::Sqlite { entry, .. }
            | Part::Globals { entry: Some(entry), .. } => path.is_within(entry.trim_end_matches('/')),
            Part::Globals { entry: None, .. } | Part::Database(_) | Part::Command { .. } => false,
        };
        self.manifest.parts.iter().position(is_in)
    }

    /// Whether `path` is a folder on the way to something that is backed up.
    fn leads_to_a_part(&self, path: &EntryPath) -> bool {
        let path = path.to_string();
        self.manifest.parts.iter().any(|part| match part {
            Part::Files { entry, .. }
            | Part::Sqlite { entry, .. }
            | Part::Database(Dump { entry: Some(entry), .. })
            | Part::Globals { entry: Some(entry), .. } => {
                entry.strip_prefix(&path).is_some_and(|rest| rest.starts_with('/'))
            }
            Part::Globals { entry: None, .. } | Part::Database(_) | Part::Command { .. } => false,
        })
    }

    /// The dump that `path` is a piece of, and the piece's number.
    fn piece(&self, path: &EntryPath) -> Option<(usize, &'a Dump, u64)> {
        self.manifest.parts.iter().enumerate().find_map(|(at, part)| match part {
            Part::Database(dump) => Some((at, dump, path.piece_of(dump.entry.as_ref()?)?)),
            _ => None,
        })
    }

    fn dump(
        &mut self,
        at: usize,
        dump: &Dump,
        number: u64,
        piece: &mut impl Read,
        path: &EntryPath,
    ) -> Result<(), Untaken> {
        let Some(database) = self.database else { return Ok(()) };
        if self.feeding.as_ref().is_some_and(|(other, ..)| *other != at) {
            return Err(Untaken::Content(format!("the archive has {path} in the middle of another dump")));
        }
        if self.feeding.is_none() {
            self.feeding = Some((at, database.begin(dump)?, 0));
        }
        let Some((_, feeding, next)) = &mut self.feeding else { return Ok(()) };
        if *next != number {
            return Err(Untaken::Content(format!(
                "the archive has {path}, where piece {next} of the dump should be"
            )));
        }
        *next += 1;
        match pour(piece, feeding) {
            Ok(()) => Ok(()),
            Err(Pour::Stream(error)) => Err(not_read(error)),
            Err(Pour::Child(error)) => Err(match self.feeding.take() {
                Some((_, feeding, _)) => feeding.why(),
                None => Untaken::Place(error.to_string()),
            }),
        }
    }

    /// A dump of which nothing came is not there, whatever the manifest says.
    fn pieces_are_whole(&self) -> Result<(), Untaken> {
        if self.database.is_none() || self.feeding.is_some() {
            return Ok(());
        }
        for part in &self.manifest.parts {
            if let Part::Database(Dump { database, entry: Some(entry), .. }) = part {
                return Err(Untaken::Content(format!(
                    "the archive has no {entry}.000000, the dump of {database}"
                )));
            }
        }
        Ok(())
    }
}

/// Hands roles and tablespaces to the server; those that are there are left. Returns what it complained of.
fn globals(database: &Database, from: &mut impl Read) -> Result<Vec<String>, Untaken> {
    let mut feeding = database.begin_globals()?;
    match pour(from, &mut feeding) {
        Ok(()) => {}
        Err(Pour::Stream(error)) => return Err(not_read(error)),
        Err(Pour::Child(_)) => return Err(feeding.why()),
    }
    let complaints = feeding.end()?;
    Ok(complaints.into_iter().filter(|line| !line.ends_with("already exists")).collect())
}

/// Whose turn it is when pouring stops.
pub(super) enum Pour {
    Stream(io::Error),
    Child(io::Error),
}

/// Hands all of `from` to a database.
pub(super) fn pour(from: &mut (impl Read + ?Sized), to: &mut Feeding) -> Result<(), Pour> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(Pour::Stream)?,
        };
        to.give(&buffer[..read]).map_err(Pour::Child)?;
    }
}

/// Behind the end of an archive there are zeros, if anything (POSIX.1-2017 pax, "ustar Interchange Format").
fn only_zeros(rest: &mut dyn Read) -> Result<(), Untaken> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) if buffer[..read].iter().all(|byte| *byte == 0) => {}
            Ok(_) => return Err(Untaken::Content("something stands behind the end of the archive".into())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Untaken::Stream(error)),
        }
    }
}

/// Of what cannot be read nobody knows yet whether it broke off or was never an archive: whoever opens it does.
fn not_read(error: io::Error) -> Untaken {
    Untaken::Stream(error)
}

fn untaken(error: tree::Error) -> Untaken {
    match error {
        tree::Error::Strange { .. } => Untaken::Content(error.to_string()),
        tree::Error::Output { .. } => Untaken::Place(error.to_string()),
        tree::Error::Input(error) => not_read(error),
    }
}
