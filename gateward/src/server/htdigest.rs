//! Keeps a file of all living logins, for a data service that reads one.
//!
//! Each replica writes its own. An exchange is answered once the file has its login; what others made
//! or ended stands there within a second. A reader sees the old file or the new one, whole.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, watch};

use super::gate::Opened;
use super::watch::Seen;
use crate::base::secret::Secret;
use crate::base::time::Unbelieved;
use crate::flows::door::Door;
use crate::flows::htdigest::{Listing, list};
use crate::store;
use crate::store::temporary_login::{self, Extent};

/// How often it is looked whether others made or ended a login.
const EVERY: Duration = Duration::from_secs(1);

/// For the owner to write, for the group to read: a line is as good as a password.
const MODE: u32 = 0o640;

/// Why the file is not as it should be: the operator's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be written.
    #[error("{path}: {source}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not known what to write.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// It is not known which logins still live.
    #[error(transparent)]
    Clock(#[from] Unbelieved),
}

/// The file.
#[derive(Debug)]
pub struct Htdigest {
    path: PathBuf,
    asked: AtomicU64,
    written: Mutex<Written>,
}

/// What was written last.
#[derive(Debug, Default)]
struct Written {
    /// Everybody who asked up to here finds their login in the file.
    up_to: u64,
    extent: Option<Extent>,
    until: Option<Timestamp>,
}

impl Htdigest {
    /// Knows where it is.
    pub fn new(path: PathBuf) -> Self {
        Self { path, asked: AtomicU64::new(0), written: Mutex::default() }
    }

    /// Writes the file so that it has every login committed before this was called.
    ///
    /// Many who ask at once share one writing.
    ///
    /// # Errors
    ///
    /// [`Error`]; the file stays as it was.
    pub async fn refresh(&self, door: &Door, now: Timestamp) -> Result<(), Error> {
        let mine = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut written = self.written.lock().await;
        if written.up_to >= mine {
            return Ok(());
        }
        let up_to = self.asked.load(Ordering::SeqCst);
        let extent = temporary_login::extent(&door.store.reader).await?;
        let Listing { lines, until } = list(door, now).await?;
        let path = self.path.clone();
        let file = |source| Error::File { path: self.path.clone(), source };
        let replaced = tokio::task::spawn_blocking(move || replace(&path, &lines)).await;
        replaced.map_err(|error| file(std::io::Error::other(error)))?.map_err(file)?;
        *written = Written { up_to, extent: Some(extent), until };
        Ok(())
    }

    /// Writes the file if others made or ended a login, or if one came to its end.
    async fn follow(&self, door: &Door, now: Timestamp) -> Result<(), Error> {
        let extent = temporary_login::extent(&door.store.reader).await?;
        {
            let written = self.written.lock().await;
            let ended = written.until.is_some_and(|until| until <= now);
            if !ended && written.extent.as_ref() == Some(&extent) {
                return Ok(());
            }
        }
        self.refresh(door, now).await
    }
}

/// Puts `lines` in the place of the file at `path`.
///
/// A crash before the rename leaves the old file and one beside it that the next writing replaces;
/// after it, the new file.
fn replace(path: &Path, lines: &Secret) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&beside)?;
    // Whatever the umask is, and whoever left a file there.
    file.set_permissions(std::fs::Permissions::from_mode(MODE))?;
    file.write_all(lines.expose().as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

/// Follows what others do, for ever.
pub async fn keep(opened: Arc<Opened>, mut seen: watch::Receiver<Seen>) {
    let Some(htdigest) = &opened.htdigest else { return };
    let mut troubled = false;
    loop {
        // The counter moved: somebody's login may have ended. A closed channel means that we end.
        let moved = tokio::time::timeout(EVERY, seen.changed()).await;
        if matches!(moved, Ok(Err(_))) {
            return;
        }
        let turn = async {
            let now = opened.clock.now()?;
            match moved {
                Ok(_) => htdigest.refresh(&opened.door, now).await,
                Err(_) => htdigest.follow(&opened.door, now).await,
            }
        };
        match turn.await {
            Ok(()) if troubled => {
                tracing::info!("the htdigest file is up to date again");
                troubled = false;
            }
            Err(error) if !troubled => {
                tracing::error!(%error, "the htdigest file is not up to date; it goes on trying");
                troubled = true;
            }
            Ok(()) | Err(_) => {}
        }
    }
}
