//! What lies in the places of backups, each backup once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use backup_manifest::{Drill, Manifest, ManifestError, OpenError, VerifierKey};

use super::target::{Error, Target, read_note};
use crate::base::backup::FileName;

/// One backup, in one place or several.
#[derive(Debug)]
pub struct Shelved {
    /// Its file.
    pub name: FileName,
    /// Where it lies, in the order of the places; one at least.
    pub copies: Vec<Lies>,
    /// Whether somebody said that it stays, in some place.
    pub is_held: bool,
    /// The newest drill that somebody known vouches for.
    pub drill: Option<Drill>,
    /// Why other results of drills, if there are any, count for nothing.
    pub doubted_drills: BTreeSet<DrillDoubt>,
}

/// A backup in one place.
#[derive(Debug)]
pub struct Lies {
    /// Where.
    pub place: String,
    /// Its length there.
    pub bytes: u64,
    /// What is said of it there, or why that is not believed.
    pub manifest: Result<Manifest, Doubt>,
}

/// Whose word counts for what.
#[derive(Debug, Clone, Copy)]
pub struct Believed<'a> {
    /// Keys of manifests, and of drills as well.
    pub of_all: &'a [VerifierKey],
    /// Keys of drills on other machines.
    pub of_drills: &'a [VerifierKey],
}

/// Why the result of a drill counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum DrillDoubt {
    /// The operator's, who can look whether it is that of a machine of theirs, and believe it from then on.
    #[error("a drill by an unknown key: {0}")]
    UnknownKey(String),
    /// The operator's: somebody changed it.
    #[error("a drill that is not believed: {0}")]
    Changed(String),
}

/// Why a backup counts for nothing in a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Another program's, or what a crash left where it could not be cleared.
    #[error("it has no manifest: not one of ours")]
    NoManifest,
    /// The operator's.
    #[error("its manifest is not believed: {0}")]
    Manifest(String),
    /// The operator's: somebody changed it, or the place lost a piece of it.
    #[error("it has {bytes} bytes where its manifest says {said}")]
    Length {
        /// As it lies there.
        bytes: u64,
        /// As it should be.
        said: u64,
    },
}

/// What was found in all places.
#[derive(Debug)]
pub struct Shelves {
    /// The backups.
    pub backups: Vec<Shelved>,
    /// Places that could not be looked into.
    pub unseen: Vec<Error>,
}

/// Looks through `places`; backups in the order of their names, which with one template is that of their times.
///
/// What a file that is neither backup nor beside one is, nobody asks: a text for readers, for instance.
/// A place that cannot be looked into, or not wholly, does not hide the others.
pub fn look_through(places: &[Arc<dyn Target>], believed: Believed<'_>) -> Shelves {
    let mut all = BTreeMap::new();
    let looked = places.iter().map(|place| look_into(place.as_ref(), believed, &mut all));
    let unseen = looked.filter_map(Result::err).collect();
    Shelves { backups: all.into_values().collect(), unseen }
}

fn look_into(
    place: &dyn Target,
    believed: Believed<'_>,
    all: &mut BTreeMap<FileName, Shelved>,
) -> Result<(), Error> {
    let files = place.list()?;
    let is_there = |name: &FileName| files.iter().any(|file| file.name == *name);
    for file in files.iter().filter(|file| file.name.is_backup()) {
        let lies = Lies {
            place: place.place(),
            bytes: file.bytes,
            manifest: if is_there(&file.name.manifest()) {
                manifest(place, &file.name, file.bytes, believed.of_all)
            } else {
                Err(Doubt::NoManifest)
            },
        };
        let shelved = all.entry(file.name.clone()).or_insert_with(|| Shelved {
            name: file.name.clone(),
            copies: Vec::new(),
            is_held: false,
            drill: None,
            doubted_drills: BTreeSet::new(),
        });
        shelved.copies.push(lies);
        shelved.is_held |= is_there(&file.name.hold());
    }
    let holders = [believed.of_all, believed.of_drills].concat();
    for file in &files {
        let Some(backup) = file.name.of_drill().and_then(|name| all.get_mut(&name)) else { continue };
        let note = read_note(place, &file.name)?;
        match drill(&note, &backup.name, &holders) {
            Ok(drill) if backup.drill.as_ref().is_none_or(|last| last.at < drill.at) => {
                backup.drill = Some(drill);
            }
            Ok(_) => {}
            // One that nobody known vouches for proves nothing.
            Err(doubt) => _ = backup.doubted_drills.insert(doubt),
        }
    }
    Ok(())
}

fn drill(note: &[u8], backup: &FileName, known: &[VerifierKey]) -> Result<Drill, DrillDoubt> {
    let drill = Drill::read(note, known).map_err(|why| match &why {
        ManifestError::Note(OpenError::Unknown(keys)) => {
            DrillDoubt::UnknownKey(keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        _ => DrillDoubt::Changed(why.to_string()),
    })?;
    if drill.backup != backup.as_str() {
        return Err(DrillDoubt::Changed(format!("it is that of {}", drill.backup)));
    }
    Ok(drill)
}

/// Reads the manifest of a file of so many bytes, and believes it if a key of `known` signed it for this file.
///
/// # Errors
///
/// [`Doubt`], never [`Doubt::NoManifest`]: a note that is not there is one that cannot be read.
pub fn manifest(
    place: &dyn Target,
    name: &FileName,
    bytes: u64,
    known: &[VerifierKey],
) -> Result<Manifest, Doubt> {
    let doubt = |why: String| Doubt::Manifest(why);
    let note = read_note(place, &name.manifest()).map_err(|error| doubt(error.to_string()))?;
    let manifest = Manifest::read(&note, known).map_err(|error| doubt(error.to_string()))?;
    if manifest.backup != name.as_str() {
        return Err(doubt(format!("it is that of {}", manifest.backup)));
    }
    if manifest.file.bytes != bytes {
        return Err(Doubt::Length { bytes, said: manifest.file.bytes });
    }
    Ok(manifest)
}

impl Shelved {
    /// The first place where nothing speaks against it, and what is said of it there.
    ///
    /// Nobody has read the file itself.
    pub fn good(&self) -> Option<(&Lies, &Manifest)> {
        self.copies.iter().find_map(|lies| Some((lies, lies.manifest.as_ref().ok()?)))
    }
}
