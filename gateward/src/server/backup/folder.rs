//! A folder that backups go to: `0700`, its files `0400`, each whole or not there.
//!
//! A file is written as `.NAME.partial`, locked by whoever writes it. What a crash left is therefore told from
//! what is on its way, by other jobs too: nobody holds its lock.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use crate::base::backup::FileName;
use crate::flows::backup::target::{Error, Found, Target, Upload};
use crate::server::token_file::gone;

/// One folder.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// A file on its way there.
#[derive(Debug)]
struct Partial {
    folder: Folder,
    name: FileName,
    /// Locked until it is complete or gone.
    file: File,
    is_complete: bool,
}

const PARTIAL: &str = ".partial";

/// How often a file is begun anew that was taken for one that a crash left.
const ATTEMPTS: u32 = 10;

impl Folder {
    /// Takes a folder for writing, makes it where it is not there, and clears what a crash left in it.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] where it is no folder, cannot be written to, or can be read by others.
    pub fn for_writing(path: &Path) -> Result<Self, Error> {
        let folder = Self(path.to_owned());
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| folder.failed("making it", &error))?;
        Self::check(path)?;
        folder.clear()?;
        Ok(folder)
    }

    /// Looks whether backups may lie in a folder; one that is not there is made when the first one comes.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] where it is no folder, or can be read by others.
    pub fn check(path: &Path) -> Result<(), Error> {
        let folder = Self(path.to_owned());
        let wrong = |why: &str| Err(Error::Failed { place: folder.place(), why: why.to_owned() });
        match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(folder.failed("looking at it", &error)),
            Ok(there) if !there.is_dir() => wrong("it is no folder"),
            Ok(there) if there.permissions().mode() & 0o077 != 0 => {
                wrong("others can come at what lies there: chmod 700 it")
            }
            Ok(_) => Ok(()),
        }
    }

    /// Takes a folder as it is, to look at what lies there.
    pub fn for_reading(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Takes away what a crash left: files on their way that nobody holds, each with the manifest that may have
    /// been laid beside it already.
    fn clear(&self) -> Result<(), Error> {
        for name in self.names()? {
            let whole = name.strip_prefix('.').and_then(|name| name.strip_suffix(PARTIAL));
            let Some(whole) = whole.and_then(|whole| whole.parse::<FileName>().ok()) else { continue };
            // Held until it is gone: whoever begins it anew waits, and sees that it went.
            let Some(_held) = left(&self.0.join(&name)) else { continue };
            if !self.is_there(&whole) {
                self.unlink(whole.manifest().as_str())?;
            }
            self.unlink(&name)?;
        }
        Ok(())
    }

    fn unlink(&self, name: &str) -> Result<(), Error> {
        gone(std::fs::remove_file(self.0.join(name)))
            .map_err(|error| self.failed(&format!("removing {name}"), &error))
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        let read = || {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(&self.0)? {
                let entry = entry?;
                if entry.file_type()?.is_file()
                    && let Ok(name) = entry.file_name().into_string()
                {
                    names.push(name);
                }
            }
            names.sort_unstable();
            Ok(names)
        };
        read().map_err(|error: io::Error| self.failed("listing it", &error))
    }

    /// The file of this name.
    pub fn path(&self, name: &FileName) -> PathBuf {
        self.0.join(name.as_str())
    }

    fn partial(&self, name: &FileName) -> PathBuf {
        self.0.join(format!(".{name}{PARTIAL}"))
    }

    fn is_there(&self, name: &FileName) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    fn start(&self, name: &FileName) -> Result<Partial, Error> {
        let path = self.partial(name);
        let failed = |error: &io::Error| self.failed(&format!("writing {name}"), error);
        let exists = || Error::Exists { place: self.place(), name: name.clone() };
        for _ in 0..ATTEMPTS {
            let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let file = opened.map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => exists(),
                _ => failed(&error),
            })?;
            // Only who clears up can have it, for an instant; they may have taken it away.
            file.lock().map_err(|error| failed(&error))?;
            if !is_still_at(&file, &path).map_err(|error| failed(&error))? {
                continue;
            }
            self.give(&file).map_err(|error| self.failed(&format!("giving {name} to its owner"), &error))?;
            let partial = Partial { folder: self.clone(), name: name.clone(), file, is_complete: false };
            // Whoever completes this name holds this lock, so that it is not there later either.
            return if self.is_there(name) { Err(exists()) } else { Ok(partial) };
        }
        Err(Error::Failed {
            place: self.place(),
            why: format!("{name} is taken away as often as it is begun"),
        })
    }

    /// Gives what root makes in somebody's folder to them: they read it, and take it away when it is too old.
    fn give(&self, file: &File) -> io::Result<()> {
        let (folder, fresh) = (std::fs::metadata(&self.0)?, file.metadata()?);
        // Where the file system says whose everything is, nothing is to be given.
        if Uid::effective().is_root() && fresh.uid() != folder.uid() {
            fchown(file, Some(folder.uid()), Some(folder.gid()))?;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn failed(&self, what: &str, error: &io::Error) -> Error {
        Error::Failed { place: self.place(), why: format!("{what}: {error}") }
    }
}

/// Takes hold of the file on its way at `path` if nobody else does.
fn left(path: &Path) -> Option<File> {
    let file = File::open(path).ok()?;
    file.try_lock().is_ok().then_some(file)
}

/// Whether `path` still names the file that was opened there.
fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Target for Folder {
    fn place(&self) -> String {
        self.0.display().to_string()
    }

    fn begin(&self, name: &FileName) -> Result<Box<dyn Upload>, Error> {
        Ok(Box::new(self.start(name)?))
    }

    fn put(&self, name: &FileName, content: &[u8]) -> Result<(), Error> {
        let mut partial = self.start(name)?;
        partial.write_all(content).map_err(|error| self.failed(&format!("writing {name}"), &error))?;
        Box::new(partial).complete()
    }

    fn list(&self) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        for name in self.names()? {
            let Ok(name) = name.parse::<FileName>() else { continue };
            match std::fs::metadata(self.path(&name)) {
                Ok(there) => found.push(Found { name, bytes: there.len() }),
                // Pruned while we look.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(self.failed(&format!("looking at {name}"), &error)),
            }
        }
        Ok(found)
    }

    fn read(&self, name: &FileName) -> Result<Box<dyn Read + Send>, Error> {
        match File::open(self.path(name)) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Error::Missing { place: self.place(), name: name.clone() })
            }
            Err(error) => Err(self.failed(&format!("reading {name}"), &error)),
        }
    }

    fn remove(&self, name: &FileName) -> Result<(), Error> {
        self.unlink(name.as_str())?;
        self.sync().map_err(|error| self.failed("syncing it", &error))
    }
}

