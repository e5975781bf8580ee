//! Who copies a store, and whose the new files are.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nix::unistd::Uid;

use crate::base::store_address::StoreAddress;
use crate::cli::access::become_owner;
use crate::cli::server_user::ServerUser;

/// Gives up root for the user with the name of a database's role, or between files for their owner.
///
/// A role that owns tables need not be a user of this system. Root stays root then: PostgreSQL asks
/// the system who comes.
pub(super) fn step_down(from: &StoreAddress, to: &StoreAddress) -> std::io::Result<()> {
    let databases: Vec<_> = [from, to].into_iter().filter(|store| store.file().is_none()).collect();
    if databases.is_empty() { become_owner(&[from, to]) } else { become_owner(&databases) }
}

/// The files that root would leave in its own hands where somebody else is to serve, made by them
/// before. What SQLite makes beside its file it gives to the file's owner itself.
pub(super) struct NewFiles {
    /// The file of a store that was not there.
    store: Option<(ServerUser, PathBuf)>,
}

impl NewFiles {
    /// Makes them where root copies from or to a file.
    pub(super) fn make(from: &StoreAddress, to: &StoreAddress) -> anyhow::Result<Self> {
        let mut new = Self { store: None };
        if !Uid::effective().is_root() {
            return Ok(new);
        }
        // Beside a file that is not there, nothing is left.
        if let Some(file) = from.file().filter(|file| file.exists()) {
            make(owner(file)?, &lock(file))?;
        }
        if let Some(file) = to.file() {
            let user = owner(file)?;
            make(user, &lock(file))?;
            new.store = make(user, file)?.then(|| (user, file.to_owned()));
        }
        Ok(new)
    }

    /// Removes a new store into which not even tables came.
    pub(super) fn remove_unless_used(self) -> anyhow::Result<()> {
        let Some((user, file)) = self.store else { return Ok(()) };
        if std::fs::metadata(&file)?.len() > 0 {
            return Ok(());
        }
        user.act(|| Ok([lock(&file), file].iter().try_for_each(std::fs::remove_file)?))
    }
}

fn owner(file: &Path) -> anyhow::Result<ServerUser> {
    let user = ServerUser::of(&StoreAddress::Sqlite(file.to_owned()));
    user.with_context(|| format!("the folder of {}", file.display()))
}

fn lock(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".serve-lock");
    name.into()
}

/// Makes an empty file as `user`, unless it is there; tells whether it was not.
fn make(user: ServerUser, path: &Path) -> anyhow::Result<bool> {
    user.act(|| match File::options().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(|| format!("making {}", path.display())),
    })
}
