//! Files out of an archive, into one folder and nowhere else.
//!
//! Each entry is made by its bare name in a folder that was reached step by step from the top, never through
//! a link: neither one that lay there nor one that the archive brought. What stands under the name is
//! replaced, never written through.

use std::ffi::OsStr;
use std::fs::{File, FileTimes, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, OpenOptions, OpenOptionsExt as _};
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchownat};
use tar::{Entry, EntryType};

use super::entry_path::EntryPath;
use crate::server::token_file::gone;

/// A folder that an archive is unpacked into.
#[derive(Debug)]
pub struct Tree {
    top: Dir,
    place: PathBuf,
    /// The folder of the last entry: most entries lie beside the one before.
    last: Option<(PathBuf, Dir)>,
    /// Folders that get their mode and times once all is in them; each lies in the one before.
    unfinished: Vec<(PathBuf, Traits)>,
    is_root: bool,
}

/// Why an entry was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing that a backup of ours holds: nothing was written for it.
    #[error("the archive has an entry {entry:?}: {why}")]
    Strange {
        /// Its name.
        entry: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no room, or no right to write.
    #[error("{path}: {source}")]
    Output {
        /// What was written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The archive broke off, or is none.
    #[error("reading the archive: {0}")]
    Input(io::Error),
}

/// What an entry says about a file besides its content.
#[derive(Debug, Clone, Copy)]
struct Traits {
    mode: u32,
    uid: u32,
    gid: u32,
    modified: SystemTime,
}

/// Folders that are on the way and not in the archive: nobody else's until somebody says so.
const OURS_ALONE: u32 = 0o700;

impl Tree {
    /// Unpacks into `place`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn at(place: &Path) -> io::Result<Self> {
        match std::fs::DirBuilder::new().mode(OURS_ALONE).create(place) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        Ok(Self::of(place, Dir::open_ambient_dir(place, ambient_authority())?))
    }

    /// Unpacks into `place`, which is made: nothing that lies there, a link least of all, is taken for it.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn new(place: &Path) -> io::Result<Self> {
        std::fs::DirBuilder::new().mode(OURS_ALONE).create(place)?;
        let not_a_link = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let top = std::fs::OpenOptions::new().read(true).custom_flags(not_a_link.bits()).open(place)?;
        Ok(Self::of(place, Dir::from_std_file(top)))
    }

    fn of(place: &Path, top: Dir) -> Self {
        let is_root = Uid::effective().is_root();
        Self { top, place: place.to_owned(), last: None, unfinished: Vec::new(), is_root }
    }

    /// Unpacks one entry at `path`; returns the length of a regular file.
    ///
    /// # Errors
    ///
    /// [`Error`]: what was unpacked before stays.
    pub fn take(&mut self, entry: &mut Entry<'_, impl Read>, path: &EntryPath) -> Result<Option<u64>, Error> {
        self.finish_folders(Some(&path.path()))?;
        let traits = Traits::of(entry)?;
        let folder = self.folder(path)?;
        match entry.header().entry_type() {
            EntryType::Directory => {
                make_folder(&folder, path.name()).map_err(|error| self.output(path, error))?;
                self.unfinished.push((path.path(), traits));
                Ok(None)
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.file(&folder, path, entry, traits).map(Some)
            }
            EntryType::Symlink => {
                let target = link_of(entry, path)?;
                self.symlink(&folder, path, &target, traits).map_err(|error| self.output(path, error))?;
                Ok(None)
            }
            EntryType::Link => {
                let target = link_of(entry, path)?;
                self.hard_link(&folder, path, &target)?;
                Ok(None)
            }
            _ => Err(strange(path, "it is neither a file nor a folder nor a link")),
        }
    }

    /// Gives the folders their modes and times, and sees that all is on the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Output`]: also what could not be written earlier comes up here at the latest.
    pub fn finish(mut self) -> Result<(), Error> {
        self.finish_folders(None)?;
        let synced = File::open(&self.place).and_then(|top| Ok(nix::unistd::syncfs(top)?));
        synced.map_err(|source| Error::Output { path: self.place, source })
    }

    fn output(&self, path: &EntryPath, source: io::Error) -> Error {
        Error::Output { path: self.place.join(path.path()), source }
    }

    /// Opens the folder that `path` lies in; whatever is missing of it is made.
    fn folder(&mut self, path: &EntryPath) -> Result<Dir, Error> {
        let wanted = path.folder();
        if let Some((last, folder)) = &self.last
            && *last == wanted
        {
            return folder.try_clone().map_err(|error| self.output(path, error));
        }
        let mut folder = self.top.try_clone().map_err(|error| self.output(path, error))?;
        for name in path.folders() {
            folder = match descend(&folder, name) {
                Ok(Some(lower)) => lower,
                Ok(None) => return Err(strange(path, "it lies beneath what is no folder")),
                Err(error) => return Err(self.output(path, error)),
            };
        }
        let again = folder.try_clone().map_err(|error| self.output(path, error))?;
        self.last = Some((wanted, again));
        Ok(folder)
    }

    fn file(
        &self,
        folder: &Dir,
        path: &EntryPath,
        content: &mut impl Read,
        traits: Traits,
    ) -> Result<u64, Error> {
        let output = |error| self.output(path, error);
        make_room(folder, path.name()).map_err(output)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = folder.open_with(path.name(), &options).map_err(output)?.into_std();
        let length = copy(content, &mut file).map_err(|error| match error {
            Copy::Read(error) => Error::Input(error),
            Copy::Write(error) => output(error),
        })?;
        traits.give(&file, self.is_root).map_err(output)?;
        Ok(length)
    }

    fn symlink(&self, folder: &Dir, path: &EntryPath, target: &Path, traits: Traits) -> io::Result<()> {
        make_room(folder, path.name())?;
        // Wherever it leads: it is content, and nobody here follows it.
        folder.symlink_contents(target, path.name())?;
        if self.is_root {
            let (uid, gid) = (Uid::from_raw(traits.uid), Gid::from_raw(traits.gid));
            fchownat(folder, path.name(), Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)?;
        }
        let modified = TimeSpec::from_duration(
            traits.modified.duration_since(UNIX_EPOCH).expect("times are made from seconds since then"),
        );
        utimensat(folder, path.name(), &modified, &modified, UtimensatFlags::NoFollowSymlink)?;
        Ok(())
    }

    /// Names a file that was unpacked before once more.
    fn hard_link(&mut self, folder: &Dir, path: &EntryPath, target: &Path) -> Result<(), Error> {
        let target = EntryPath::of(target.as_os_str().as_bytes())
            .ok_or_else(|| strange(path, "it is a link to what lies outside"))?;
        let (of_path, from) = (self.last.take(), self.folder(&target)?);
        self.last = of_path;
        let is_file = from.symlink_metadata(target.name()).is_ok_and(|there| there.is_file());
        if !is_file {
            return Err(strange(path, "it is a link to no file of the archive"));
        }
        let link = || {
            if path != &target {
                make_room(folder, path.name())?;
                from.hard_link(target.name(), folder, path.name())?;
            }
            Ok(())
        };
        link().map_err(|error| self.output(path, error))
    }

    /// Finishes the folders that `next` does not lie in.
    fn finish_folders(&mut self, next: Option<&Path>) -> Result<(), Error> {
        while let Some((path, traits)) = self.unfinished.last() {
            if next.is_some_and(|next| next != path && next.starts_with(path)) {
                break;
            }
            let place = EntryPath::of(path.as_os_str().as_bytes()).expect("it was one before");
            let traits = *traits;
            let folder = self.folder(&place)?;
            let finish = || {
                // Not `open_dir`, whose descriptors are for looking beneath alone (O_PATH).
                traits.give(&folder.open(place.name())?.into_std(), self.is_root)
            };
            finish().map_err(|error| self.output(&place, error))?;
            self.unfinished.pop();
        }
        Ok(())
    }
}

