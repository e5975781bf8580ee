//! What a file is, by its names and first bytes alone.

use std::collections::HashSet;

use crate::zip::{ZipEntry, looks_like_zip, shown};
use crate::{API_KEY, CERTIFICATE, EXTENSION, NOTE_EXTENSION};

/// What a file is, as far as can be seen without a passphrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A zip with `api_key.txt` and `server.cert`: what the stock reader takes, if it knows the ciphers.
    InnerFile,
    /// A zip with one inner file, and notes beside it.
    ZipEnvelope,
    /// Begins as an OpenPGP message does; armored ones may be signed alone, and not encrypted.
    OpenPgpMessage,
    /// A zip of another kind; the text says what is missing or too much.
    OtherArchive(String),
    /// Neither a zip nor an OpenPGP message.
    Other,
}

/// Says which kind of archive these entries are.
pub(crate) fn of_archive(entries: &[ZipEntry]) -> Form {
    if let Some(why) = objection(entries) {
        return Form::OtherArchive(why);
    }
    let named = |name: &str| entries.iter().any(|entry| entry.name == name);
    if named(API_KEY) && named(CERTIFICATE) && entries.len() == 2 {
        return Form::InnerFile;
    }
    let (inner, others): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| is_inner_file(&entry.name));
    let are_notes = others.iter().all(|entry| entry.name.to_lowercase().ends_with(NOTE_EXTENSION));
    match inner.len() {
        0 => Form::OtherArchive(missing(entries)),
        1 if are_notes && !named(API_KEY) => Form::ZipEnvelope,
        1 => Form::OtherArchive("an access token is in the file together with other things".to_owned()),
        _ => Form::OtherArchive("several access tokens are in the file".to_owned()),
    }
}

pub(crate) fn is_inner_file(name: &str) -> bool {
    name.to_lowercase().ends_with(EXTENSION)
}

/// What no archive here may have, whatever it is.
fn objection(entries: &[ZipEntry]) -> Option<String> {
    let mut seen = HashSet::new();
    for entry in entries {
        let name = shown(&entry.name);
        if !entry.is_file {
            return Some(format!("{name} is no file but a folder or a link"));
        }
        if entry.name.contains(['/', '\\', ':']) {
            return Some(format!("{name} does not stand at the root of the file"));
        }
        if !seen.insert(entry.name.to_lowercase()) {
            return Some(format!("{name} is in the file twice"));
        }
    }
    None
}

/// Names what an inner file would need, or has too much.
fn missing(entries: &[ZipEntry]) -> String {
    for wanted in [API_KEY, CERTIFICATE] {
        if entries.iter().all(|entry| entry.name != wanted) {
            let similar = entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(wanted));
            return match similar {
                Some(entry) => format!("{} is in the file, where {wanted} should be", shown(&entry.name)),
                None => format!("{wanted} is not in the file"),
            };
        }
    }
    let extra = entries.iter().find(|entry| ![API_KEY, CERTIFICATE].contains(&entry.name.as_str()));
    format!("{} is in the file, too", extra.map_or_else(String::new, |entry| shown(&entry.name)))
}

/// Says what a file is that could not be read as an archive.
pub(crate) fn of_bytes(file: &[u8]) -> Option<Form> {
    if is_openpgp_message(file) {
        Some(Form::OpenPgpMessage)
    } else if looks_like_zip(file) {
        None
    } else {
        Some(Form::Other)
    }
}

/// An armored message, or packets that begin as an encrypted message does (RFC 9580, 6.2 and 10.3).
fn is_openpgp_message(file: &[u8]) -> bool {
    if file.trim_ascii_start().starts_with(b"-----BEGIN PGP MESSAGE-----") {
        return true;
    }
    let Some((tag, versions)) = first_packet(file) else { return false };
    // Of each, the version is the first byte: RFC 9580 sections 5.1, 5.3, 5.13; 20 is GnuPG's own.
    match tag {
        1 => matches!(versions, 3 | 6),
        3 => matches!(versions, 4..=6),
        18 => matches!(versions, 1 | 2),
        20 => versions == 1,
        _ => false,
    }
}

