//! Who will serve what root makes.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::unistd::{Gid, Uid, User, setegid, seteuid};

use crate::base::postgres_url::{Host, PostgresUrl};
use crate::base::store_address::StoreAddress;

/// The user who serves: where root runs a command, whoever owns the folder of the database, or has
/// the name of its role; else whoever runs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerUser {
    uid: Uid,
    gid: Gid,
}

impl ServerUser {
    /// Finds who will serve a database at `store`, which need not be there yet.
    pub(super) fn of(store: &StoreAddress) -> std::io::Result<Self> {
        let ourselves = Self { uid: Uid::effective(), gid: Gid::effective() };
        if !Uid::effective().is_root() {
            return Ok(ourselves);
        }
        Ok(match store {
            StoreAddress::Sqlite(path) => {
                let folder = std::fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
                Self { uid: Uid::from_raw(folder.uid()), gid: Gid::from_raw(folder.gid()) }
            }
            StoreAddress::Postgres(url) => {
                of_role(url).map_or(ourselves, |user| Self { uid: user.uid, gid: user.gid })
            }
        })
    }

    /// The group that files have which they make.
    pub(super) fn group(self) -> u32 {
        self.gid.as_raw()
    }

    /// Acts as this user: in a folder that is somebody else's, root would follow whatever links they
    /// put there, and leave files that they cannot open.
    pub(super) fn act<T>(self, act: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        if self.uid == Uid::effective() {
            return act();
        }
        let group = Gid::effective();
        setegid(self.gid)?;
        seteuid(self.uid)?;
        let done = act();
        seteuid(Uid::from_raw(0))?;
        setegid(group)?;
        done
    }

    /// Makes a file theirs; by its descriptor, so that no link is followed.
    pub(super) fn own(self, file: &std::fs::File) -> std::io::Result<()> {
        if self.uid == Uid::effective() {
            return Ok(());
        }
        std::os::unix::fs::fchown(file, Some(self.uid.as_raw()), None)
    }
}

/// Returns the operating-system user with the name of the role in `url`, where PostgreSQL asks the
/// Unix socket who is there (peer authentication).
pub(super) fn of_role(url: &PostgresUrl) -> Option<User> {
    let by_socket = url.hosts.iter().any(|(host, _)| matches!(host, Host::Socket(_)));
    let role = url.user.as_deref().filter(|_| by_socket && url.password_file.is_none())?;
    User::from_name(role).ok().flatten()
}
