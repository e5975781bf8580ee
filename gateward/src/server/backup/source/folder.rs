//! A folder with all that is in it.
//!
//! Links are kept as links and never followed, also where somebody puts one while we look: every step goes from an
//! open folder. A file that changes while it is read is read once more; whoever extracts the archive gets the
//! last one. Names of one folder at a time are in memory, and no content.

use std::collections::HashMap;
use std::ffi::{CStr, OsStr};
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use backup_manifest::Part;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{Gid, Group, Uid, User};

use super::archive::{Attributes, Entries, Member};
use super::pattern::Patterns;
use super::weight::weight;
use crate::flows::backup::source::Error;

/// How long a file that changed is left alone before each time that it is read again.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1600)];

/// How much of a file is read at once.
const BUFFER: usize = 128 * 1024;

/// A folder as a member of an archive: under `files`, by its absolute path.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    exclude: Patterns,
    apart: Vec<PathBuf>,
}

impl Folder {
    /// Prepares the folder at `path`, without what the patterns `exclude` match, and without the folders `apart`,
    /// by whatever way they are reached: where backups go, backups do not come from.
    pub fn new<'a>(path: &Path, exclude: impl IntoIterator<Item = &'a str>, apart: Vec<PathBuf>) -> Self {
        Self { path: path.to_owned(), exclude: Patterns::new(exclude), apart }
    }

    /// Where in the archive it lies: `files/ABSOLUTE/PATH`.
    fn entry(&self) -> Result<PathBuf, Error> {
        let path = std::path::absolute(&self.path).map_err(|error| self.failed(&error))?;
        let mut entry = PathBuf::from("files");
        for component in path.components() {
            match component {
                Component::Normal(name) => entry.push(name),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
                Component::ParentDir => return Err(self.failed(&"name it without `..`")),
            }
        }
        Ok(entry)
    }

    fn failed(&self, why: &dyn fmt::Display) -> Error {
        Error::Failed { what: self.path.display().to_string(), why: why.to_string() }
    }
}

impl Member for Folder {
    fn put(&mut self, into: &mut Entries<'_>) -> Result<Vec<Part>, Error> {
        let entry = self.entry()?;
        let apart = self.apart.iter().filter_map(|folder| std::fs::metadata(folder).ok());
        let apart: Vec<_> = apart.map(|folder| (folder.dev(), folder.ino())).collect();
        // The folder itself may be named by a link to it.
        let root = openat(AT_FDCWD, &self.path, FOLDER, Mode::empty());
        let root = root.map_err(|errno| unreadable(&self.path, errno))?;
        let about = fstat(&root).map_err(|errno| unreadable(&self.path, errno))?;
        if apart.contains(&(about.st_dev, about.st_ino)) {
            return Err(self.failed(&"backups go there, so that none can be made of it"));
        }
        let mut walk = Walk {
            root: &self.path,
            entry: &entry,
            at: PathBuf::new(),
            exclude: &self.exclude,
            apart: &apart,
            owners: Owners::default(),
            buffer: vec![0; BUFFER],
            tally: Tally::default(),
            into,
        };
        walk.folder(&root, &about)?;
        let Tally { files, bytes, left_out } = walk.tally;
        if left_out > 0 {
            tracing::warn!(folder = %self.path.display(), left_out, "sockets, pipes and devices are left out");
        }
        let folder = self.path.display().to_string();
        Ok(vec![Part::Files { folder, entry: entry.display().to_string(), files, bytes }])
    }

    fn likely_bytes(&self) -> Option<u64> {
        weight(&self.path, &self.exclude)
    }
}

/// Nothing that is opened is waited for, nor followed where it is a link.
const FILE: OFlag = OFlag::O_RDONLY.union(OFlag::O_CLOEXEC).union(OFlag::O_NONBLOCK).union(OFlag::O_NOFOLLOW);
const FOLDER: OFlag = OFlag::O_RDONLY.union(OFlag::O_CLOEXEC).union(OFlag::O_DIRECTORY);

#[derive(Debug, Default)]
struct Tally {
    files: u64,
    bytes: u64,
    left_out: u64,
}