/// Returns the first packet's tag and first byte (RFC 9580 section 4.2).
fn first_packet(file: &[u8]) -> Option<(u8, u8)> {
    let (first, rest) = file.split_first()?;
    let (tag, length_len) = match first {
        0xC0..=0xFF => {
            let length_len = match rest.first()? {
                0..=191 | 224..=254 => 1,
                192..=223 => 2,
                255 => 5,
            };
            (first & 0x3F, length_len)
        }
        0x80..=0xBF => ((first >> 2) & 0xF, [1, 2, 4, 0][usize::from(first & 3)]),
        _ => return None,
    };
    Some((tag, *rest.get(length_len)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zip::{Cipher, Compression};

    fn form(names: &[&str]) -> Form {
        let entry = |name: &&str| ZipEntry {
            name: (*name).to_owned(),
            cipher: Cipher::ZipCrypto,
            compression: Compression::Stored,
            is_file: !name.ends_with('/'),
            size: 0,
            data: 0..0,
            crc: None,
            check: 0,
        };
        of_archive(&names.iter().map(entry).collect::<Vec<_>>())
    }

    #[test]
    fn two_entries_of_these_names_are_an_inner_file_in_any_order() {
        assert_eq!(form(&["api_key.txt", "server.cert"]), Form::InnerFile);
        assert_eq!(form(&["server.cert", "api_key.txt"]), Form::InnerFile);
    }

    #[test]
    fn one_inner_file_and_notes_are_an_envelope() {
        assert_eq!(form(&["jane.dcor-access"]), Form::ZipEnvelope);
        assert_eq!(form(&["LIES.TXT", "Jane.DCOR-access", "read.txt"]), Form::ZipEnvelope);
    }

    #[test]
    fn anything_else_says_what_is_wrong_with_it() {
        let wrong: [(&[&str], &str); 12] = [
            (&[], "api_key.txt is not in the file"),
            (&["api_key.txt"], "server.cert is not in the file"),
            (&["server.cert", "api_key"], "api_key.txt is not in the file"),
            (&["api_key.txt", "Server.cert"], "Server.cert is in the file, where server.cert should be"),
            (&["api_key.txt", "server.cert", "notes.txt"], "notes.txt is in the file, too"),
            (&["api_key.txt", "server.cert", "server.cert"], "server.cert is in the file twice"),
            (&["api_key.txt", "server.cert", "API_KEY.TXT"], "API_KEY.TXT is in the file twice"),
            (&["token/", "api_key.txt"], "token/ is no file but a folder or a link"),
            (&["./api_key.txt", "server.cert"], "./api_key.txt does not stand at the root of the file"),
            (&["a.dcor-access", "b.dcor-access"], "several access tokens are in the file"),
            (&["a.dcor-access", "b.exe"], "an access token is in the file together with other things"),
            (&["a\u{1b}[2J.x"], "api_key.txt is not in the file"),
        ];
        for (names, why) in wrong {
            assert_eq!(form(names), Form::OtherArchive(why.to_owned()), "{names:?}");
        }
    }

    #[test]
    fn names_from_the_file_are_fit_for_a_terminal() {
        let Form::OtherArchive(why) = form(&["\u{1b}[2J\u{202e}/"]) else { panic!("a folder") };
        assert_eq!(why, "\\u{1b}[2J\\u{202e}/ is no file but a folder or a link");
    }

    #[test]
    fn openpgp_messages_are_known_by_their_first_bytes() {
        let armored: &[u8] = b"\n-----BEGIN PGP MESSAGE-----\n\n";
        // As GnuPG begins: to a key (old and new format), to a passphrase, without either.
        let begins: [&[u8]; 5] =
            [armored, &[0x85, 1, 12, 3], &[0xC1, 192, 0, 3], &[0x8C, 13, 4, 9], &[0xD2, 0xFF, 0, 0, 1, 0, 1]];
        for file in begins {
            assert_eq!(of_bytes(file), Some(Form::OpenPgpMessage), "{file:x?}");
        }
        let others: [&[u8]; 4] = [b"", b"a text", b"-----BEGIN PGP PUBLIC KEY BLOCK-----", &[0x99, 1, 12, 4]];
        for file in others {
            assert_eq!(of_bytes(file), Some(Form::Other), "{file:x?}");
        }
        assert_eq!(of_bytes(b"PK\x03\x04 cut short"), None);
    }
}