fn strange(path: &EntryPath, why: &'static str) -> Error {
    Error::Strange { entry: path.to_string(), why }
}

fn link_of(entry: &Entry<'_, impl Read>, path: &EntryPath) -> Result<PathBuf, Error> {
    let target = entry.link_name_bytes().filter(|target| !target.is_empty() && !target.contains(&0));
    let target = target.ok_or_else(|| strange(path, "it is a link to nothing"))?;
    Ok(PathBuf::from(OsStr::from_bytes(&target)))
}

/// Opens the folder `name`, made if it is not there; `None` if something else stands there.
fn descend(folder: &Dir, name: &OsStr) -> io::Result<Option<Dir>> {
    match folder.symlink_metadata(name) {
        Ok(there) if there.is_dir() => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            folder.create_dir_with(name, DirBuilder::new().mode(OURS_ALONE))?;
        }
        Err(error) => return Err(error),
    }
    folder.open_dir(name).map(Some)
}

fn make_folder(folder: &Dir, name: &OsStr) -> io::Result<()> {
    match folder.symlink_metadata(name) {
        Ok(there) if there.is_dir() => return Ok(()),
        Ok(_) => folder.remove_file(name)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    folder.create_dir_with(name, DirBuilder::new().mode(OURS_ALONE))
}

/// Takes away what stands there, unless it is a folder: nothing is written through it.
fn make_room(folder: &Dir, name: &OsStr) -> io::Result<()> {
    gone(folder.remove_file(name))
}

/// Whose turn it is when copying stops.
pub(super) enum Copy {
    Read(io::Error),
    Write(io::Error),
}

pub(super) fn copy(from: &mut (impl Read + ?Sized), to: &mut File) -> Result<u64, Copy> {
    use io::Write as _;
    let mut buffer = vec![0; 128 * 1024];
    let mut length = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.map_err(Copy::Read)?,
        };
        if read == 0 {
            return Ok(length);
        }
        to.write_all(&buffer[..read]).map_err(Copy::Write)?;
        length += read as u64;
    }
}

