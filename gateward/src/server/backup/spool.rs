//! What happened to backups and could not be recorded yet: one file an event.
//!
//! Everything about backups is laid here first and recorded from here, so that a store which cannot be reached
//! delays the record and nothing else. The file's owner is who did it: nobody can name another. A file that is
//! none of ours delays no other; it is named each time, until somebody takes it away.

mod opened;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::unistd::{Gid, Uid, User};
use serde::{Deserialize, Serialize};

use self::opened::{NAME, Opened};
use crate::base::id::EventId;
use crate::base::random::Random;
use crate::flows::door::Door;
use crate::flows::record::{BackupWhat, Earlier};
use crate::server::token_file::gone;
use crate::store::Failed;

/// The folder.
#[derive(Debug, Clone)]
pub struct Spool {
    state: PathBuf,
    folder: PathBuf,
}

/// A file of the spool.
#[derive(Serialize, Deserialize)]
struct Waiting {
    at: Timestamp,
    event: BackupWhat,
}

impl Spool {
    /// The spool that belongs to the folder `state`.
    pub fn of(state: &Path) -> Self {
        Self { state: state.to_owned(), folder: state.join(NAME) }
    }

    /// As [`Spool::of`], for whoever lays something down: makes it where it is not there.
    ///
    /// What root makes is the owner's of `state`; where that is root, `recorder`'s, who records what lies there
    /// and takes it away. One that is there stays whose it is.
    ///
    /// # Errors
    ///
    /// What the system said; [`ErrorKind::NotADirectory`] for a link, wherever it leads.
    pub fn make(state: &Path, recorder: Option<(Uid, Gid)>) -> io::Result<Self> {
        let spool = Self::of(state);
        Opened::make(state, recorder).map_err(|error| named(&spool.folder, &error))?;
        Ok(spool)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn open(&self) -> io::Result<Opened> {
        Opened::at(&self.state).map_err(|error| named(&self.folder, &error))
    }

    /// Lays down what happened `at`.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn add(&self, event: BackupWhat, at: Timestamp, random: &Random) -> io::Result<()> {
        let text = serde_json::to_vec(&Waiting { at, event }).expect("events are plain structs");
        let name = name(EventId::new(at, random));
        self.open()?.write(&name, &text).map_err(|error| named(&self.folder.join(name), &error))
    }

    /// Lists what waits, the oldest first.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn waiting(&self) -> io::Result<Vec<EventId>> {
        let spool = match self.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        let names = spool.names().map_err(|error| named(&self.folder, &error))?;
        // What a crash left on its way was never said to be there.
        let ids = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok());
        let mut ids: Vec<EventId> = ids.collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Reads one of those that wait; `None` for what was recorded meanwhile.
    ///
    /// # Errors
    ///
    /// What the system said; [`ErrorKind::InvalidData`] for what is not what we write.
    pub fn read(&self, id: EventId) -> io::Result<Option<Earlier>> {
        let spool = match self.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let path = self.folder.join(name(id));
        let (owner, text) = match spool.read(&name(id)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| named(&path, &error))?,
        };
        let Waiting { at, event } = serde_json::from_slice(&text)
            .map_err(|error| named(&path, &io::Error::new(ErrorKind::InvalidData, error)))?;
        let who = User::from_uid(owner).ok().flatten().map_or_else(|| owner.to_string(), |user| user.name);
        Ok(Some(Earlier { id, at, who: format!("os:{who}"), what: event }))
    }

    /// Forgets what is recorded now.
    ///
    /// # Errors
    ///
    /// What the system said: then it is found in the log when it is to be recorded again.
    pub fn forget(&self, id: EventId) -> io::Result<()> {
        gone(self.open()?.remove(&name(id))).map_err(|error| named(&self.folder.join(name(id)), &error))
    }
}

fn name(id: EventId) -> String {
    format!("{id}.json")
}

/// Why what waits goes on waiting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store does not take it; it may pass.
    #[error(transparent)]
    Store(#[from] Failed),
    /// The operator's: the spool cannot be read.
    #[error("the spool: {0}")]
    Spool(io::Error),
    /// The operator's: all others are recorded; these cannot be read, or cannot be taken away.
    #[error("the spool: {}", listed(.0))]
    Left(Vec<io::Error>),
}