struct Walk<'a, 'b> {
    root: &'a Path,
    entry: &'a Path,
    /// Where we are, from the root.
    at: PathBuf,
    exclude: &'a Patterns,
    apart: &'a [(u64, u64)],
    owners: Owners,
    buffer: Vec<u8>,
    tally: Tally,
    into: &'a mut Entries<'b>,
}

impl Walk<'_, '_> {
    /// The path of what we are at, for messages.
    fn place(&self) -> PathBuf {
        if self.at.as_os_str().is_empty() { self.root.to_owned() } else { self.root.join(&self.at) }
    }

    /// Its name in the archive.
    fn name(&self) -> PathBuf {
        if self.at.as_os_str().is_empty() { self.entry.to_owned() } else { self.entry.join(&self.at) }
    }

    fn folder(&mut self, folder: &OwnedFd, about: &FileStat) -> Result<(), Error> {
        let name = self.name();
        self.into.folder(&name, self.owners.attributes(about))?;
        let names = match Names::of(folder) {
            // Removed since it was opened.
            Err(Errno::ENOENT) => Names::default(),
            names => names.map_err(|errno| unreadable(&self.place(), errno))?,
        };
        for name in names.in_order() {
            self.at.push(OsStr::from_bytes(name.to_bytes()));
            let put = if self.exclude.match_path(&self.at) { Ok(()) } else { self.one(folder, name) };
            put?;
            self.at.pop();
        }
        Ok(())
    }

    fn one(&mut self, folder: &OwnedFd, name: &CStr) -> Result<(), Error> {
        let about = match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(about) => about,
            Err(Errno::ENOENT) => return Ok(()),
            Err(errno) => return Err(unreadable(&self.place(), errno)),
        };
        match form(&about) {
            SFlag::S_IFREG => self.file(folder, name),
            SFlag::S_IFLNK => self.link(folder, name, &about),
            SFlag::S_IFDIR if self.apart.contains(&(about.st_dev, about.st_ino)) => Ok(()),
            SFlag::S_IFDIR => match openat(folder, name, FOLDER | OFlag::O_NOFOLLOW, Mode::empty()) {
                Ok(inner) => self.folder(&inner, &about),
                Err(Errno::ENOENT) => Ok(()),
                Err(errno) => Err(unreadable(&self.place(), errno)),
            },
            _ => {
                self.tally.left_out += 1;
                Ok(())
            }
        }
    }

    fn link(&mut self, folder: &OwnedFd, name: &CStr, about: &FileStat) -> Result<(), Error> {
        let target = match readlinkat(folder, name) {
            Ok(target) => target,
            Err(Errno::ENOENT) => return Ok(()),
            Err(errno) => return Err(unreadable(&self.place(), errno)),
        };
        let name = self.name();
        self.into.link(&name, Path::new(&target), self.owners.attributes(about))
    }

    /// Writes a file until it was the same before and after.
    fn file(&mut self, folder: &OwnedFd, name: &CStr) -> Result<(), Error> {
        let mut pauses = PAUSES.iter();
        let mut written = None;
        loop {
            let file = match openat(folder, name, FILE, Mode::empty()) {
                Ok(file) => file,
                // Gone: not there at all, or last seen while it changed.
                Err(Errno::ENOENT) => break,
                Err(errno) => return Err(unreadable(&self.place(), errno)),
            };
            let mut file = File::from(file);
            let before = fstat(&file).map_err(|errno| unreadable(&self.place(), errno))?;
            if form(&before) != SFlag::S_IFREG {
                return Err(Error::Changing(self.place().display().to_string()));
            }
            self.content(&mut file, &before)?;
            written = Some(before.st_size.unsigned_abs());
            let after = fstat(&file).map_err(|errno| unreadable(&self.place(), errno))?;
            if is_unchanged(&before, &after) && is_still(&before, folder, name) {
                break;
            }
            match pauses.next() {
                Some(pause) => std::thread::sleep(*pause),
                None => return Err(Error::Changing(self.place().display().to_string())),
            }
        }
        if let Some(bytes) = written {
            self.tally.files += 1;
            self.tally.bytes += bytes;
        }
        Ok(())
    }

    fn content(&mut self, file: &mut File, about: &FileStat) -> Result<(), Error> {
        let (place, name) = (self.place(), self.name());
        let attributes = self.owners.attributes(about);
        let mut body = self.into.begin(&name, attributes, about.st_size.unsigned_abs())?;
        while body.left() > 0 {
            let most = self.buffer.len().min(usize::try_from(body.left()).unwrap_or(usize::MAX));
            match file.read(&mut self.buffer[..most]) {
                // It became shorter: what is said of it next is longer than it is.
                Ok(0) => break,
                Ok(read) => body.write(&self.buffer[..read])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let what = place.display().to_string();
                    return Err(Error::Failed { what, why: format!("it cannot be read: {error}") });
                }
            }
        }
        body.end()
    }
}

