//! The directory at an archive's end (APPNOTE 4.3.12 and 4.3.16).

use super::fields::Fields;
use super::{
    Cipher, Compression, DIRECTORY_ENTRY, END, LOCAL_HEADER, ZIP64_LOCATOR, ZipEntry, extra, flag, local,
    method,
};
use crate::error::Error;
use crate::zip::crc32;

/// What an access token, with some notes beside it, can have at most.
pub(crate) const MAX_ENTRIES: usize = 64;
const END_LEN: usize = 22;

/// What the directory says of one entry; the local header has to say the same.
pub(super) struct Described<'a> {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) time: u16,
    pub(super) crc: u32,
    pub(super) compressed: usize,
    pub(super) size: usize,
    pub(super) name: &'a [u8],
    pub(super) extra: Extra<'a>,
    /// Where the local header stands.
    pub(super) offset: usize,
    creator: u16,
    attributes: u32,
}

/// The extra fields that change what is read.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Extra<'a> {
    pub(super) aes: Option<&'a [u8]>,
    unicode_path: Option<&'a [u8]>,
}

/// Says whether a file begins or ends like an archive, so that a damaged one is called damaged.
pub(crate) fn looks_like_zip(file: &[u8]) -> bool {
    file.starts_with(&LOCAL_HEADER) || file.starts_with(&END) || end_at(file).is_some()
}

fn end_at(file: &[u8]) -> Option<usize> {
    let at = file.len().checked_sub(END_LEN)?;
    file[at..].starts_with(&END).then_some(at)
}

/// Reads the entries of an archive, in the order of its directory.
pub(crate) fn read(file: &[u8]) -> Result<Vec<ZipEntry>, Error> {
    let (directory, count) = directory(file)?;
    let mut fields = Fields::new(&file[directory.clone()]);
    let mut described = Vec::new();
    while !fields.is_at_end() {
        if described.len() == MAX_ENTRIES {
            return Err(Error::Entries(format!("more than {MAX_ENTRIES} entries are in the file")));
        }
        described.push(entry(&mut fields)?);
    }
    if described.len() != usize::from(count) {
        return Err(Error::Ambiguous("it has another number of entries than it says"));
    }
    let data = local::places(&file[..directory.start], &described)?;
    described.iter().zip(data).map(|(entry, data)| entry.read(data)).collect()
}

/// Finds the directory, and how many entries it says it has.
fn directory(file: &[u8]) -> Result<(std::ops::Range<usize>, u16), Error> {
    let damaged = Error::Damaged("it does not end like a zip archive");
    let end = end_at(file).ok_or(damaged)?;
    let (disks, count, length, start) =
        end_fields(&file[end..]).ok_or(Error::Damaged("its end is broken"))?;
    if disks != (0, 0) || count.0 != count.1 {
        return Err(Error::Damaged("it is one part of several"));
    }
    // The stock reader looks there for another directory, whatever the end says.
    if end >= 20 && file[end - 20..].starts_with(&ZIP64_LOCATOR) {
        return Err(Error::Ambiguous("it points to a second directory"));
    }
    if start.checked_add(length) != Some(end) {
        return Err(Error::Ambiguous(
            "something stands before the archive or inside it that is no part of it",
        ));
    }
    Ok((start..end, count.0))
}

type EndFields = ((u16, u16), (u16, u16), usize, usize);

fn end_fields(end: &[u8]) -> Option<EndFields> {
    let mut fields = Fields::new(end);
    fields.signature(END)?;
    let disks = (fields.u16()?, fields.u16()?);
    let count = (fields.u16()?, fields.u16()?);
    let (length, start) = (fields.length()?, fields.length()?);
    // The comment's length: the end is where it is only if there is none.
    (fields.u16()? == 0).then_some((disks, count, length, start))
}

fn entry<'a>(fields: &mut Fields<'a>) -> Result<Described<'a>, Error> {
    let damaged = || Error::Damaged("its directory is broken");
    let (mut entry, extra) = described(fields).ok_or_else(damaged)?;
    entry.extra = Extra::read(extra)?;
    Ok(entry)
}

fn described<'a>(fields: &mut Fields<'a>) -> Option<(Described<'a>, &'a [u8])> {
    fields.signature(DIRECTORY_ENTRY)?;
    let (creator, _needed) = (fields.u16()?, fields.u16()?);
    let (flags, method) = (fields.u16()?, fields.u16()?);
    let (time, _date) = (fields.u16()?, fields.u16()?);
    let (crc, compressed, size) = (fields.u32()?, fields.length()?, fields.length()?);
    let (name, extra, comment) = (fields.u16()?, fields.u16()?, fields.u16()?);
    let (_disk, _internal) = (fields.u16()?, fields.u16()?);
    let (attributes, offset) = (fields.u32()?, fields.length()?);
    let name = fields.bytes(name.into())?;
    let extra = fields.bytes(extra.into())?;
    fields.bytes(comment.into())?;
    let none = Extra::default();
    Some((
        Described {
            flags,
            method,
            time,
            crc,
            compressed,
            size,
            name,
            extra: none,
            offset,
            creator,
            attributes,
        },
        extra,
    ))
}