/// How many are named in one message.
const NAMED: usize = 10;

fn listed(left: &[io::Error]) -> String {
    let text = left.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match left.len().saturating_sub(NAMED) {
        0 => text,
        more => format!("{text}; and {more} more"),
    }
}

/// Records what waits in `spool`, the oldest first, and forgets it there.
///
/// One at a time is in memory. What is laid down meanwhile may go on waiting.
///
/// # Errors
///
/// [`Error`]: the rest goes on waiting.
pub async fn catch_up(door: &Door, spool: &Spool, now: Timestamp) -> Result<(), Error> {
    let mut left = Vec::new();
    for id in blocking(spool, Spool::waiting).await.map_err(Error::Spool)? {
        match blocking(spool, move |spool| spool.read(id)).await {
            Ok(Some(earlier)) => {
                door.recorder.catch_up(&door.store.reader, &earlier, now).await?;
                // A crash here finds it in the log the next time.
                left.extend(blocking(spool, move |spool| spool.forget(id)).await.err());
            }
            Ok(None) => {}
            Err(error) => left.push(error),
        }
    }
    if left.is_empty() { Ok(()) } else { Err(Error::Left(left)) }
}

/// Lets no request wait for the disk.
async fn blocking<T: Send + 'static>(
    spool: &Spool,
    work: impl FnOnce(&Spool) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let spool = spool.clone();
    tokio::task::spawn_blocking(move || work(&spool)).await.map_err(io::Error::other)?
}