fn form(about: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(about.st_mode) & SFlag::S_IFMT
}

fn is_unchanged(before: &FileStat, after: &FileStat) -> bool {
    let state = |about: &FileStat| {
        (about.st_size, about.st_mtime, about.st_mtime_nsec, about.st_ctime, about.st_ctime_nsec)
    };
    state(before) == state(after)
}

/// Whether the file is still the one of its name, or has none any more.
fn is_still(file: &FileStat, folder: impl AsFd, name: &CStr) -> bool {
    match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(now) => (now.st_dev, now.st_ino) == (file.st_dev, file.st_ino),
        Err(errno) => errno == Errno::ENOENT,
    }
}

fn unreadable(path: &Path, errno: Errno) -> Error {
    let why = match errno {
        Errno::EACCES | Errno::EPERM => {
            "whoever makes backups may not read it: allow them to, or leave it out with `exclude`".to_owned()
        }
        // What was listed as a folder or a file is a link by now.
        Errno::ELOOP | Errno::ENOTDIR => return Error::Changing(path.display().to_string()),
        errno => format!("it cannot be read: {}", errno.desc()),
    };
    Error::Failed { what: path.display().to_string(), why }
}

/// The names of owners, which another machine may know by other numbers.
#[derive(Default)]
struct Owners {
    users: HashMap<u32, Option<String>>,
    groups: HashMap<u32, Option<String>>,
}

impl Owners {
    fn attributes(&mut self, about: &FileStat) -> Attributes<'_> {
        let (uid, gid) = (about.st_uid, about.st_gid);
        let user = || User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
        let group = || Group::from_gid(Gid::from_raw(gid)).ok().flatten().map(|group| group.name);
        Attributes {
            mode: about.st_mode & 0o7777,
            uid,
            gid,
            user: self.users.entry(uid).or_insert_with(user).as_deref(),
            group: self.groups.entry(gid).or_insert_with(group).as_deref(),
            modified: about.st_mtime,
        }
    }
}

/// The names in one folder, one after the other, each with a zero at its end.
#[derive(Default)]
struct Names {
    text: Vec<u8>,
    begins: Vec<usize>,
}

impl Names {
    fn of(folder: &OwnedFd) -> Result<Self, Errno> {
        let copy =
            folder.try_clone().map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))?;
        let mut names = Self::default();
        for entry in Dir::from_fd(copy)?.iter() {
            let entry = entry?;
            let name = entry.file_name().to_bytes_with_nul();
            if name != b".\0" && name != b"..\0" {
                names.begins.push(names.text.len());
                names.text.extend_from_slice(name);
            }
        }
        names.text.shrink_to_fit();
        let text = &names.text;
        names.begins.sort_unstable_by(|one, other| at(text, *one).cmp(at(text, *other)));
        Ok(names)
    }

    fn in_order(&self) -> impl Iterator<Item = &CStr> {
        self.begins.iter().map(|begin| at(&self.text, *begin))
    }
}

fn at(text: &[u8], begin: usize) -> &CStr {
    CStr::from_bytes_until_nul(&text[begin..]).expect("each name ends with a zero")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_read_is_named_with_the_remedy() {
        let refused = unreadable(Path::new("/srv/a"), Errno::EACCES).to_string();
        assert_eq!(
            refused,
            "/srv/a: whoever makes backups may not read it: allow them to, or leave it out with `exclude`"
        );
        let broken = unreadable(Path::new("/srv/a"), Errno::EIO).to_string();
        assert!(broken.starts_with("/srv/a: it cannot be read: "), "{broken}");
    }
}
