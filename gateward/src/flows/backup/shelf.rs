//! What lies in the places of backups, each backup once.

use std::collections::BTreeMap;

use backup_manifest::{Drill, Manifest, VerifierKey};

use super::target::{Error, Target, read_note};
use crate::base::backup::FileName;

/// One backup, in one place or several.
#[derive(Debug)]
pub struct Shelved {
    /// Its file.
    pub name: FileName,
    /// Its length, as it lies there.
    pub bytes: u64,
    /// Where it lies.
    pub places: Vec<String>,
    /// What is said of it, or why that is not believed.
    pub manifest: Result<Manifest, Doubt>,
    /// Whether somebody said that it stays, in some place.
    pub is_held: bool,
    /// The newest drill that somebody known vouches for.
    pub drill: Option<Drill>,
}

/// Why a backup counts for nothing.
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
pub fn look_through(places: &[Box<dyn Target>], known: &[VerifierKey]) -> Shelves {
    let mut all = BTreeMap::new();
    let unseen = places.iter().filter_map(|place| look_into(place.as_ref(), known, &mut all).err()).collect();
    Shelves { backups: all.into_values().collect(), unseen }
}

fn look_into(
    place: &dyn Target,
    known: &[VerifierKey],
    all: &mut BTreeMap<FileName, Shelved>,
) -> Result<(), Error> {
    let files = place.list()?;
    let is_there = |name: &FileName| files.iter().any(|file| file.name == *name);
    for file in files.iter().filter(|file| file.name.is_backup()) {
        let shelved = Shelved {
            name: file.name.clone(),
            bytes: file.bytes,
            places: vec![place.place()],
            manifest: if is_there(&file.name.manifest()) {
                manifest(place, &file.name, file.bytes, known)
            } else {
                Err(Doubt::NoManifest)
            },
            is_held: is_there(&file.name.hold()),
            drill: None,
        };
        match all.get_mut(&file.name) {
            Some(other) => other.merge(shelved),
            None => _ = all.insert(file.name.clone(), shelved),
        }
    }
    for file in &files {
        let Some(backup) = file.name.of_drill().and_then(|name| all.get_mut(&name)) else { continue };
        let note = read_note(place, &file.name)?;
        // One that nobody known vouches for proves nothing.
        let Ok(drill) = Drill::read(&note, known) else { continue };
        if drill.backup == backup.name.as_str() && backup.drill.as_ref().is_none_or(|last| last.at < drill.at)
        {
            backup.drill = Some(drill);
        }
    }
    Ok(())
}

fn manifest(
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
    /// Takes in that it lies in another place, too: good somewhere is good.
    fn merge(&mut self, other: Self) {
        self.places.extend(other.places);
        self.is_held |= other.is_held;
        if self.manifest.is_err() && other.manifest.is_ok() {
            (self.manifest, self.bytes) = (other.manifest, other.bytes);
        }
    }
}
