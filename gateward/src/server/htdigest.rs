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

use jiff::{SignedDuration, Timestamp};
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

/// How old the file may get: an issuer's key ends without anybody's doing.
const AT_LEAST_EVERY: SignedDuration = SignedDuration::from_secs(60);

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
    written: Arc<Mutex<Written>>,
}

/// What was written last.
#[derive(Debug, Default)]
struct Written {
    /// Everybody who asked up to here finds their login in the file.
    up_to: u64,
    extent: Option<Extent>,
    until: Option<Timestamp>,
    at: Option<Timestamp>,
}

impl Written {
    /// Whether the file may say something else at `now`, though nobody made or ended a login.
    fn is_old(&self, now: Timestamp) -> bool {
        let ended = self.until.is_some_and(|until| until <= now);
        // A clock that was set back, too.
        let lately = self.at.is_some_and(|at| at <= now && now.duration_since(at) < AT_LEAST_EVERY);
        ended || !lately
    }
}

impl Htdigest {
    /// Knows where it is.
    pub fn new(path: PathBuf) -> Self {
        Self { path, asked: AtomicU64::new(0), written: Arc::default() }
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
        let mut written = Arc::clone(&self.written).lock_owned().await;
        if written.up_to >= mine {
            return Ok(());
        }
        let up_to = self.asked.load(Ordering::SeqCst);
        let extent = temporary_login::extent(&door.store.reader).await?;
        let Listing { lines, until } = list(door, now).await?;
        let path = self.path.clone();
        let file = |source| Error::File { path: self.path.clone(), source };
        // Nobody can break this off: an asker who leaves does not let the next one in before the file is
        // whole, and before it is known what it says.
        let replaced = tokio::task::spawn_blocking(move || {
            replace(&path, &lines)?;
            *written = Written { up_to, extent: Some(extent), until, at: Some(now) };
            Ok(())
        });
        replaced.await.map_err(|error| file(std::io::Error::other(error)))?.map_err(file)
    }

    /// Writes the file if others made or ended a login, or if one may have come to its end.
    async fn follow(&self, door: &Door, now: Timestamp) -> Result<(), Error> {
        let extent = temporary_login::extent(&door.store.reader).await?;
        {
            let written = self.written.lock().await;
            if !written.is_old(now) && written.extent.as_ref() == Some(&extent) {
                return Ok(());
            }
        }
        self.refresh(door, now).await
    }
}

/// Puts `lines` in the place of the file at `path`.
///
/// A crash before the rename leaves the old file and one beside it that the next writing replaces;
/// after it, the new file. In a folder that everybody may write to, another could put their own list in
/// the place of either: it is refused, sticky or not.
fn replace(path: &Path, lines: &Secret) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if std::fs::metadata(folder)?.permissions().mode() & 0o002 != 0 {
        let said = format!("everybody may write to the folder {}: chmod o-w it", folder.display());
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, said));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // Whatever is there, a link among it, is neither followed nor written to.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    // Whatever the umask is.
    file.set_permissions(std::fs::Permissions::from_mode(MODE))?;
    file.write_all(lines.expose().as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Secret {
        Secret::new(text.into())
    }

    #[test]
    fn what_lies_where_the_new_file_is_written_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, others) = (folder.path().join("logins"), folder.path().join("others"));
        std::fs::write(&others, "theirs").unwrap();
        std::os::unix::fs::symlink(&others, folder.path().join("logins.new")).unwrap();
        replace(&path, &list("ours")).unwrap();
        assert_eq!(std::fs::read_to_string(&others).unwrap(), "theirs");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "ours");
        let found = std::fs::symlink_metadata(&path).unwrap();
        assert!(found.is_file());
        assert_eq!(found.permissions().mode() & 0o777, MODE);
    }

    #[test]
    fn nothing_is_written_to_a_folder_that_everybody_may_write_to() {
        for mode in [0o777, 0o1777, 0o702] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            let path = folder.path().join("logins");
            let refused = replace(&path, &list("ours")).unwrap_err();
            assert!(refused.to_string().contains("chmod o-w"), "{refused}");
            assert!(!path.exists());
        }
    }

    #[test]
    fn the_file_is_written_anew_every_minute_and_when_a_login_ends() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let written = |until| Written { until, at: Some(at(1000)), ..Written::default() };
        assert!(!written(None).is_old(at(1059)));
        assert!(written(None).is_old(at(1060)));
        assert!(written(None).is_old(at(999)), "the clock was set back");
        assert!(!written(Some(at(1030))).is_old(at(1029)));
        assert!(written(Some(at(1030))).is_old(at(1030)));
    }
}