/// Says whose trouble it is.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

    use tempfile::TempDir;

    use super::opened::LONGEST;
    use super::*;
    use crate::flows::record::MadeBackup;
    use crate::server::system;

    fn held(file: &str) -> BackupWhat {
        BackupWhat::BackupHeld { file: file.into(), place: "here".into() }
    }

    fn spool() -> (TempDir, Spool) {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::make(folder.path(), None).unwrap();
        (folder, spool)
    }

    /// Lays down what happened at this second; returns where it lies.
    fn add(spool: &Spool, second: u8, file: &str) -> PathBuf {
        let before = spool.waiting().unwrap();
        let at = format!("2026-11-22T00:02:0{second}Z").parse().unwrap();
        spool.add(held(file), at, &system::random()).unwrap();
        let id = spool.waiting().unwrap().into_iter().find(|id| !before.contains(id)).unwrap();
        spool.folder().join(name(id))
    }

    /// What is wrong with the one that waits.
    fn trouble(spool: &Spool) -> String {
        let waiting = spool.waiting().unwrap();
        assert_eq!(waiting.len(), 1);
        spool.read(waiting[0]).unwrap_err().to_string()
    }

    #[test]
    fn what_waits_comes_out_in_order_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Spool::of(folder.path()).waiting().unwrap(), [], "there is none yet");
        let spool = Spool::make(folder.path(), None).unwrap();
        assert_eq!(spool.waiting().unwrap(), []);
        for (second, file) in [(1, "b"), (0, "a")] {
            add(&spool, second, file);
        }
        std::fs::write(folder.path().join("spool/half.json.partial"), "{").unwrap();
        let waiting = spool.waiting().unwrap();
        let events: Vec<_> = waiting.iter().map(|id| spool.read(*id).unwrap().unwrap()).collect();
        assert_eq!(events.iter().map(|it| it.what.clone()).collect::<Vec<_>>(), [held("a"), held("b")]);
        let me = User::from_uid(Uid::current()).unwrap().unwrap().name;
        assert_eq!(events[0].who, format!("os:{me}"));
        spool.forget(waiting[0]).unwrap();
        assert_eq!(spool.read(waiting[0]).unwrap(), None, "somebody else recorded it");
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
        let (spool, at) =
            (Spool::make(folder.path(), None).unwrap(), "2026-11-22T00:02:09.5Z".parse().unwrap());
        for (event, what) in of_today() {
            let text = format!(r#"{{"at":"2026-11-22T00:02:09.5Z","event":{event}}}"#);
            let id: EventId = "019aa8c8-7ce0-7000-8000-000000000000".parse().unwrap();
            std::fs::write(spool.folder().join(name(id)), &text).unwrap();
            assert_eq!(spool.waiting().unwrap(), [id]);
            let earlier = spool.read(id).unwrap().unwrap();
            assert_eq!((earlier.id, earlier.at), (id, at), "{text}");
            assert_eq!(earlier.what, what, "{text}");
            spool.forget(id).unwrap();

            spool.add(what, at, &system::random()).unwrap();
            let id = spool.waiting().unwrap()[0];
            assert_eq!(std::fs::read_to_string(spool.folder().join(name(id))).unwrap(), text);
            spool.forget(id).unwrap();
        }
    }

    #[test]
    fn nothing_but_a_file_of_its_own_is_read() {
        let (folder, spool) = spool();
        let path = add(&spool, 0, "a");
        let elsewhere = folder.path().join("elsewhere");

        std::fs::hard_link(&path, &elsewhere).unwrap();
        assert!(trouble(&spool).contains("second name"));
        std::fs::remove_file(&path).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(trouble(&spool).ends_with("it is a link"));
        std::fs::remove_file(&path).unwrap();
        // Nobody ever writes into it.
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(trouble(&spool).ends_with("it is no file"));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(trouble(&spool).ends_with("it is no file"));
        std::fs::remove_dir(&path).unwrap();
        std::fs::File::create(&path).unwrap().set_len(LONGEST + 1).unwrap();
        assert!(trouble(&spool).ends_with("longer than 1 MiB"));
        std::fs::write(&path, "{\"at\": 7").unwrap();
        assert!(trouble(&spool).starts_with(path.to_str().unwrap()));
    }

    #[test]
    fn a_link_in_the_place_of_the_spool_is_refused_and_leaves_alone_where_it_leads() {
        let (outer, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(outer.path(), folder.path().join("spool")).unwrap();
        let before = std::fs::metadata(outer.path()).unwrap();
        let refused = Spool::make(folder.path(), Some((65534.into(), 65533.into()))).unwrap_err().to_string();
        assert!(refused.contains("/spool: it is a link"), "{refused}");
        let refused = Spool::of(folder.path()).waiting().unwrap_err().to_string();
        assert!(refused.contains("/spool: it is a link"), "{refused}");
        let after = std::fs::metadata(outer.path()).unwrap();
        assert_eq!((before.uid(), before.mode()), (after.uid(), after.mode()));
    }

    #[test]
    fn what_root_makes_is_the_owners_and_what_is_there_stays_whose_it_is() {
        let is_root = Uid::effective().is_root();
        let owner = |path: &Path| {
            let there = std::fs::metadata(path).unwrap();
            (there.uid(), there.gid(), there.permissions().mode() & 0o777)
        };
        let me = (Uid::effective().as_raw(), Gid::effective().as_raw());
        let recorder = Some((65531.into(), 65532.into()));

        let theirs = tempfile::tempdir().unwrap();
        let (uid, gid) = if is_root { (65534, 65533) } else { me };
        chown(theirs.path(), Some(uid), Some(gid)).unwrap();
        let spool = Spool::make(theirs.path(), recorder).unwrap();
        assert_eq!(owner(spool.folder()), (uid, gid, 0o770));
        // Who did it, and who records it.
        assert_eq!(owner(&add(&spool, 0, "a")), (me.0, gid, 0o640));
        let (uid, gid) = if is_root { (65530, 65529) } else { me };
        chown(spool.folder(), Some(uid), Some(gid)).unwrap();
        Spool::make(theirs.path(), recorder).unwrap();
        assert_eq!(owner(spool.folder()), (uid, gid, 0o770));

        let roots = tempfile::tempdir().unwrap();
        let spool = Spool::make(roots.path(), recorder).unwrap();
        let (uid, gid) = if is_root { (65531, 65532) } else { me };
        assert_eq!(owner(spool.folder()), (uid, gid, 0o770));
    }
}
