//! Access tokens on the disk: reserved before a key is asked for, filled whole, taken away again.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::flows::access_token::Files;

/// What group and others may do, of a mode (inode(7)).
const OTHERS: u32 = 0o077;

/// The disk.
#[derive(Debug, Clone, Copy)]
pub struct OnDisk;

/// A place that is taken, by this process alone.
#[derive(Debug)]
pub struct Reserved {
    path: PathBuf,
    /// Locked: somebody else who finds the file empty knows that it is not a crash's.
    _place: File,
    was_left: bool,
}

impl Reserved {
    /// Takes the place at `path`, so that nobody finds out too late that nothing can be written there.
    ///
    /// The file is empty and its owner's alone until it is filled; one that a crash left so is taken over.
    ///
    /// # Errors
    ///
    /// What the system said; [`ErrorKind::AlreadyExists`] where something else is there.
    pub fn at(path: &Path) -> std::io::Result<Self> {
        let (place, was_left) = match private(path, OpenOptions::new().create_new(true)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                (left_by_a_crash(path)?.ok_or(error)?, true)
            }
            made => (made?, false),
        };
        place.try_lock().map_err(|_| ErrorKind::AlreadyExists)?;
        // Whoever had the lock before may have filled the place meanwhile: then another file stands there.
        let there = std::fs::symlink_metadata(path)?;
        if (there.dev(), there.ino()) != (place.metadata()?.dev(), place.metadata()?.ino()) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        Ok(Self { path: path.to_owned(), _place: place, was_left })
    }

    /// Whether a crash left the place: then what lies beside it is the same crash's.
    pub fn was_left(&self) -> bool {
        self.was_left
    }

    /// Gives the place back if it was not filled.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn release(self) -> std::io::Result<()> {
        match std::fs::symlink_metadata(&self.path) {
            Ok(there) if there.is_file() && there.len() == 0 => gone(std::fs::remove_file(&self.path)),
            Ok(_) => Ok(()),
            Err(error) => gone(Err(error)),
        }
    }
}

/// Opens what lies at `path` if it is a place that was taken and never filled.
fn left_by_a_crash(path: &Path) -> std::io::Result<Option<File>> {
    let there = std::fs::symlink_metadata(path)?;
    let ours = nix::unistd::Uid::effective().as_raw() == there.uid();
    if there.is_file() && there.len() == 0 && ours && there.mode() & OTHERS == 0 {
        return private(path, &mut OpenOptions::new()).map(Some);
    }
    Ok(None)
}

impl Files for OnDisk {
    fn fill(&self, path: &Path, content: &[u8]) -> std::io::Result<()> {
        let partial = partial(path);
        let write = || {
            // What a crash left of an earlier attempt makes room; a link is not followed.
            gone(std::fs::remove_file(&partial))?;
            let mut file = private(&partial, OpenOptions::new().create_new(true))?;
            file.write_all(content)?;
            file.sync_all()?;
            // A crash before: the place is empty still. After it: whole.
            std::fs::rename(&partial, path)?;
            File::open(folder(path))?.sync_all()
        };
        write().inspect_err(|_| {
            // The first error is the one to tell.
            let _ = std::fs::remove_file(&partial);
        })
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        gone(std::fs::remove_file(partial(path)))?;
        Beside::of(path).remove()?;
        gone(std::fs::remove_file(path))
    }
}

/// What lies beside an access token, for the same person: in its folder nobody else's is called so.
#[derive(Debug, PartialEq, Eq)]
pub struct Beside {
    /// The letter, as text.
    pub letter: PathBuf,
    /// The letter, to be printed.
    pub printed_letter: PathBuf,
    /// The passphrase, encrypted to whoever passes it on.
    pub passphrase: PathBuf,
}

impl Beside {
    /// Names what belongs to the access token at `path`: `USER.dcor-access` and whatever follows.
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let user = name.split_once('.').map_or(name, |(user, _)| user);
        let named = |end: &str| path.with_file_name(format!("{user}.{end}"));
        Self {
            letter: named("letter.txt"),
            printed_letter: named("letter.html"),
            passphrase: named("passphrase.asc"),
        }
    }

    /// Finds what is there already.
    pub fn there(&self) -> Option<&Path> {
        self.all().into_iter().find(|path| path.symlink_metadata().is_ok())
    }

    /// Takes all of it away; that nothing is there is no error.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn remove(&self) -> std::io::Result<()> {
        self.all().into_iter().try_for_each(|path| gone(std::fs::remove_file(path)))
    }

    fn all(&self) -> [&Path; 3] {
        [&self.letter, &self.printed_letter, &self.passphrase]
    }
}

fn private(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    options.write(true).mode(0o600).open(path)
}

/// That something is gone already is as good.
pub(super) fn gone(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Beside the file, so that it is renamed and never copied.
fn partial(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_once_and_what_lies_there_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ann.dcor-access.zip");
        let reserved = Reserved::at(&path).unwrap();
        assert_eq!(Reserved::at(&path).unwrap_err().kind(), ErrorKind::AlreadyExists, "it is being filled");
        assert!(!reserved.was_left());
        // As a crash leaves it.
        drop(reserved);
        let reserved = Reserved::at(&path).unwrap();
        assert!(reserved.was_left());
        OnDisk.fill(&path, b"whole").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(Reserved::at(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        reserved.release().unwrap();
        assert!(path.exists(), "a filled one is not given back");
        let beside = Beside::of(&path);
        assert_eq!(beside.letter, folder.path().join("ann.letter.txt"));
        std::fs::write(&beside.letter, "").unwrap();
        assert_eq!(beside.there(), Some(beside.letter.as_path()));
        OnDisk.remove(&path).unwrap();
        OnDisk.remove(&path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_that_somebody_laid_there_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("ann.dcor-access"), folder.path().join("victim"));
        std::fs::write(&victim, b"").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert!(Reserved::at(&path).is_err());
        std::fs::remove_file(&path).unwrap();
        let _reserved = Reserved::at(&path).unwrap();
        std::os::unix::fs::symlink(&victim, partial(&path)).unwrap();
        OnDisk.fill(&path, b"secret").unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"");
    }
}
