//! Whether a backup is what was made: without its key from the outside, with it to the last byte.

mod wrong;

use std::io;

use backup_manifest::{Manifest, Measure, VerifierKey};
use openpgp::{Fingerprint, Flaw, Walked, walk};

use super::measured::Measured;
use super::opening::{self, Opening, open_whole};
use super::target::{self, Target, read_note};
use crate::base::backup::FileName;

pub use wrong::Wrong;

/// What was found out about one backup.
#[derive(Debug)]
pub struct Verdict {
    /// What is said of it by a key that counts; `None` where nobody says anything.
    pub manifest: Option<Manifest>,
    /// The key or subkey that opened it, if it was opened.
    pub opened_with: Option<Fingerprint>,
    /// What is wrong; nothing where it is good.
    pub wrong: Vec<Wrong>,
}

/// Why nobody can say whether a backup is good.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's: the place cannot be reached, or the file is not there.
    #[error(transparent)]
    Target(#[from] target::Error),
    /// The operator's, or whoever has the key.
    #[error(transparent)]
    Opening(opening::Error),
}

/// Looks whether the backup `name` in `target` is what its manifest says.
///
/// `known` are the keys whose signatures count. Without `opening` all is looked at that anybody can see: the
/// signature, the name, the length and the hash of the file, its structure, whom it is sealed to. With it the
/// whole stream is opened and compared, too, and written nowhere.
///
/// # Errors
///
/// [`Error`]: it may be good.
pub fn verify(
    target: &dyn Target,
    name: &FileName,
    known: &[VerifierKey],
    opening: Option<&dyn Opening>,
) -> Result<Verdict, Error> {
    let (file, walked) = outside(target, name)?;
    let mut wrong = Vec::new();
    let manifest = match manifest(target, name, known)? {
        Ok(manifest) => Some(manifest),
        Err(why) => {
            wrong.push(why);
            None
        }
    };
    match (&manifest, &walked) {
        (Some(manifest), _) => compare(target, known, manifest, &file, walked.as_ref(), &mut wrong)?,
        // Nobody says what it should be: its structure can be looked at all the same.
        (None, Err(flaw)) => wrong.push(Wrong::Structure(flaw.to_string())),
        (None, Ok(_)) => {}
    }
    let mut opened_with = None;
    if let (Some(opening), Some(manifest), []) = (opening, &manifest, wrong.as_slice()) {
        match open(target, name, manifest, opening)? {
            Ok(key) => opened_with = Some(key),
            Err(why) => wrong.push(why),
        }
    }
    Ok(Verdict { manifest, opened_with, wrong })
}

/// Measures the file to its end, whatever is in it, and walks over its structure.
fn outside(target: &dyn Target, name: &FileName) -> Result<(Measure, Result<Walked, Flaw>), Error> {
    let mut file = Measured::new(target.read(name)?);
    let walked = walk(&mut file);
    let unreadable = |source| target::Error::Io { place: target.place(), source };
    if let Err(Flaw::Input(source)) = walked {
        return Err(unreadable(source).into());
    }
    // A walk ends where something is wrong.
    io::copy(&mut file, &mut io::sink()).map_err(unreadable)?;
    Ok((file.finish().1, walked))
}

fn manifest(
    target: &dyn Target,
    name: &FileName,
    known: &[VerifierKey],
) -> Result<Result<Manifest, Wrong>, Error> {
    let note = match read_note(target, &name.manifest()) {
        Err(target::Error::Missing { .. }) => return Ok(Err(Wrong::NoManifest)),
        note => note?,
    };
    let manifest = match Manifest::read(&note, known) {
        Ok(manifest) => manifest,
        Err(why) => return Ok(Err(Wrong::Signature(why))),
    };
    // Signed, and about another file: somebody exchanged two of them.
    if manifest.backup == name.as_str() {
        Ok(Ok(manifest))
    } else {
        Ok(Err(Wrong::SwappedManifest { of: manifest.backup }))
    }
}

fn compare(
    target: &dyn Target,
    known: &[VerifierKey],
    manifest: &Manifest,
    file: &Measure,
    walked: Result<&Walked, &Flaw>,
    wrong: &mut Vec<Wrong>,
) -> Result<(), Error> {
    if *file != manifest.file {
        if let Some(other) = whose(target, file, known)? {
            wrong.push(Wrong::SwappedFile { with: other });
            return Ok(());
        }
        wrong.push(if file.bytes == manifest.file.bytes {
            Wrong::Hash
        } else {
            Wrong::Size { is: file.bytes, should_be: manifest.file.bytes }
        });
    }
    match walked {
        Ok(walked) => wrong.extend(wrong::recipients(&walked.message.openers, &manifest.recipients)),
        Err(flaw) => wrong.push(Wrong::Structure(flaw.to_string())),
    }
    Ok(())
}

/// Looks whether the file is another one of this place, under the wrong name.
fn whose(target: &dyn Target, file: &Measure, known: &[VerifierKey]) -> Result<Option<FileName>, Error> {
    for other in target.list()?.iter().filter_map(|found| found.name.of_manifest()) {
        if let Ok(manifest) = manifest(target, &other, known)?
            && manifest.file == *file
        {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

fn open(
    target: &dyn Target,
    name: &FileName,
    manifest: &Manifest,
    opening: &dyn Opening,
) -> Result<Result<Fingerprint, Wrong>, Error> {
    let mut sealed = target.read(name)?;
    let Measure { bytes, .. } = manifest.stream;
    match open_whole(opening, &mut *sealed, manifest.compression, bytes, &mut io::sink()) {
        Ok(opened) if opened.file != manifest.file => Ok(Err(Wrong::Hash)),
        Ok(opened) if opened.stream != manifest.stream => {
            let Measure { bytes: is, .. } = opened.stream;
            Ok(Err(Wrong::Stream(format!(
                "what comes out is not what went in: {is} bytes came out, {bytes} went in"
            ))))
        }
        Ok(opened) => Ok(Ok(opened.key)),
        Err(why @ (opening::Error::Damaged(_) | opening::Error::TooLong(_))) => {
            Ok(Err(Wrong::Stream(why.to_string())))
        }
        Err(opening::Error::Input(source)) => Err(target::Error::Io { place: target.place(), source }.into()),
        Err(why) => Err(Error::Opening(why.known_by(&manifest.recipients))),
    }
}
