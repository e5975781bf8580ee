//! Several things in one stream, as tar reads it.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use backup_manifest::Part;
use jiff::Timestamp;
use tar::{EntryType, Header};

use crate::flows::backup::source::{Error, Source};

/// Something that goes into an archive, under names of its own.
pub trait Member: Send {
    /// Writes all of it, and says what went in and where it lies.
    ///
    /// # Errors
    ///
    /// As [`Source::pour`].
    fn put(&mut self, into: &mut Entries<'_>) -> Result<Vec<Part>, Error>;

    /// As [`Source::likely_bytes`].
    fn likely_bytes(&self) -> Option<u64>;
}

/// An archive of its members, in their order.
pub struct Archive {
    members: Vec<Box<dyn Member>>,
    begun_at: Timestamp,
}

impl Archive {
    /// Prepares an archive that is begun at `begun_at`: what is no file of the machine's has this time in it.
    pub fn new(members: Vec<Box<dyn Member>>, begun_at: Timestamp) -> Self {
        Self { members, begun_at }
    }
}

impl Source for Archive {
    fn pour(&mut self, out: &mut dyn Write) -> Result<Vec<Part>, Error> {
        let mut entries = Entries { tar: tar::Builder::new(out), begun_at: self.begun_at };
        let mut parts = Vec::new();
        for member in &mut self.members {
            parts.extend(member.put(&mut entries)?);
        }
        entries.tar.finish().map_err(Error::Output)?;
        Ok(parts)
    }

    fn likely_bytes(&self) -> Option<u64> {
        self.members.iter().map(|member| member.likely_bytes()).sum()
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive").field("begun_at", &self.begun_at).finish_non_exhaustive()
    }
}

/// Where the entries of an archive are written, one after the other.
pub struct Entries<'a> {
    tar: tar::Builder<&'a mut dyn Write>,
    begun_at: Timestamp,
}

impl fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").field("begun_at", &self.begun_at).finish_non_exhaustive()
    }
}

/// What tar says of a file beside its name and content.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    /// Who may do what, 12 bits.
    pub mode: u32,
    /// Its owner, as this machine numbers them.
    pub uid: u32,
    /// Its group, as this machine numbers them.
    pub gid: u32,
    /// Its owner's name.
    pub user: Option<&'a str>,
    /// Its group's name.
    pub group: Option<&'a str>,
    /// When its content was changed, in seconds since 1970.
    pub modified: i64,
}

/// The file that is being written: as long as it was said to be, or the archive is none.
#[must_use = "the rest of its length must be filled"]
pub struct Body<'a> {
    out: &'a mut dyn Write,
    left: u64,
    padding: usize,
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("left", &self.left).finish_non_exhaustive()
    }
}

/// The unit of an archive (POSIX.1-2017, pax, "ustar Interchange Format").
const BLOCK: u64 = 512;

impl Entries<'_> {
    /// Begins a file of `bytes` that is nobody's and that only its owner reads.
    pub fn begin_own(&mut self, name: &str, bytes: u64) -> Result<Body<'_>, Error> {
        let modified = self.begun_at.as_second();
        let attributes = Attributes { mode: 0o600, uid: 0, gid: 0, user: None, group: None, modified };
        self.begin(Path::new(name), attributes, bytes)
    }

    /// Begins a file of `bytes`.
    pub fn begin(&mut self, name: &Path, attributes: Attributes<'_>, bytes: u64) -> Result<Body<'_>, Error> {
        let mut header = header(EntryType::Regular, attributes);
        header.set_size(bytes);
        // The header alone: its content follows as it is read.
        self.tar.append_data(&mut header, name, io::empty()).map_err(Error::Output)?;
        let padding =
            usize::try_from(bytes.next_multiple_of(BLOCK) - bytes).expect("it is less than a block");
        Ok(Body { out: *self.tar.get_mut(), left: bytes, padding })
    }

    /// Writes a whole file that is nobody's.
    pub fn own(&mut self, name: &str, content: &[u8]) -> Result<(), Error> {
        let mut body = self.begin_own(name, content.len() as u64)?;
        body.write(content)?;
        body.end()
    }

    /// Writes a folder, without what is in it.
    pub fn folder(&mut self, name: &Path, attributes: Attributes<'_>) -> Result<(), Error> {
        let mut header = header(EntryType::Directory, attributes);
        // With a slash at its end, as every tar writes it.
        self.tar.append_data(&mut header, name.join(""), io::empty()).map_err(Error::Output)
    }

    /// Writes a symbolic link, wherever it leads to.
    pub fn link(&mut self, name: &Path, target: &Path, attributes: Attributes<'_>) -> Result<(), Error> {
        let mut header = header(EntryType::Symlink, attributes);
        self.tar.append_link(&mut header, name, target).map_err(Error::Output)
    }
}

impl Body<'_> {
    /// How much is still to be written.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Writes a piece; never more than is left.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes.len() as u64).expect("no more is written than was said");
        self.out.write_all(bytes).map_err(Error::Output)
    }

    /// Ends the file; with zeros where something is left.
    pub fn end(mut self) -> Result<(), Error> {
        let zeros = [0; 4096];
        while self.left > 0 {
            let piece = zeros.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.write(&zeros[..piece])?;
        }
        self.out.write_all(&zeros[..self.padding]).map_err(Error::Output)
    }
}

fn header(kind: EntryType, of: Attributes<'_>) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(of.mode);
    header.set_uid(of.uid.into());
    header.set_gid(of.gid.into());
    header.set_mtime(of.modified.try_into().unwrap_or(0));
    // A name that is too long for the header is left out: the number is there.
    if let Some(user) = of.user {
        drop(header.set_username(user));
    }
    if let Some(group) = of.group {
        drop(header.set_groupname(group));
    }
    header
}
