//! The folder that recipients' public keys lie in, each in a file that its full fingerprint names.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use openpgp::Fingerprint;

use crate::flows::backup::recipient::Recipients;
use crate::server::token_file::gone;

/// The folder; it is made when the first key comes.
#[derive(Debug, Clone)]
pub struct RecipientFolder(PathBuf);

/// The folder or a file in it cannot be used. The operator's: rights, room.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct Error {
    /// Where.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// A key with many signatures of others and a photograph.
const LARGEST: u64 = 8 << 20;

const SUFFIX: &str = ".asc";

impl RecipientFolder {
    /// Names the folder in the one that `backup_state` names.
    pub fn below(state: &Path) -> Self {
        Self(state.join("recipients"))
    }

    /// Reads all keys; none where there is no folder yet. Files that are called otherwise are passed over.
    ///
    /// # Errors
    ///
    /// [`Error`]: one cannot be read. Which key it is nobody knows then, so none is given.
    pub fn read(&self) -> Result<Recipients, Error> {
        let entries = match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Recipients::default()),
            entries => entries.map_err(|source| self.error(source))?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|source| self.error(source))?.path();
            let Some(fingerprint) = named(&path) else { continue };
            let mut content = Vec::new();
            let read = File::open(&path).and_then(|file| file.take(LARGEST).read_to_end(&mut content));
            read.map_err(|source| Error { path: path.clone(), source })?;
            files.push((fingerprint, content));
        }
        Ok(Recipients::read(files))
    }

    /// Lays a key there, in the place of an older copy.
    ///
    /// A crash leaves the older copy, or none, or the new one: never half of it.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn put(&self, fingerprint: &Fingerprint, armored: &str) -> Result<(), Error> {
        self.make()?;
        let path = self.path(fingerprint);
        let partial = self.0.join(format!(".{fingerprint}.new"));
        let write = || {
            gone(std::fs::remove_file(&partial))?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
            like(&file, &self.0)?;
            file.write_all(armored.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&partial, &path)?;
            File::open(&self.0)?.sync_all()
        };
        write().map_err(|source| {
            // The first error is the one to tell.
            let _ = std::fs::remove_file(&partial);
            Error { path: path.clone(), source }
        })
    }

    /// Takes a key away; that it is gone already is as good.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn remove(&self, fingerprint: &Fingerprint) -> Result<(), Error> {
        let path = self.path(fingerprint);
        gone(std::fs::remove_file(&path))
            .and_then(|()| gone(File::open(&self.0).and_then(|folder| folder.sync_all())))
            .map_err(|source| Error { path: path.clone(), source })
    }

    /// Makes the folder, and those above it that are missing.
    fn make(&self) -> Result<(), Error> {
        let made = |path: &Path, mode: u32| {
            if path.is_dir() {
                return Ok(());
            }
            DirBuilder::new().recursive(true).mode(mode).create(path)?;
            path.parent().map_or(Ok(()), |above| like(&File::open(path)?, above))
        };
        let state = self.0.parent().unwrap_or(&self.0);
        made(state, 0o750).and_then(|()| made(&self.0, 0o700)).map_err(|source| self.error(source))
    }

    fn path(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.0.join(format!("{fingerprint}{SUFFIX}"))
    }

    fn error(&self, source: io::Error) -> Error {
        Error { path: self.0.clone(), source }
    }
}

/// The key whose file this is, exactly as it is written here.
fn named(path: &Path) -> Option<Fingerprint> {
    let stem = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    let fingerprint: Fingerprint = stem.parse().ok()?;
    (fingerprint.to_string() == stem).then_some(fingerprint)
}

/// What root makes belongs to whoever owns the folder that it is in.
fn like(file: &File, folder: &Path) -> io::Result<()> {
    if !nix::unistd::Uid::effective().is_root() {
        return Ok(());
    }
    let owner = std::fs::metadata(folder)?;
    fchown(file, Some(owner.uid()), Some(owner.gid()))
}
