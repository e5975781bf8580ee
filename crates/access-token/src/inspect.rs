//! Looks at a file without a passphrase.

use crate::CERTIFICATE;
use crate::certificate::ServerCertificate;
use crate::error::Error;
use crate::form::{self, Form};
use crate::zip::{self, Cipher, Compression, ZipEntry, crc32, shown};

/// The largest file that is looked at: many times what a token with notes and chain needs.
pub const MAX_LEN: usize = 1024 * 1024;
/// The largest inner file: a key, a bundle of certificates, and the zip around them.
const MAX_INNER_LEN: usize = 128 * 1024;

/// What a file shows to everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    pub form: Form,
    /// In the order of the archive's directory; none if the file is no archive.
    pub entries: Vec<Entry>,
    /// The inner file, if an envelope shows even that (it is not encrypted).
    pub inner: Option<Box<Inspection>>,
}

/// One file in an archive, as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Escaped where it would not be fit for a terminal.
    pub name: String,
    /// Bytes that it says it has when unpacked.
    pub size: usize,
    /// Bytes that it takes in the archive, encryption included.
    pub packed: usize,
    pub cipher: Cipher,
    pub compression: Compression,
    /// The checksum of the content, which zip leaves in the clear except with AE-2.
    pub crc: Option<u32>,
}

impl Inspection {
    /// Says whether anybody sees the names of what is inside. In a zip they do, whatever the cipher.
    pub fn names_are_visible(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Says whether the stock reader opens it as it is: an inner file that has no other cipher than ZipCrypto.
    pub fn is_for_stock_reader(&self) -> bool {
        let known = |entry: &Entry| {
            matches!(entry.cipher, Cipher::None | Cipher::ZipCrypto)
                && matches!(entry.compression, Compression::Stored | Compression::Deflated)
        };
        self.form == Form::InnerFile && self.entries.iter().all(known)
    }

    /// Says whether an inner file holds this very certificate, by size and checksum, which are not encrypted.
    ///
    /// `true` errs once in four thousand million; `false` says little, since the file may have been written
    /// with text around the certificate, or hides the checksum.
    pub fn shows_certificate(&self, certificate: &ServerCertificate) -> bool {
        let pem = certificate.pem();
        let spelled = [pem.as_bytes(), pem.trim_end().as_bytes()];
        let is_it = |entry: &Entry| {
            let same = |pem: &&[u8]| entry.size == pem.len() && entry.crc == Some(crc32(pem));
            entry.name == CERTIFICATE && spelled.iter().any(same)
        };
        let here = self.form == Form::InnerFile && self.entries.iter().any(is_it);
        here || self.inner.as_ref().is_some_and(|inner| inner.shows_certificate(certificate))
    }

    /// Returns the cipher of an entry of an inner file.
    pub(crate) fn cipher(&self, name: &str) -> Option<Cipher> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| entry.cipher)
    }
}

impl From<&ZipEntry> for Entry {
    fn from(entry: &ZipEntry) -> Self {
        Self {
            name: shown(&entry.name),
            size: entry.size,
            packed: entry.data.len(),
            cipher: entry.cipher,
            compression: entry.compression,
            crc: entry.crc,
        }
    }
}

/// Says what a file is and what it shows to everybody, without a passphrase.
///
/// An archive with the wrong things in it is no error: its [`Form`] says what is wrong.
///
/// # Errors
///
/// [`Error::Damaged`], [`Error::Ambiguous`], [`Error::TooLarge`] and, for more than 64 entries,
/// [`Error::Entries`], where an archive cannot be trusted to be what it shows.
pub fn inspect(file: &[u8]) -> Result<Inspection, Error> {
    let (form, entries) = look(file)?;
    let inner = match (&form, entries.iter().find(|entry| form::is_inner_file(&entry.name))) {
        (Form::ZipEnvelope, Some(inner)) if inner.cipher == Cipher::None => {
            let inner = unwrap(file, inner, b"")?;
            let (form, entries) = look(&inner)?;
            Some(Box::new(Inspection {
                form,
                entries: entries.iter().map(Entry::from).collect(),
                inner: None,
            }))
        }
        _ => None,
    };
    Ok(Inspection { form, entries: entries.iter().map(Entry::from).collect(), inner })
}

/// Reads the directory of a file, if it has one.
pub(crate) fn look(file: &[u8]) -> Result<(Form, Vec<ZipEntry>), Error> {
    if file.len() > MAX_LEN {
        return Err(Error::TooLarge { what: "the file", limit: MAX_LEN });
    }
    if let Some(form) = form::of_bytes(file) {
        return Ok((form, Vec::new()));
    }
    let entries = zip::read(file)?;
    Ok((form::of_archive(&entries), entries))
}

/// Takes the inner file out of an envelope.
pub(crate) fn unwrap(file: &[u8], inner: &ZipEntry, passphrase: &[u8]) -> Result<Vec<u8>, Error> {
    zip::extract(file, inner, passphrase, MAX_INNER_LEN).map(|inner| inner.to_vec())
}
