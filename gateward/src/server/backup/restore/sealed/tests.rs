use std::sync::Mutex;

use backup_manifest::{Compression, Measure};
use jiff::Timestamp;

use super::*;
use crate::base::sha256::Sha256;
use crate::flows::backup::target::{Error, Found, Upload};

/// Gives other bytes each time that a file is read.
struct Swapping(Mutex<Vec<&'static [u8]>>);

impl Target for Swapping {
    fn place(&self) -> String {
        "s3://bucket".into()
    }

    fn read(&self, _: &FileName) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(self.0.lock().unwrap().remove(0)))
    }

    fn begin(&self, _: &FileName) -> Result<Box<dyn Upload>, Error> {
        unreachable!()
    }

    fn put(&self, _: &FileName, _: &[u8]) -> Result<(), Error> {
        unreachable!()
    }

    fn list(&self) -> Result<Vec<Found>, Error> {
        unreachable!()
    }

    fn remove(&self, _: &FileName) -> Result<(), Error> {
        unreachable!()
    }
}

/// A manifest of the file `signed`.
fn manifest() -> Manifest {
    let file = Measure { bytes: 6, sha256: Sha256::of(b"signed").to_string() };
    Manifest {
        backup: "a.gpg".into(),
        job: "a".into(),
        host: "here".into(),
        made_by: String::new(),
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: Timestamp::UNIX_EPOCH,
        stream: file.clone(),
        file,
        compression: Compression::None,
        protection: String::new(),
        recipients: Vec::new(),
        parts: Vec::new(),
    }
}

fn fetched_from(place: &Swapping, spare: &Path) -> Result<String, Why> {
    let name = "a.gpg".parse().unwrap();
    let mut file = Sealed::elsewhere(place, &name).proven(&manifest(), spare, &Interrupt::default())?;
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    Ok(text)
}

#[test]
fn a_file_from_elsewhere_is_asked_for_once_and_used_as_it_was_proven() {
    let spare = tempfile::tempdir().unwrap();
    let place = Swapping(Mutex::new(vec![b"signed", b"theirs"]));
    assert_eq!(fetched_from(&place, spare.path()).unwrap(), "signed");
    assert_eq!(place.0.lock().unwrap().len(), 1);
    assert!(matches!(fetched_from(&place, spare.path()), Err(Why::Other { .. })));
    assert_eq!(std::fs::read_dir(spare.path()).unwrap().count(), 0);
}

#[test]
fn a_file_without_end_fills_no_disk() {
    let spare = tempfile::tempdir().unwrap();
    let place = Swapping(Mutex::new(vec![&[b'x'; 1000]]));
    let refused = fetched_from(&place, spare.path()).unwrap_err().to_string();
    assert!(refused.contains("describes: 7 bytes"), "{refused}");
}

#[test]
fn a_file_here_that_another_takes_the_place_of_is_used_as_it_was_proven() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("a.gpg"), "signed").unwrap();
    std::fs::write(place("other"), "theirs").unwrap();
    let proven = Sealed::file(&place("a.gpg")).unwrap();
    let mut proven = proven.proven(&manifest(), folder.path(), &Interrupt::default()).unwrap();
    std::fs::rename(place("other"), place("a.gpg")).unwrap();
    let mut text = String::new();
    proven.read_to_string(&mut text).unwrap();
    assert_eq!(text, "signed");
}

#[test]
fn whoever_stops_the_proof_says_nothing_about_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.gpg"), "other").unwrap();
    let interrupt = Interrupt::default();
    interrupt.raise(nix::sys::signal::Signal::SIGTERM);
    let file = Sealed::file(&folder.path().join("a.gpg")).unwrap();
    assert!(matches!(file.proven(&manifest(), folder.path(), &interrupt), Err(Why::Stopped)));
}
