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

/// Takes the place at `path`, so that nobody finds out too late that nothing can be written there.
///
/// The file is empty and its owner's alone until it is filled; one that a crash left so is taken over.
///
/// # Errors
///
/// What the system said; [`ErrorKind::AlreadyExists`] where something else is there.
pub fn reserve(path: &Path) -> std::io::Result<()> {
    match private(path, OpenOptions::new().create_new(true)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let there = std::fs::symlink_metadata(path)?;
            let ours = nix::unistd::Uid::effective().as_raw() == there.uid();
            if there.is_file() && there.len() == 0 && ours && there.mode() & OTHERS == 0 {
                Ok(())
            } else {
                Err(error)
            }
        }
        Err(error) => Err(error),
    }
}

/// Gives a place back that was reserved and not filled.
///
/// # Errors
///
/// What the system said.
pub fn release(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.is_file() && there.len() == 0 => gone(std::fs::remove_file(path)),
        Ok(_) => Ok(()),
        Err(error) => gone(Err(error)),
    }
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
        gone(std::fs::remove_file(path))
    }
}

fn private(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    options.write(true).mode(0o600).open(path)
}

/// That something is gone already is as good.
fn gone(removed: std::io::Result<()>) -> std::io::Result<()> {
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
        reserve(&path).unwrap();
        // As a crash leaves it.
        reserve(&path).unwrap();
        OnDisk.fill(&path, b"whole").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(reserve(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        release(&path).unwrap();
        assert!(path.exists(), "a filled one is not given back");
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
        assert!(reserve(&path).is_err());
        std::fs::remove_file(&path).unwrap();
        reserve(&path).unwrap();
        std::os::unix::fs::symlink(&victim, partial(&path)).unwrap();
        OnDisk.fill(&path, b"secret").unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"");
    }
}
