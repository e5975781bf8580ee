//! The lock that one server holds on a SQLite file.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::unreachable;
use crate::store::Error;

/// Held while a server runs on the file; the operating system lets go of it however it ends.
#[derive(Debug)]
pub struct ServeLock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl ServeLock {
    /// Takes the lock of the store at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Served`] while another server has it.
    pub fn take(path: &Path) -> Result<Self, Error> {
        let mut last = Self::try_take(path);
        // A command that looks whether there is a server holds it for a moment.
        for _ in 0..5 {
            if !matches!(last, Err(Error::Served(_))) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
            last = Self::try_take(path);
        }
        last
    }

    /// Tells whether a server runs on the store at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`].
    pub fn is_taken(path: &Path) -> Result<bool, Error> {
        match Self::try_take(path) {
            Ok(_) => Ok(false),
            Err(Error::Served(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn try_take(path: &Path) -> Result<Self, Error> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut name = path.as_os_str().to_owned();
        name.push(".serve-lock");
        let unreachable = |error: std::io::Error| unreachable(path, error);
        let mut options = File::options();
        options.create(true).append(true).mode(0o600);
        let file = options.open(PathBuf::from(name)).map_err(unreachable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::Served(path.to_owned())),
            Err(std::fs::TryLockError::Error(error)) => Err(unreachable(error)),
        }
    }
}