impl Write for Partial {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Upload for Partial {
    fn complete(mut self: Box<Self>) -> Result<(), Error> {
        let complete = || {
            self.file.set_permissions(Permissions::from_mode(0o400))?;
            self.file.sync_all()?;
            // A crash before: a partial that the next run clears. After it: whole, if the folder had time to
            // be written; else the same as before.
            std::fs::rename(self.folder.partial(&self.name), self.folder.path(&self.name))?;
            self.folder.sync().inspect_err(|_| {
                // It may be gone after a crash: then it is not to be found before one either.
                let _ = std::fs::remove_file(self.folder.path(&self.name));
            })
        };
        complete().map_err(|error| self.folder.failed(&format!("writing {}", self.name), &error))?;
        self.is_complete = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_complete {
            // What cannot be removed now is cleared by the next run.
            let _ = std::fs::remove_file(self.folder.partial(&self.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> FileName {
        text.parse().unwrap()
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("backups");
        (outer, path)
    }

    #[test]
    fn a_file_is_found_once_it_is_complete_and_then_only_its_owner_reads_it() {
        let (_outer, path) = folder();
        let folder = Folder::for_writing(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let mut upload = folder.begin(&name("a.gpg")).unwrap();
        upload.write_all(b"sealed").unwrap();
        assert_eq!(folder.list().unwrap(), []);
        upload.complete().unwrap();
        assert_eq!(folder.list().unwrap(), [Found { name: name("a.gpg"), bytes: 6 }]);
        assert_eq!(std::fs::metadata(path.join("a.gpg")).unwrap().permissions().mode() & 0o777, 0o400);
        assert!(matches!(folder.begin(&name("a.gpg")), Err(Error::Exists { .. })), "nothing is written over");
        assert!(matches!(folder.put(&name("a.gpg"), b"other"), Err(Error::Exists { .. })));
        assert_eq!(std::fs::read(path.join("a.gpg")).unwrap(), b"sealed");
    }

    #[test]
    fn what_anybody_lays_into_a_folder_belongs_to_its_owner() {
        let (_outer, path) = folder();
        let folder = Folder::for_writing(&path).unwrap();
        if Uid::effective().is_root() {
            std::os::unix::fs::chown(&path, Some(65534), Some(65533)).unwrap();
        }
        folder.put(&name("a.gpg.drill"), b"it was good").unwrap();
        let owner = |path: PathBuf| std::fs::metadata(path).map(|it| (it.uid(), it.gid())).unwrap();
        assert_eq!(owner(path.join("a.gpg.drill")), owner(path));
    }

    #[test]
    fn what_is_given_up_leaves_nothing() {
        let (_outer, path) = folder();
        let folder = Folder::for_writing(&path).unwrap();
        drop(folder.begin(&name("a.gpg")).unwrap());
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
    }

    #[test]
    fn what_a_crash_left_is_cleared_and_what_others_write_is_not() {
        let (_outer, path) = folder();
        let folder = Folder::for_writing(&path).unwrap();
        std::fs::write(path.join(".crashed.gpg.partial"), "half").unwrap();
        std::fs::write(path.join("crashed.gpg.manifest"), "vouches for nothing").unwrap();
        std::fs::write(path.join("moved.gpg.manifest"), "somebody's").unwrap();
        std::fs::write(path.join("whole.gpg"), "whole").unwrap();
        std::fs::write(path.join("whole.gpg.manifest"), "vouches").unwrap();
        std::fs::write(path.join(".somebody's"), "else").unwrap();
        let running = folder.begin(&name("running.gpg")).unwrap();
        folder.put(&name("running.gpg.manifest"), b"almost").unwrap();

        Folder::for_writing(&path).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort_unstable();
        let stays = [
            ".running.gpg.partial",
            ".somebody's",
            "moved.gpg.manifest",
            "running.gpg.manifest",
            "whole.gpg",
            "whole.gpg.manifest",
        ];
        assert_eq!(left, stays);
        running.complete().unwrap();
    }

    #[test]
    fn a_folder_that_others_can_read_is_refused_with_the_remedy() {
        let (_outer, path) = folder();
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o750)).unwrap();
        let refused = Folder::for_writing(&path).unwrap_err().to_string();
        assert!(refused.contains("chmod 700"), "{refused}");
    }
}
