//! Files that commands make: never over another one, and secret ones never readable on the way.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use super::server_user::ServerUser;

/// Who may read a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Readable {
    /// Everybody.
    ByAll,
    /// Its owner, who runs the command.
    ByOwner,
    /// Its owner, who serves.
    OnlyBy(ServerUser),
}

/// Makes a file that was not there.
pub(super) fn create(path: &Path, text: &str, readable: Readable) -> anyhow::Result<()> {
    let mode = match readable {
        Readable::ByAll => 0o644,
        Readable::ByOwner | Readable::OnlyBy(_) => 0o600,
    };
    let make = || {
        let mut file = File::options().write(true).create_new(true).mode(mode).open(path)?;
        if let Readable::OnlyBy(user) = readable {
            user.own(&file)?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    make().with_context(|| format!("making {}", path.display()))
}
