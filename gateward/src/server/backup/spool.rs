//! What happened to backups and could not be recorded yet: one file an event.
//!
//! Everything about backups is laid here first and recorded from here, so that a store which cannot be reached
//! delays the record and nothing else. The file's owner is who did it: nobody can name another.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};

use super::state::write_whole;
use crate::base::id::EventId;
use crate::base::random::Random;
use crate::flows::door::Door;
use crate::flows::record::{BackupWhat, Earlier};
use crate::store::Failed;

/// The folder.
#[derive(Debug, Clone)]
pub struct Spool(PathBuf);

/// A file of the spool.
#[derive(Serialize, Deserialize)]
struct Waiting {
    at: Timestamp,
    event: BackupWhat,
}

/// How many are read at once.
const MOST: usize = 1000;

impl Spool {
    /// The spool that belongs to the folder `state`.
    pub fn of(state: &Path) -> Self {
        Self(state.join("spool"))
    }

    /// As [`Spool::of`], for whoever lays something down: makes it where it is not there.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn make(state: &Path) -> io::Result<Self> {
        let spool = Self::of(state);
        if !spool.0.is_dir() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&spool.0)?;
            // Whoever serves is in its group, and takes away what they recorded: also where umask is root's usual.
            std::fs::set_permissions(&spool.0, Permissions::from_mode(0o770))?;
        }
        Ok(spool)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Lays down what happened `at`.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn add(&self, event: BackupWhat, at: Timestamp, random: &Random) -> io::Result<()> {
        let text = serde_json::to_vec(&Waiting { at, event }).expect("events are plain structs");
        write_whole(&self.0.join(format!("{}.json", EventId::new(at, random))), &text)
    }

    /// Reads what waits, the oldest first, at most a thousand.
    ///
    /// # Errors
    ///
    /// What the system said; [`ErrorKind::InvalidData`] for a file that is not what we write.
    pub fn waiting(&self) -> io::Result<Vec<Earlier>> {
        let mut ids = Vec::new();
        let entries = match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        for entry in entries {
            let name = entry?.file_name();
            // What a crash left on its way was never said to be there.
            if let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".json"))
                && let Ok(id) = id.parse::<EventId>()
            {
                ids.push(id);
            }
        }
        ids.sort_unstable();
        ids.truncate(MOST);
        ids.into_iter().filter_map(|id| self.read(id).transpose()).collect()
    }

    fn read(&self, id: EventId) -> io::Result<Option<Earlier>> {
        let path = self.path(id);
        let read = || io::Result::Ok((std::fs::symlink_metadata(&path)?, std::fs::read(&path)?));
        let (there, text) = match read() {
            // Somebody else recorded it meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let Waiting { at, event } = serde_json::from_slice(&text).map_err(|error| {
            io::Error::new(ErrorKind::InvalidData, format!("{}: {error}", path.display()))
        })?;
        let owner = User::from_uid(Uid::from_raw(there.uid())).ok().flatten();
        let who = owner.map_or_else(|| there.uid().to_string(), |user| user.name);
        Ok(Some(Earlier { id, at, who: format!("os:{who}"), what: event }))
    }

    /// Forgets what is recorded now.
    ///
    /// # Errors
    ///
    /// What the system said: then it is found in the log when it is to be recorded again.
    pub fn forget(&self, id: EventId) -> io::Result<()> {
        match std::fs::remove_file(self.path(id)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn path(&self, id: EventId) -> PathBuf {
        self.0.join(format!("{id}.json"))
    }
}

/// Why what waits goes on waiting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store does not take it; it may pass.
    #[error(transparent)]
    Store(#[from] Failed),
    /// The operator's: the spool cannot be read or written.
    #[error("the spool: {0}")]
    Spool(#[from] io::Error),
}

/// Records what waits in `spool`, the oldest first, and forgets it there.
///
/// # Errors
///
/// [`Error`]: the rest goes on waiting.
pub async fn catch_up(door: &Door, spool: &Spool, now: Timestamp) -> Result<(), Error> {
    loop {
        let waiting = spool.waiting()?;
        if waiting.is_empty() {
            return Ok(());
        }
        for earlier in waiting {
            door.recorder.catch_up(&door.store.reader, &earlier, now).await?;
            // A crash here finds it in the log the next time.
            spool.forget(earlier.id)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::record::MadeBackup;
    use crate::server::system;

    #[test]
    fn what_waits_comes_out_in_order_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Spool::of(folder.path()).waiting().unwrap(), [], "there is none yet");
        let spool = Spool::make(folder.path()).unwrap();
        assert_eq!(spool.waiting().unwrap(), []);
        let held = |file: &str| BackupWhat::BackupHeld { file: file.into(), place: "here".into() };
        let random = system::random();
        for (file, at) in [("b", "2026-11-22T00:02:01Z"), ("a", "2026-11-22T00:02:00Z")] {
            spool.add(held(file), at.parse().unwrap(), &random).unwrap();
        }
        std::fs::write(folder.path().join("spool/half.json.partial"), "{").unwrap();
        let waiting = spool.waiting().unwrap();
        assert_eq!(waiting.iter().map(|it| it.what.clone()).collect::<Vec<_>>(), [held("a"), held("b")]);
        let me = User::from_uid(Uid::current()).unwrap().unwrap().name;
        assert_eq!(waiting[0].who, format!("os:{me}"));
        spool.forget(waiting[0].id).unwrap();
        assert_eq!(spool.waiting().unwrap(), waiting[1..]);
    }

    fn made() -> BackupWhat {
        BackupWhat::BackupMade(Box::new(MadeBackup {
            job: "a".into(),
            file: "b.gpg".into(),
            places: vec!["/srv/backups".into(), "s3://bucket/prefix".into()],
            bytes: 4711,
            sha256: "0f".repeat(32),
            recipients: vec!["ab".repeat(20)],
            duration_ms: 9500,
        }))
    }

    /// What can wait, as version 0.1 laid it down; docs/formats.md has it.
    fn of_today() -> Vec<(String, BackupWhat)> {
        let text = |text: &str| text.to_owned();
        let failed = |file: Option<&str>| BackupWhat::BackupFailed {
            job: "a".into(),
            file: file.map(text),
            reason: "target".into(),
            detail: "no room".into(),
        };
        let (file, wrong) = (text("b.gpg"), vec![text("t has 2 rows")]);
        let (sha256, key) = ("0f".repeat(32), "ab".repeat(20));
        vec![
            (
                format!(
                    r#"{{"kind":"backup_made","job":"a","file":"b.gpg","places":["/srv/backups","s3://bucket/prefix"],"bytes":4711,"sha256":"{sha256}","recipients":["{key}"],"duration_ms":9500}}"#
                ),
                made(),
            ),
            (
                text(
                    r#"{"kind":"backup_failed","job":"a","file":"b.gpg","reason":"target","detail":"no room"}"#,
                ),
                failed(Some("b.gpg")),
            ),
            (
                text(r#"{"kind":"backup_failed","job":"a","reason":"target","detail":"no room"}"#),
                failed(None),
            ),
            (
                text(r#"{"kind":"backups_pruned","job":"a","place":"p","removed":["b.gpg"]}"#),
                BackupWhat::BackupsPruned { job: "a".into(), place: "p".into(), removed: vec![file.clone()] },
            ),
            (
                text(r#"{"kind":"backup_held","file":"b.gpg","place":"p"}"#),
                BackupWhat::BackupHeld { file: file.clone(), place: "p".into() },
            ),
            (
                text(r#"{"kind":"backup_released","file":"b.gpg","place":"p"}"#),
                BackupWhat::BackupReleased { file: file.clone(), place: "p".into() },
            ),
            (
                text(r#"{"kind":"backup_verified","file":"b.gpg","opened":true}"#),
                BackupWhat::BackupVerified { file: file.clone(), opened: true, wrong: vec![] },
            ),
            (
                text(
                    r#"{"kind":"backup_restored","file":"b.gpg","into":["/srv/new"],"wrong":["t has 2 rows"]}"#,
                ),
                BackupWhat::BackupRestored {
                    file: file.clone(),
                    into: vec!["/srv/new".into()],
                    wrong: wrong.clone(),
                },
            ),
            (
                text(r#"{"kind":"backup_drilled","file":"b.gpg","host":"h","wrong":["t has 2 rows"]}"#),
                BackupWhat::BackupDrilled { file, host: "h".into(), wrong },
            ),
            (
                format!(r#"{{"kind":"backup_recipient_imported","fingerprint":"{key}"}}"#),
                BackupWhat::BackupRecipientImported { fingerprint: key.clone() },
            ),
            (
                format!(r#"{{"kind":"backup_recipient_removed","fingerprint":"{key}"}}"#),
                BackupWhat::BackupRecipientRemoved { fingerprint: key },
            ),
        ]
    }

    #[test]
    fn what_is_laid_down_today_can_always_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, at) = (Spool::make(folder.path()).unwrap(), "2026-11-22T00:02:09.5Z".parse().unwrap());
        for (event, what) in of_today() {
            let text = format!(r#"{{"at":"2026-11-22T00:02:09.5Z","event":{event}}}"#);
            let id: EventId = "019aa8c8-7ce0-7000-8000-000000000000".parse().unwrap();
            std::fs::write(spool.path(id), &text).unwrap();
            let waiting = spool.waiting().unwrap();
            assert_eq!((waiting.len(), waiting[0].id, waiting[0].at), (1, id, at), "{text}");
            assert_eq!(waiting[0].what, what, "{text}");
            spool.forget(id).unwrap();

            spool.add(what, at, &system::random()).unwrap();
            let id = spool.waiting().unwrap()[0].id;
            assert_eq!(std::fs::read_to_string(spool.path(id)).unwrap(), text);
            spool.forget(id).unwrap();
        }
    }
}
