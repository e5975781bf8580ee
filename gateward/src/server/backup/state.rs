//! What is kept of each job between its runs: whether one runs, how the last ones came out.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::backup::{FileName, JobName};

/// The folder in which it is kept.
#[derive(Debug, Clone)]
pub struct State(PathBuf);

/// How a job stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The run that was begun and has not said how it ended: it runs, or was killed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub begun: Option<Begun>,
    /// The last one that lies complete in all its places.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_success: Option<Success>,
    /// The last one that does not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_failure: Option<Failure>,
}

/// A run that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// When.
    pub at: Timestamp,
    /// The file that it was to make.
    pub file: FileName,
}

/// A run that made what it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Success {
    /// When it ended.
    pub at: Timestamp,
    /// The file.
    pub file: FileName,
    /// Its length.
    pub bytes: u64,
    /// The length of what is in it: how far the next one will likely have to go.
    pub stream_bytes: u64,
}

/// A run that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    pub why: String,
}

/// The right to run a job: nobody else has it while this is there.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, never read")] File);

/// How often it is looked whether a job is free.
const LOOKS: u32 = 10;

impl State {
    /// Keeps it in `folder`, which is made where it is not there.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn at(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
        Ok(Self(folder.to_owned()))
    }

    /// Where it is kept.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Takes the right to run `job`; `None` while somebody has it.
    ///
    /// The system gives it back when its holder ends, however that happens.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn lock(&self, job: &JobName) -> io::Result<Option<Lock>> {
        // Whoever only looks whether somebody runs it has the lock for an instant.
        for _ in 0..LOOKS {
            if let Some(lock) = self.try_lock(job)? {
                return Ok(Some(lock));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(None)
    }

    /// Tells whether somebody runs `job` now.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn is_running(&self, job: &JobName) -> io::Result<bool> {
        Ok(self.try_lock(job)?.is_none())
    }

    fn try_lock(&self, job: &JobName) -> io::Result<Option<Lock>> {
        let path = self.0.join(format!("{job}.lock"));
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let file = opened.map_err(|error| named(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Reads how `job` stands; one that was never run has nothing to say.
    ///
    /// # Errors
    ///
    /// What the system said; [`ErrorKind::InvalidData`] where it is not what we write.
    pub fn read(&self, job: &JobName) -> io::Result<Standing> {
        let path = self.path(job);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                io::Error::new(ErrorKind::InvalidData, format!("{}: {error}", path.display()))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Standing::default()),
            Err(error) => Err(named(&path, &error)),
        }
    }

    /// Writes down how `job` stands, whole or not at all; whoever holds its lock may.
    ///
    /// # Errors
    ///
    /// What the system said: then it stands as before.
    pub fn write(&self, job: &JobName, standing: &Standing) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(standing).expect("times and texts are JSON");
        write_whole(&self.path(job), &text)
    }

    fn path(&self, job: &JobName) -> PathBuf {
        self.0.join(format!("{job}.json"))
    }
}

/// Writes a file so that it is the new or the old one, whenever it is cut; readable for the group.
///
pub(super) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let write = || {
        let mut partial = path.as_os_str().to_owned();
        partial.push(format!(".{}.partial", std::process::id()));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&partial)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| named(path, &error))
}

/// Says whose trouble it is.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_run_once_at_a_time_and_its_standing_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(&folder.path().join("backup")).unwrap();
        let job: JobName = "database".parse().unwrap();
        let lock = state.lock(&job).unwrap();
        assert!(lock.is_some());
        assert!(state.lock(&job).unwrap().is_none());
        assert!(state.lock(&"other".parse().unwrap()).unwrap().is_some());
        drop(lock);
        assert!(state.lock(&job).unwrap().is_some());

        assert_eq!(state.read(&job).unwrap(), Standing::default());
        let at = "2026-11-22T00:02:00Z".parse().unwrap();
        let begun = Some(Begun { at, file: "a.gpg".parse().unwrap() });
        let standing = Standing { begun, ..Standing::default() };
        state.write(&job, &standing).unwrap();
        assert_eq!(state.read(&job).unwrap(), standing);
    }

    /// As version 0.1 wrote it; docs/formats.md has it.
    const OF_TODAY: &str = r#"{
  "begun": {
    "at": "2026-11-23T00:02:00.25Z",
    "file": "backup_db_a_2026-11-23_00-02-00_host.pgc.gpg"
  },
  "last_success": {
    "at": "2026-11-22T00:02:09.5Z",
    "file": "backup_db_a_2026-11-22_00-02-00_host.pgc.gpg",
    "bytes": 4711,
    "stream_bytes": 4242
  },
  "last_failure": {
    "at": "2026-11-21T00:02:00Z",
    "why": "no room"
  }
}"#;

    #[test]
    fn the_standing_that_is_written_today_can_always_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let (state, job) = (State::at(folder.path()).unwrap(), "a".parse().unwrap());
        std::fs::write(folder.path().join("a.json"), OF_TODAY).unwrap();
        let standing = Standing {
            begun: Some(Begun {
                at: "2026-11-23T00:02:00.25Z".parse().unwrap(),
                file: "backup_db_a_2026-11-23_00-02-00_host.pgc.gpg".parse().unwrap(),
            }),
            last_success: Some(Success {
                at: "2026-11-22T00:02:09.5Z".parse().unwrap(),
                file: "backup_db_a_2026-11-22_00-02-00_host.pgc.gpg".parse().unwrap(),
                bytes: 4711,
                stream_bytes: 4242,
            }),
            last_failure: Some(Failure {
                at: "2026-11-21T00:02:00Z".parse().unwrap(),
                why: "no room".into(),
            }),
        };
        assert_eq!(state.read(&job).unwrap(), standing);
        state.write(&job, &standing).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("a.json")).unwrap(), OF_TODAY);

        std::fs::write(folder.path().join("a.json"), "{}").unwrap();
        assert_eq!(state.read(&job).unwrap(), Standing::default(), "what never happened is left out");
    }
}
