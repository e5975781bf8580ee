//! Checkpoints in a file that whoever owns the store should not be able to change: appended, and read from its end.
//!
//! The file is never made here: a folder that is not mounted would be a place that has seen nothing.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// How much of the end of a file is read: some hundred checkpoints.
const TAIL: u64 = 64 << 10;

/// Why a file says nothing, or takes nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is for the operator to make: nothing tells a new place from a folder that is not mounted.
    #[error(
        "there is no file: mount the disk that it is on; if it is a new place, make it as the user that serves: touch {}",
        .0.display()
    )]
    Missing(PathBuf),
    /// A FIFO or a device, which could hold up whoever opens it.
    #[error("it is no regular file")]
    NoFile,
    /// What the system says.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Returns the end of the file at `path`.
///
/// # Errors
///
/// [`Error`].
pub fn tail(path: &Path) -> Result<String, Error> {
    let mut file = open(path, File::options().read(true))?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    Ok(String::from_utf8_lossy(&tail).into_owned())
}

/// Appends `note` to the file at `path`, and returns once it is on the disk there.
///
/// A crash in the middle leaves half a note, which readers pass over; the next one begins on a line of its own.
///
/// # Errors
///
/// [`Error`].
pub fn append(path: &Path, note: &str) -> Result<(), Error> {
    let mut file = open(path, File::options().append(true).read(true))?;
    let length = file.metadata()?.len();
    let mut end = [b'\n'; 2];
    if length >= 2 {
        file.seek(SeekFrom::Start(length - 2))?;
        file.read_exact(&mut end)?;
    }
    let before = if end == *b"\n\n" { "" } else { "\n\n" };
    // In one piece: others may append to the same file.
    file.write_all(format!("{before}{note}\n").as_bytes())?;
    Ok(file.sync_all()?)
}

/// Opens a regular file that is there.
fn open(path: &Path, how: &std::fs::OpenOptions) -> Result<File, Error> {
    let missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::Missing(path.to_owned()),
        _ => error.into(),
    };
    // Before it is opened: to open a FIFO may take for ever.
    if !std::fs::metadata(path).map_err(missing)?.is_file() {
        return Err(Error::NoFile);
    }
    how.open(path).map_err(missing)
}

#[cfg(test)]
mod tests {
    use audit_log::{Checkpoint, Hash};
    use jiff::Timestamp;

    use super::*;
    use crate::base::random::Random;
    use crate::flows::anchor;
    use crate::flows::keyring::{Keyring, generate};

    #[test]
    fn the_newest_whole_note_of_ours_counts_whatever_stands_around_it() {
        let random = Random::new(|bytes| bytes.fill(7));
        let keyring = Keyring::parse(&generate(Timestamp::UNIX_EPOCH, &random)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        assert!(matches!(append(&path, "note"), Err(Error::Missing(_))) && !path.exists());
        File::create(&path).unwrap();
        let newest = || {
            let newest = anchor::newest(&tail(&path).unwrap(), &keyring);
            newest.iter().map(Checkpoint::size).collect::<Vec<_>>()
        };
        assert!(newest().is_empty());
        let signer = keyring.log_signer("gateward/a").unwrap().unwrap();
        let note = |size| Checkpoint::new("gateward/a", size, Hash([1; 32])).unwrap().sign(&signer).unwrap();
        for size in 1..400 {
            append(&path, &note(size)).unwrap();
        }
        assert_eq!(newest(), [399]);
        // Half of one, as a crash leaves it, and somebody else's.
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(&note(400).as_bytes()[..60]).unwrap();
        assert_eq!(newest(), [399]);
        append(&path, &note(401).replace("gateward/a\n401", "gateward/a\n999")).unwrap();
        assert_eq!(newest(), [399]);
        append(&path, &note(402)).unwrap();
        assert_eq!(newest(), [402]);
    }

    #[test]
    fn of_each_log_the_largest_counts_in_whatever_order_they_stand() {
        let random = Random::new(|bytes| bytes.fill(7));
        let keyring = Keyring::parse(&generate(Timestamp::UNIX_EPOCH, &random)).unwrap();
        let note = |origin, size, root| {
            let signer = keyring.log_signer(origin).unwrap().unwrap();
            Checkpoint::new(origin, size, Hash([root; 32])).unwrap().sign(&signer).unwrap() + "\n"
        };
        let text = [
            note("gateward/a", 3, 1),
            note("gateward/a", 7, 1),
            note("gateward/b", 2, 1),
            note("gateward/a", 5, 1),
            note("gateward/a", 7, 1),
        ]
        .concat();
        let newest: Vec<_> = anchor::newest(&text, &keyring);
        let newest: Vec<_> = newest.iter().map(|kept| (kept.origin(), kept.size())).collect();
        assert_eq!(newest, [("gateward/b", 2), ("gateward/a", 7)]);
        // Two histories: both are looked at.
        let text = text + &note("gateward/a", 7, 2);
        assert_eq!(anchor::newest(&text, &keyring).len(), 3);
    }

    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        // It would wait for somebody at the other end.
        assert!(matches!(tail(&fifo), Err(Error::NoFile)));
        assert!(matches!(append(&fifo, "note"), Err(Error::NoFile)));
        assert!(matches!(tail(Path::new("/dev/null")), Err(Error::NoFile)));
    }
}
