//! Who will serve what root makes.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::unistd::{Gid, Uid, setegid, seteuid};

/// The user who serves: where root runs a command, whoever owns the folder of the database; else
/// whoever runs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerUser {
    uid: Uid,
    gid: Gid,
}

impl ServerUser {
    /// Finds who will serve a database at `store`, which need not be there yet.
    pub(super) fn of(store: &Path) -> std::io::Result<Self> {
        if !Uid::effective().is_root() {
            return Ok(Self { uid: Uid::effective(), gid: Gid::effective() });
        }
        let folder = std::fs::metadata(store.parent().unwrap_or(Path::new("/")))?;
        Ok(Self { uid: Uid::from_raw(folder.uid()), gid: Gid::from_raw(folder.gid()) })
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
