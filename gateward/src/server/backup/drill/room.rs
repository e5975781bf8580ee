//! A folder for one drill, which goes away with it; or with the next drill, if this one was killed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use nix::unistd::{Uid, User};

use super::Error;
use super::inhabitants::end_all;
use super::lowered::Lowered;
use crate::base::random::Random;

/// A folder; what lives in it is ended, and it is removed, when this is dropped.
///
/// While it is there, we have no rights of root's, but are whoever holds the drill.
#[derive(Debug)]
pub struct Room {
    path: PathBuf,
    holder: Holder,
    /// Held for as long as the drill runs: what nobody holds was left by one that was killed.
    _lock: File,
    lowered: Option<Lowered>,
}

/// Who holds a drill.
#[derive(Debug)]
pub enum Holder {
    /// Whoever we are, and not root.
    Ourselves,
    /// The owner of the place, whom root becomes before it touches anything there.
    Owner(User),
    /// The user `postgres`, in a folder that root makes for them where all is root's.
    Postgres(User),
}

impl Holder {
    /// Finds who holds a drill in `place`: the owner of the folder, or of the nearest one on the way to it that is
    /// not root's. Whoever could exchange what root works in is whom root becomes.
    ///
    /// # Errors
    ///
    /// [`Error::Root`].
    pub fn of(place: &Path) -> Result<Self, Error> {
        if !Uid::effective().is_root() {
            return Ok(Self::Ourselves);
        }
        let real = place.ancestors().find_map(|folder| folder.canonicalize().ok()).unwrap_or_default();
        let there =
            place.ancestors().chain(real.ancestors()).filter_map(|folder| std::fs::metadata(folder).ok());
        let owner = there.map(|there| Uid::from_raw(there.uid())).find(|uid| !uid.is_root());
        match owner {
            // One without a name is nobody to become.
            Some(uid) => User::from_uid(uid).ok().flatten().map(Self::Owner),
            None => User::from_name("postgres").ok().flatten().map(Self::Postgres),
        }
        .ok_or(Error::Root)
    }

    fn user(&self) -> Option<&User> {
        match self {
            Self::Ourselves => None,
            Self::Owner(user) | Self::Postgres(user) => Some(user),
        }
    }
}

/// What folders of drills are called, and the lock in each.
const PREFIX: &str = "gateward-drill-";
const LOCK: &str = "lock";

impl Room {
    /// Makes a folder in `place`, which is made if it is not there, and clears what killed drills left there.
    ///
    /// # Errors
    ///
    /// [`Error::Folder`].
    pub fn make(place: &Path, holder: Holder, random: &Random) -> Result<Self, Error> {
        let make = || {
            let lower = |user: Option<&User>| user.map(Lowered::to).transpose();
            let (before, given_to) = match &holder {
                Holder::Ourselves => (None, None),
                Holder::Owner(user) => (Some(user), None),
                Holder::Postgres(user) => (None, Some(user)),
            };
            let before = lower(before)?;
            let place = make_place(place, given_to.is_some())?;
            // Nobody else looks for what is left while a folder has no lock yet.
            let all = open(&place.join(format!("{PREFIX}lock")))?;
            all.lock()?;
            clear(&place, given_to)?;
            let path = place.join(format!("{PREFIX}{}", HEXLOWER.encode(&random.bytes::<4>())));
            DirBuilder::new().mode(0o700).create(&path)?;
            let lock = open(&path.join(LOCK))?;
            lock.lock()?;
            if let Some(user) = given_to {
                chown(&path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
            }
            let lowered = if before.is_some() { before } else { lower(given_to)? };
            io::Result::Ok((path, lock, lowered))
        };
        match make() {
            Ok((path, lock, lowered)) => Ok(Self { path, holder, _lock: lock, lowered }),
            Err(source) => Err(Error::Folder { path: place.to_owned(), source }),
        }
    }

    /// Whom root became.
    pub(super) fn user(&self) -> Option<&User> {
        self.holder.user()
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
        if matches!(self.holder, Holder::Postgres(_)) {
            // Whoever it was made for cannot take it out of a folder of root's; nor can they exchange it.
            drop(self.lowered.take());
        }
        if let Err(error) = vacate(&self.path) {
            tracing::error!(
                path = %self.path.display(), %error,
                "a drill's folder cannot be removed: it holds what was backed up, in the clear; the next drill tries again"
            );
        }
    }
}

/// Makes the folder in which those of drills are; its parent has to be there.
fn make_place(place: &Path, others_pass: bool) -> io::Result<PathBuf> {
    match DirBuilder::new().mode(if others_pass { 0o711 } else { 0o700 }).create(place) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => place.canonicalize(),
    }
}

/// In a folder of somebody else's there could be a link, or a pipe that nobody writes to.
const PLAIN: i32 = nix::fcntl::OFlag::O_NOFOLLOW.union(nix::fcntl::OFlag::O_NONBLOCK).bits();

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).custom_flags(PLAIN).open(path)
}

/// Removes the folders whose locks nobody holds: ours, and those that were made for `user`.
fn clear(place: &Path, user: Option<&User>) -> io::Result<()> {
    let cleared = [Some(Uid::effective()), user.map(|user| user.uid)];
    for entry in std::fs::read_dir(place)? {
        let entry = entry?;
        let is_one = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !is_one || !entry.file_type()?.is_dir() {
            continue;
        }
        let owner = match entry.metadata() {
            Ok(there) => Uid::from_raw(there.uid()),
            // Its drill has ended meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if !cleared.contains(&Some(owner)) {
            continue;
        }
        let lock = OpenOptions::new().read(true).custom_flags(PLAIN).open(entry.path().join(LOCK));
        let is_held = match lock {
            Ok(lock) => matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock)),
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            // No lock of ours: whoever put it there clears it.
            Err(_) => true,
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
        let room = Room::make(&place.path().join("drill"), Holder::Ourselves, &random).unwrap();
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
        let running = Room::make(place.path(), Holder::Ourselves, &random).unwrap();
        for left in ["gateward-drill-00000000", "gateward-drill-00000001", "somebody-elses"] {
            std::fs::create_dir(place.path().join(left)).unwrap();
        }
        std::fs::write(place.path().join("gateward-drill-00000000/lock"), "").unwrap();
        let next = Room::make(place.path(), Holder::Ourselves, &random).unwrap();
        assert!(running.path().is_dir() && next.path().is_dir());
        assert_eq!(folders(place.path()), 3);
        assert!(place.path().join("somebody-elses").is_dir());
    }

    #[test]
    fn what_stands_where_a_lock_should_be_is_neither_followed_nor_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for name in ["gateward-drill-00000000", "gateward-drill-00000001"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        std::fs::write(path("outside"), "").unwrap();
        std::os::unix::fs::symlink("../outside", path("gateward-drill-00000000/lock")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path("gateward-drill-00000001/lock")).status();
        assert!(made.unwrap().success());
        let _room = Room::make(place.path(), Holder::Ourselves, &system::random()).unwrap();
        assert!(path("gateward-drill-00000000/lock").is_symlink());
        assert!(!path("gateward-drill-00000001").exists());
    }
}
