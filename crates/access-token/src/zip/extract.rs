//! The content of one entry: decrypted, unpacked, compared with its checksum.

use flate2::{Decompress, FlushDecompress, Status};
use zeroize::Zeroizing;

use super::{Cipher, Compression, ZipEntry, crc32, winzip_aes, zip_crypto};
use crate::error::Error;

/// Returns what is in `entry` of the archive `file`, if that is at most `limit` bytes.
///
/// Memory is taken for what the entry says and not for more, however much its data would unpack to.
pub(crate) fn extract(
    file: &[u8],
    entry: &ZipEntry,
    passphrase: &[u8],
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if entry.size > limit {
        return Err(Error::TooLarge { what: "an entry", limit });
    }
    let data = &file[entry.data.clone()];
    let wrong = || Error::Passphrase(shown(&entry.name));
    let (packed, fault) = match entry.cipher {
        Cipher::None => {
            (Zeroizing::new(data.to_vec()), Error::Damaged("an entry does not have its checksum"))
        }
        Cipher::ZipCrypto => (zip_crypto::decrypt(data, passphrase, entry.check).ok_or_else(wrong)?, wrong()),
        Cipher::Aes128 | Cipher::Aes192 | Cipher::Aes256 => {
            let plain =
                winzip_aes::decrypt(data, passphrase, entry.cipher).map_err(|refused| match refused {
                    winzip_aes::Refused::CutShort => {
                        Error::Damaged("an entry is shorter than its encryption")
                    }
                    winzip_aes::Refused::Passphrase | winzip_aes::Refused::Mac => wrong(),
                })?;
            (plain, Error::Damaged("an entry does not have its checksum"))
        }
        Cipher::Unknown => {
            return Err(Error::Unsupported(format!("{} is encrypted in an unusual way", shown(&entry.name))));
        }
    };
    let content = match entry.compression {
        Compression::Stored => Some(packed),
        Compression::Deflated => inflate(&packed, entry.size),
        Compression::Other(method) => {
            let name = shown(&entry.name);
            return Err(Error::Unsupported(format!(
                "{name} is compressed in an unusual way (method {method})"
            )));
        }
    };
    let is_right = |content: &Zeroizing<Vec<u8>>| {
        content.len() == entry.size && entry.crc.is_none_or(|crc| crc == crc32(content))
    };
    content.filter(is_right).ok_or(fault)
}

/// Unpacks exactly `size` bytes (RFC 1951) from exactly these.
fn inflate(packed: &[u8], size: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(vec![0; size]);
    let mut inflater = Decompress::new(false);
    let status = inflater.decompress(packed, &mut content, FlushDecompress::Finish).ok()?;
    let is_whole = status == Status::StreamEnd
        && usize::try_from(inflater.total_in()) == Ok(packed.len())
        && usize::try_from(inflater.total_out()) == Ok(size);
    is_whole.then_some(content)
}

/// A name out of a file, fit for a terminal.
pub(crate) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(100).flat_map(char::escape_debug).collect();
    if name.chars().count() > 100 {
        shown.push_str("...");
    }
    shown
}
