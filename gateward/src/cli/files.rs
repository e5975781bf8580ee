//! Files that commands make: never over another one, and secret ones never readable on the way.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use zeroize::Zeroizing;

use super::server_user::ServerUser;
use crate::base::secret::Secret;

/// How much of a file with a secret is read, in bytes: a wrong file is found out without being read whole.
const MOST_SECRET: u64 = 64 * 1024;

/// How much of a file with a line for each of many people is read, in bytes.
const MOST_LINES: u64 = 4 * 1024 * 1024;

/// Reads a secret from a file, or from standard input where it is named `-`.
pub(super) fn secret(path: &Path) -> anyhow::Result<Secret> {
    secret_up_to(path, MOST_SECRET)
}

/// Reads secrets of many people, as [`secret`]; a file that is too long to be read whole is refused.
pub(super) fn secret_lines(path: &Path) -> anyhow::Result<Secret> {
    let text = secret_up_to(path, MOST_LINES + 1)?;
    if text.expose().len() as u64 > MOST_LINES {
        anyhow::bail!("{} is longer than {MOST_LINES} bytes: divide it", path.display());
    }
    Ok(text)
}

fn secret_up_to(path: &Path, most: u64) -> anyhow::Result<Secret> {
    let mut text = Zeroizing::new(String::new());
    let read = if path == Path::new("-") {
        std::io::stdin().take(most).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_string(&mut text))
    };
    read.with_context(|| path.display().to_string())?;
    Ok(Secret::new(std::mem::take(&mut *text)))
}

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
