//! An archive of a few small entries, stored.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{DIRECTORY_ENTRY, END, LOCAL_HEADER, crc32, extra, flag, method, winzip_aes, zip_crypto};

/// An entry to be written. Its name and content are short: the whole archive stays below 4 GiB.
pub(crate) struct NewEntry<'a> {
    pub(crate) name: &'a str,
    pub(crate) content: &'a [u8],
    pub(crate) protection: Protection,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    None,
    ZipCrypto,
    /// AE-2, so that no checksum of the content stands in the clear.
    Aes256,
}

/// Writes the entries and their directory. `random` is asked for 11 bytes (ZipCrypto) or 16 (AES) per entry.
pub(crate) fn write(
    entries: &[NewEntry<'_>],
    passphrase: &[u8],
    modified: Timestamp,
    random: &mut dyn FnMut(&mut [u8]),
) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = archive.len();
        let data = entry.encrypt(passphrase, random);
        let (description, extra) = entry.description(data.len(), modified);
        archive.extend_from_slice(&LOCAL_HEADER);
        archive.extend_from_slice(&description);
        archive.extend_from_slice(entry.name.as_bytes());
        archive.extend_from_slice(&extra);
        archive.extend_from_slice(&data);
        directory.extend_from_slice(&entry.directory_entry(&description, &extra, offset));
    }
    let end = end(entries.len(), directory.len(), archive.len());
    [archive, directory, end].concat()
}

impl NewEntry<'_> {
    fn encrypt(&self, passphrase: &[u8], random: &mut dyn FnMut(&mut [u8])) -> Vec<u8> {
        match self.protection {
            Protection::None => self.content.to_vec(),
            Protection::ZipCrypto => {
                let mut header = [0; zip_crypto::HEADER_LEN - 1];
                random(&mut header);
                let [.., check] = crc32(self.content).to_le_bytes();
                zip_crypto::encrypt(self.content, passphrase, header, check)
            }
            Protection::Aes256 => {
                let mut salt = [0; winzip_aes::SALT_LEN];
                random(&mut salt);
                winzip_aes::encrypt(self.content, passphrase, salt)
            }
        }
    }

    /// Returns the fields that local header and directory share (APPNOTE 4.3.7), and the extra field.
    fn description(&self, data_len: usize, modified: Timestamp) -> (Vec<u8>, Vec<u8>) {
        let aes = self.protection == Protection::Aes256;
        let encrypted = if self.protection == Protection::None { 0 } else { flag::ENCRYPTED };
        let utf8 = if self.name.is_ascii() { 0 } else { flag::UTF8 };
        let (time, date) = dos_time(modified);
        let (needed, method, crc) =
            if aes { (51, method::WINZIP_AES, 0) } else { (20, method::STORED, crc32(self.content)) };
        // AE-2, vendor, AES-256, and the method that the content would have without.
        let content = [2, 0, b'A', b'E', 3, 0, 0];
        let extra = [&extra::WINZIP_AES.to_le_bytes()[..], &[7, 0], &content].concat();
        let extra = if aes { extra } else { Vec::new() };
        let words = |words: &[u16]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let description = [
            words(&[needed, encrypted | utf8, method, time, date]),
            crc.to_le_bytes().to_vec(),
            length(data_len).to_vec(),
            length(self.content.len()).to_vec(),
            words(&[short(self.name.len()), short(extra.len())]),
        ];
        (description.concat(), extra)
    }

    fn directory_entry(&self, description: &[u8], extra: &[u8], offset: usize) -> Vec<u8> {
        // Made on Unix, as a file (0100000) that only its owner reads (0600).
        const CREATOR: [u8; 2] = [63, 3];
        const ATTRIBUTES: u32 = 0x8180 << 16;
        let comment_disk_internal = [0; 6];
        [
            &DIRECTORY_ENTRY[..],
            &CREATOR,
            description,
            &comment_disk_internal,
            &ATTRIBUTES.to_le_bytes(),
            &length(offset),
            self.name.as_bytes(),
            extra,
        ]
        .concat()
    }
}

fn end(entries: usize, directory_len: usize, directory_at: usize) -> Vec<u8> {
    let count = short(entries).to_le_bytes();
    let (disks, comment) = ([0; 4], [0; 2]);
    [&END[..], &disks, &count, &count, &length(directory_len), &length(directory_at), &comment].concat()
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("what goes into an access token is checked to be small").to_le_bytes()
}

fn short(length: usize) -> u16 {
    u16::try_from(length).expect("what goes into an access token is checked to be small")
}

/// MS-DOS time and date (two seconds, 1980 to 2107), here in UTC as the format has no zone.
fn dos_time(at: Timestamp) -> (u16, u16) {
    let at = at.to_zoned(TimeZone::UTC).datetime();
    let packed = |high: i16, middle: i8, low: i8| {
        let field = |value: i16| u16::try_from(value).expect("a part of a date from 1980 on");
        (field(high), field(middle.into()), field(low.into()))
    };
    let (hour, minute, second) = packed(at.hour().into(), at.minute(), at.second() / 2);
    let (year, month, day) = match at.year() {
        ..1980 => return EARLIEST,
        2108.. => return LATEST,
        year => packed(year - 1980, at.month(), at.day()),
    };
    (hour * 2048 + minute * 32 + second, year * 512 + month * 32 + day)
}

/// 1980-01-01 00:00:00.
const EARLIEST: (u16, u16) = (0, 32 + 1);
/// 2107-12-31 23:59:58.
const LATEST: (u16, u16) = (23 * 2048 + 59 * 32 + 29, 127 * 512 + 12 * 32 + 31);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_stay_within_what_the_format_can_say() {
        let time = |text: &str| dos_time(text.parse().unwrap());
        assert_eq!(time("2026-11-22T12:34:57Z"), (12 * 2048 + 34 * 32 + 28, 46 * 512 + 11 * 32 + 22));
        assert_eq!(time("1979-12-31T23:59:59Z"), EARLIEST);
        assert_eq!(time("1980-01-01T00:00:00Z"), EARLIEST);
        assert_eq!(time("2107-12-31T23:59:59Z"), LATEST);
        assert_eq!(time("2108-01-01T00:00:00Z"), LATEST);
    }
}
