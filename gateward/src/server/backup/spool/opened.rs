//! The spool's folder, opened: no name in it, nor its own, leads anywhere else.
//!
//! Its group may write into it, and whoever owns the folder that it lies in may put something else in its place.
//! So it is opened once, never through a link, and whatever is done to it is done to what was opened.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, unlinkat};

/// The folder's descriptor.
#[derive(Debug)]
pub(super) struct Opened(File);

/// The longest that is read: what we lay down names files and says why something failed.
pub(super) const LONGEST: u64 = 1 << 20;

/// Its name in the folder `state`.
pub(super) const NAME: &str = "spool";

impl Opened {
    /// Opens the spool in the folder `state`.
    pub(super) fn at(state: &Path) -> io::Result<Self> {
        Self::within(&open_folder(state)?)
    }

    /// As [`Opened::at`]; makes it where it is not there, for the owner of `state` and their group, or for
    /// `recorder` where `state` is root's.
    pub(super) fn make(state: &Path, recorder: Option<(Uid, Gid)>) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o750).create(state)?;
        let state = open_folder(state)?;
        match mkdirat(&state, NAME, Mode::S_IRWXU) {
            Err(Errno::EEXIST) => return Self::within(&state),
            made => made?,
        }
        let made = Self::within(&state)?;
        let owner = state.metadata()?;
        if Uid::effective().is_root() {
            let theirs = (Uid::from_raw(owner.uid()), Gid::from_raw(owner.gid()));
            let (uid, gid) = recorder.filter(|_| theirs.0.is_root()).unwrap_or(theirs);
            fchown(&made.0, Some(uid.as_raw()), Some(gid.as_raw()))?;
        }
        // Whoever serves is in its group, and takes away what they recorded: also where umask is root's usual.
        made.0.set_permissions(Permissions::from_mode(0o770))?;
        Ok(made)
    }

    fn within(state: &File) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        match openat(state, NAME, flags, Mode::empty()) {
            Ok(spool) => Ok(Self(spool.into())),
            // Of a link with O_DIRECTORY, Linux says the one, others the other.
            Err(Errno::ENOTDIR | Errno::ELOOP) => {
                let why = "it is a link or a file, and must be a folder: take it away, and it is made anew";
                Err(io::Error::new(ErrorKind::NotADirectory, why))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The names in it.
    pub(super) fn names(self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::from_fd(OwnedFd::from(self.0))? {
            if let Ok(name) = entry?.file_name().to_str() {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Reads the file of this name, and who owns what was read.
    ///
    /// It waits for nobody, and takes nothing that could be another's: neither a link nor a second name.
    pub(super) fn read(&self, name: &str) -> io::Result<(Uid, Vec<u8>)> {
        let flags =
            OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let strange = |why: &str| Err(io::Error::new(ErrorKind::InvalidData, why));
        let file = match openat(&self.0, name, flags, Mode::empty()) {
            Err(Errno::ELOOP) => return strange("it is a link"),
            opened => File::from(opened?),
        };
        let there = file.metadata()?;
        if !there.is_file() {
            return strange("it is no file");
        }
        match there.nlink() {
            // Somebody else recorded it meanwhile.
            0 => return Err(ErrorKind::NotFound.into()),
            1 => {}
            _ => return strange("it has a second name"),
        }
        let mut text = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut text)?;
        if text.len() as u64 > LONGEST {
            return strange("it is longer than 1 MiB");
        }
        Ok((Uid::from_raw(there.uid()), text))
    }

    /// Writes a file that was not there, whole or not at all; the folder's group reads it, whoever writes it.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let partial = format!("{name}.partial");
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(&self.0, partial.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
        let mut write = || {
            if Uid::effective().is_root() {
                fchown(&file, None, Some(self.0.metadata()?.gid()))?;
            }
            file.set_permissions(Permissions::from_mode(0o640))?;
            file.write_all(content)?;
            file.sync_all()?;
            renameat(&self.0, partial.as_str(), &self.0, name)?;
            self.0.sync_all()
        };
        write().inspect_err(|_| {
            // What cannot be taken away now was never said to be there.
            let _ = self.remove(&partial);
        })
    }

    /// Takes a file away.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir)?)
    }
}

/// The operator names this one: by a link, too, if they like.
fn open_folder(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECTORY.bits()).open(path)
}
