//! Checkpoints outside the store: appended to files that whoever owns the store should not be able to change.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use audit_log::Checkpoint;

use crate::config::{Anchor, Config};
use crate::flows::anchor::{self, Behind};
use crate::flows::door::Door;
use crate::flows::keyring::Keyring;
use crate::store;

/// How much of the end of a file is read: some hundred checkpoints.
const TAIL: u64 = 64 << 10;

/// Returns the newest checkpoint of ours in the file at `path`; `None` where there is none, or no file.
///
/// # Errors
///
/// What the system says.
pub fn newest(path: &Path, keyring: &Keyring) -> std::io::Result<Option<Checkpoint>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    Ok(anchor::newest(&String::from_utf8_lossy(&tail), keyring))
}

/// Appends `note` to the file at `path`, and returns once it is on the disk there.
///
/// A crash in the middle leaves half a note, which readers pass over; the next one begins on a line of its own.
///
/// # Errors
///
/// What the system says.
pub fn append(path: &Path, note: &str) -> std::io::Result<()> {
    let mut file = File::options().append(true).read(true).create(true).open(path)?;
    let length = file.metadata()?.len();
    let mut end = [b'\n'; 2];
    if length >= 2 {
        file.seek(SeekFrom::Start(length - 2))?;
        file.read_exact(&mut end)?;
    }
    let before = if end == *b"\n\n" { "" } else { "\n\n" };
    // In one piece: others may append to the same file.
    file.write_all(format!("{before}{note}\n").as_bytes())?;
    file.sync_all()
}

/// Finds the anchor that has seen more of the log than the store has, with its checkpoint.
///
/// One that cannot be read says nothing, and the log says so: a dead anchor keeps nobody out.
///
/// # Errors
///
/// [`store::Error`].
pub async fn ahead(
    config: &Config,
    door: &Door,
) -> Result<Option<(Anchor, Checkpoint, Behind)>, store::Error> {
    for place in &config.audit.anchor {
        let Anchor::File(path) = place;
        match newest(path, &door.keyring) {
            Ok(None) => {}
            Ok(Some(kept)) => {
                if let Some(behind) = anchor::behind(&door.store.reader, &kept).await? {
                    return Ok(Some((place.clone(), kept, behind)));
                }
            }
            Err(error) => tracing::warn!(anchor = %place, %error, "this anchor cannot be read"),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::base::random::Random;
    use crate::flows::keyring::{Keyring, generate};

    #[test]
    fn the_newest_whole_note_of_ours_counts_whatever_stands_around_it() {
        let random = Random::new(|bytes| bytes.fill(7));
        let keyring = Keyring::parse(&generate(Timestamp::UNIX_EPOCH, &random)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        assert!(newest(&path, &keyring).unwrap().is_none());
        let signer = keyring.log_signer("gateward/a").unwrap().unwrap();
        let note = |size| {
            Checkpoint::new("gateward/a", size, audit_log::Hash([1; 32])).unwrap().sign(&signer).unwrap()
        };
        for size in 1..400 {
            append(&path, &note(size)).unwrap();
        }
        assert_eq!(newest(&path, &keyring).unwrap().unwrap().size(), 399);
        // Half of one, as a crash leaves it, and somebody else's.
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(&note(400).as_bytes()[..60]).unwrap();
        assert_eq!(newest(&path, &keyring).unwrap().unwrap().size(), 399);
        append(&path, &note(401).replace("gateward/a\n401", "gateward/a\n999")).unwrap();
        assert_eq!(newest(&path, &keyring).unwrap().unwrap().size(), 399);
        append(&path, &note(402)).unwrap();
        assert_eq!(newest(&path, &keyring).unwrap().unwrap().size(), 402);
    }
}
