//! The part of the zip format (PKWARE's APPNOTE.TXT 6.3) that access tokens need, read strictly.
//!
//! A zip says everything twice, in front of each entry and in a directory at its end, and programs differ
//! in what they believe. Here an archive is read only if both agree and every byte of the file has its one
//! place: nothing before, between, behind or twice. Zip64, several disks and comments are refused.

mod crc32;
mod directory;
mod extract;
mod fields;
mod local;
mod winzip_aes;
mod writer;
mod zip_crypto;

pub(crate) use crc32::crc32;
pub(crate) use directory::{MAX_ENTRIES, looks_like_zip, read};
pub(crate) use extract::{extract, shown};
pub(crate) use writer::{NewEntry, Protection, write};

/// What an entry is encrypted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// In the clear.
    None,
    /// PKWARE's of 1990 (APPNOTE 6.1). Falls to twelve known bytes, whatever the passphrase.
    ZipCrypto,
    /// WinZip's AES. The entry is as strong as the passphrase.
    Aes128,
    Aes192,
    Aes256,
    /// PKWARE's strong encryption, or one that we do not know.
    Unknown,
}

/// What an entry is compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Stored,
    Deflated,
    /// The method's number (APPNOTE 4.4.5).
    Other(u16),
}

/// An entry of an archive whose two descriptions agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ZipEntry {
    pub(crate) name: String,
    pub(crate) cipher: Cipher,
    pub(crate) compression: Compression,
    /// Neither a folder nor a link.
    pub(crate) is_file: bool,
    /// Bytes that it says it has when unpacked.
    pub(crate) size: usize,
    /// Where its data, encryption included, stands in the archive.
    pub(crate) data: std::ops::Range<usize>,
    /// `None` where AE-2 has the MAC instead.
    pub(crate) crc: Option<u32>,
    /// The last byte of ZipCrypto's header (APPNOTE 6.1.6).
    pub(crate) check: u8,
}

const LOCAL_HEADER: [u8; 4] = *b"PK\x03\x04";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
const DIRECTORY_ENTRY: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const ZIP64_LOCATOR: [u8; 4] = *b"PK\x06\x07";

/// Flag bits (APPNOTE 4.4.4).
mod flag {
    pub(super) const ENCRYPTED: u16 = 1;
    pub(super) const DESCRIPTOR: u16 = 1 << 3;
    pub(super) const PATCH: u16 = 1 << 5;
    pub(super) const STRONG: u16 = 1 << 6;
    pub(super) const UTF8: u16 = 1 << 11;
    pub(super) const MASKED: u16 = 1 << 13;
}

/// Compression methods (APPNOTE 4.4.5); 99 says that WinZip's extra field has the method.
mod method {
    pub(super) const STORED: u16 = 0;
    pub(super) const DEFLATED: u16 = 8;
    pub(super) const WINZIP_AES: u16 = 99;
}

/// Extra fields (APPNOTE 4.5.2 and 4.6.1).
mod extra {
    pub(super) const ZIP64: u16 = 0x0001;
    pub(super) const UNICODE_PATH: u16 = 0x7075;
    pub(super) const WINZIP_AES: u16 = 0x9901;
}