impl<'a> Extra<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut found = Self::default();
        let mut fields = Fields::new(bytes);
        while !fields.is_at_end() {
            let (id, content) = extra_field(&mut fields).ok_or(Error::Damaged("an extra field is broken"))?;
            let place = match id {
                extra::ZIP64 => return Err(Error::Ambiguous("sizes stand in it in two places (zip64)")),
                extra::WINZIP_AES => &mut found.aes,
                extra::UNICODE_PATH => &mut found.unicode_path,
                _ => continue,
            };
            if place.replace(content).is_some() {
                return Err(Error::Ambiguous("an extra field stands in it twice"));
            }
        }
        Ok(found)
    }
}

fn extra_field<'a>(fields: &mut Fields<'a>) -> Option<(u16, &'a [u8])> {
    let (id, length) = (fields.u16()?, fields.u16()?);
    Some((id, fields.bytes(length.into())?))
}

impl Described<'_> {
    fn read(&self, data: std::ops::Range<usize>) -> Result<ZipEntry, Error> {
        let (cipher, method, has_crc) = self.protection()?;
        let name = self.name()?;
        Ok(ZipEntry {
            is_file: !name.ends_with(['/', '\\']) && !self.is_special(),
            name,
            cipher,
            compression: match method {
                method::STORED => Compression::Stored,
                method::DEFLATED => Compression::Deflated,
                other => Compression::Other(other),
            },
            size: self.size,
            data,
            crc: has_crc.then_some(self.crc),
            check: self.check(),
        })
    }

    /// Returns the cipher, the true compression method, and whether the CRC counts.
    fn protection(&self) -> Result<(Cipher, u16, bool), Error> {
        let encrypted = self.flags & flag::ENCRYPTED != 0;
        if self.flags & (flag::STRONG | flag::MASKED | flag::PATCH) != 0 {
            return Ok((Cipher::Unknown, self.method, true));
        }
        let aes = self.extra.aes.filter(|_| self.method == method::WINZIP_AES);
        match (encrypted, self.method, aes) {
            (false, method, None) if method != method::WINZIP_AES => Ok((Cipher::None, method, true)),
            (true, method, None) if method != method::WINZIP_AES => Ok((Cipher::ZipCrypto, method, true)),
            (true, _, Some(aes)) => winzip(aes).ok_or(Error::Damaged("its AES field is broken")),
            _ => Err(Error::Ambiguous("an entry is said to be encrypted and not to be")),
        }
    }

    /// APPNOTE 6.1.6, and what Info-ZIP does where the CRC was not known in time.
    fn check(&self) -> u8 {
        let [_, _, _, crc] = self.crc.to_le_bytes();
        let [_, time] = self.time.to_le_bytes();
        if self.flags & flag::DESCRIPTOR == 0 { crc } else { time }
    }

    fn name(&self) -> Result<String, Error> {
        let unreadable = Error::Ambiguous("the name of an entry is not readable, or it has two");
        let name = match self.extra.unicode_path {
            None => self.name,
            // APPNOTE 4.6.9: in force only if it was made for this very name.
            Some([1, a, b, c, d, name @ ..])
                if !self.name.is_ascii() && u32::from_le_bytes([*a, *b, *c, *d]) == crc32(self.name) =>
            {
                name
            }
            Some(_) => return Err(unreadable),
        };
        match std::str::from_utf8(name) {
            Ok(name) if !name.contains('\0') => Ok(name.to_owned()),
            // An old code page: good enough to show, and never one of the names that we look for.
            Err(_) if self.flags & flag::UTF8 == 0 => Ok(String::from_utf8_lossy(name).into_owned()),
            _ => Err(unreadable),
        }
    }

    /// A folder or a link, by the attributes of the system that made the entry (APPNOTE 4.4.15).
    fn is_special(&self) -> bool {
        const FOLDER: u32 = 0x10;
        const UNIX: u16 = 3;
        let [_, system] = self.creator.to_le_bytes();
        let file_type = (self.attributes >> 16) & 0xF000;
        let is_unix_file = matches!(file_type, 0 | 0x8000);
        self.attributes & FOLDER != 0 || (u16::from(system) == UNIX && !is_unix_file)
    }
}

/// WinZip's extra field: version, vendor, strength, true method. AE-2 has no CRC.
fn winzip(content: &[u8]) -> Option<(Cipher, u16, bool)> {
    let mut fields = Fields::new(content);
    let (version, vendor, strength) = (fields.u16()?, fields.bytes(2)?, fields.bytes(1)?);
    let method = fields.u16()?;
    let cipher = match strength {
        [1] => Cipher::Aes128,
        [2] => Cipher::Aes192,
        [3] => Cipher::Aes256,
        _ => return None,
    };
    let known = vendor == b"AE" && (1..=2).contains(&version) && fields.is_at_end();
    known.then_some((cipher, method, version == 1))
}