impl Traits {
    fn of(entry: &mut Entry<'_, impl Read>) -> Result<Self, Error> {
        let header = entry.header();
        let read =
            || -> io::Result<_> { Ok((header.mode()?, header.uid()?, header.gid()?, header.mtime()?)) };
        let (mode, uid, gid, seconds) = read().map_err(Error::Input)?;
        let (seconds, nanoseconds) = fine_time(entry).unwrap_or((seconds, 0));
        let since = Duration::new(seconds, nanoseconds);
        let modified = UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH);
        let id = |id: u64| u32::try_from(id).unwrap_or(u32::MAX);
        Ok(Self { mode, uid: id(uid), gid: id(gid), modified })
    }

    /// Gives a file or a folder its owner, mode and time, in this order: a new owner takes set-uid bits away.
    fn give(self, file: &File, is_root: bool) -> io::Result<()> {
        if is_root {
            fchown(file, Some(self.uid), Some(self.gid))?;
        }
        // Whoever is not root must not make programs that act as themselves.
        let mode = self.mode & if is_root { 0o7777 } else { 0o777 };
        file.set_permissions(Permissions::from_mode(mode))?;
        file.set_times(FileTimes::new().set_modified(self.modified).set_accessed(self.modified))
    }
}

/// The time with its fraction, which only a pax header has (POSIX.1-2017 pax, "mtime").
fn fine_time(entry: &mut Entry<'_, impl Read>) -> Option<(u64, u32)> {
    let extensions = entry.pax_extensions().ok()??;
    let time = extensions.flatten().find(|extension| extension.key_bytes() == b"mtime")?;
    let (seconds, fraction) = time.value().ok()?.split_once('.')?;
    let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some((seconds.parse().ok()?, nanoseconds))
}

#[cfg(test)]
mod tests;
