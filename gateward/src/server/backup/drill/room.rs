//! A folder for one drill, which goes away with it; or with the next drill, if this one was killed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use nix::unistd::User;

use super::Error;
use super::inhabitants::end_all;
use crate::base::random::Random;

/// A folder; what lives in it is ended, and it is removed, when this is dropped.
#[derive(Debug)]
pub struct Room {
    path: PathBuf,
    /// Held for as long as the drill runs: what nobody holds was left by one that was killed.
    _lock: File,
}

/// What folders of drills are called, and the lock in each.
const PREFIX: &str = "gateward-drill-";
const LOCK: &str = "lock";

impl Room {
    /// Makes a folder in `place`, which is made if it is not there, and clears what killed drills left there.
    ///
    /// `user` gets both, where a server is to run as somebody else than we do.
    ///
    /// # Errors
    ///
    /// [`Error::Folder`].
    pub fn make(place: &Path, user: Option<&User>, random: &Random) -> Result<Self, Error> {
        let make = || {
            let place = make_place(place, user)?;
            // Nobody else looks for what is left while a folder has no lock yet.
            let all = open(&place.join(format!("{PREFIX}lock")))?;
            all.lock()?;
            clear(&place)?;
            let path = place.join(format!("{PREFIX}{}", HEXLOWER.encode(&random.bytes::<4>())));
            DirBuilder::new().mode(0o700).create(&path)?;
            let lock = open(&path.join(LOCK))?;
            lock.lock()?;
            give(&path, user)?;
            io::Result::Ok(Self { path, _lock: lock })
        };
        make().map_err(|source| Error::Folder { path: place.to_owned(), source })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it for files that come out of a backup.
    pub fn files(&self) -> PathBuf {
        self.path.join("files")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Err(error) = vacate(&self.path) {
            tracing::error!(
                path = %self.path.display(), %error,
                "a drill's folder cannot be removed: it holds what was backed up, in the clear; the next drill tries again"
            );
        }
    }
}

/// Makes the folder in which those of drills are; its parent has to be there.
fn make_place(place: &Path, user: Option<&User>) -> io::Result<PathBuf> {
    match DirBuilder::new().mode(0o700).create(place) {
        Ok(()) => give(place, user)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    place.canonicalize()
}

fn give(path: &Path, user: Option<&User>) -> io::Result<()> {
    user.map_or(Ok(()), |user| chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())))
}

fn open(path: &Path) -> io::Result<File> {
    // In a folder of everybody's, others could have put a link there.
    let no_link = nix::fcntl::OFlag::O_NOFOLLOW.bits();
    OpenOptions::new().create(true).append(true).mode(0o600).custom_flags(no_link).open(path)
}

/// Removes the folders whose locks nobody holds.
fn clear(place: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(place)? {
        let entry = entry?;
        let is_one = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !is_one || !entry.file_type()?.is_dir() {
            continue;
        }
        let is_held = match File::open(entry.path().join(LOCK)) {
            Ok(lock) => matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock)),
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            // Another user's, who clears it.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => true,
            Err(error) => return Err(error),
        };
        if !is_held {
            vacate(&entry.path())?;
        }
    }
    Ok(())
}

/// Ends who lives in the folder, and removes it.
fn vacate(path: &Path) -> io::Result<()> {
    end_all(path);
    let mut tries = 0;
    loop {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            // Folders that were backed up may be closed to their owner.
            Err(error) if error.kind() == ErrorKind::PermissionDenied && tries == 0 => {
                tries += 1;
                unlock(path)?;
            }
            removed => return removed,
        }
    }
}

/// Lets us into every folder below.
fn unlock(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::system;

    fn folders(place: &Path) -> usize {
        let entries = std::fs::read_dir(place).unwrap().map(Result::unwrap);
        entries.filter(|entry| entry.file_type().unwrap().is_dir()).count()
    }

    #[test]
    fn a_folder_goes_with_its_drill_whatever_its_files_allow() {
        let place = tempfile::tempdir().unwrap();
        let random = system::random();
        let room = Room::make(&place.path().join("drill"), None, &random).unwrap();
        let closed = room.files();
        DirBuilder::new().mode(0o700).create(&closed).unwrap();
        std::fs::write(closed.join("secret"), "").unwrap();
        std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o500)).unwrap();
        drop(room);
        assert_eq!(folders(&place.path().join("drill")), 0);
    }

    #[test]
    fn what_a_killed_drill_left_is_cleared_and_what_runs_is_not() {
        let place = tempfile::tempdir().unwrap();
        let random = system::random();
        let running = Room::make(place.path(), None, &random).unwrap();
        for left in ["gateward-drill-00000000", "gateward-drill-00000001", "somebody-elses"] {
            std::fs::create_dir(place.path().join(left)).unwrap();
        }
        std::fs::write(place.path().join("gateward-drill-00000000/lock"), "").unwrap();
        let next = Room::make(place.path(), None, &random).unwrap();
        assert!(running.path().is_dir() && next.path().is_dir());
        assert_eq!(folders(place.path()), 3);
        assert!(place.path().join("somebody-elses").is_dir());
    }
}
