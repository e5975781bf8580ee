//! Writes an access token: the inner file for the program, and the envelope for the way to the user.

use std::fmt;

use jiff::Timestamp;

use crate::api_key::ApiKey;
use crate::certificate::ServerCertificate;
use crate::passphrase::Passphrase;
use crate::zip::{MAX_ENTRIES, NewEntry, Protection, write};
use crate::{API_KEY, CERTIFICATE, EXTENSION, NOTE_EXTENSION};

/// What a user needs to reach a server: the key, and the certificate that the server will show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    pub api_key: ApiKey,
    pub certificate: ServerCertificate,
}

/// A file that the stock reader opens. Whoever has it has the key: keep it where the key may be.
///
/// Made by [`write_inner`], or by opening a file that was checked to hold a token.
#[derive(Clone, PartialEq, Eq)]
pub struct InnerFile(pub(crate) Vec<u8>);

impl InnerFile {
    /// Returns the file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for InnerFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InnerFile({} bytes)", self.0.len())
    }
}

/// Why an envelope cannot be written. The caller has to choose other names, or shorter notes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAFileName {
    /// On one of the systems that a user may have.
    #[error("{0:?} cannot be a file's name on every system")]
    Name(String),
    #[error("{0:?} does not end in {1}")]
    Extension(String, &'static str),
    #[error("two files would be named {0:?}")]
    Twice(String),
    #[error("the notes have more than {MAX_NOTES} files or {MAX_NOTES_LEN} bytes")]
    TooMuch,
}

const MAX_NOTES: usize = MAX_ENTRIES - 1;
const MAX_NOTES_LEN: usize = 256 * 1024;
/// With an extension and a folder in front, still short enough for every system.
const MAX_NAME_LEN: usize = 128;

/// Writes the file that the stock reader opens: both entries stored, encrypted with ZipCrypto.
///
/// Both, because a certificate in the clear could be exchanged without the passphrase, and the reader would
/// give another server the key. `modified` is written to two seconds, in UTC. `random` is asked for 22 bytes.
pub fn write_inner(
    token: &AccessToken,
    passphrase: &Passphrase,
    modified: Timestamp,
    random: &mut dyn FnMut(&mut [u8]),
) -> InnerFile {
    let pem = token.certificate.pem();
    let entry = |name, content| NewEntry { name, content, protection: Protection::ZipCrypto };
    let entries = [entry(API_KEY, token.api_key.as_str().as_bytes()), entry(CERTIFICATE, pem.as_bytes())];
    InnerFile(write(&entries, passphrase.as_bytes(), modified, random))
}

/// Writes the file that is safe to send: the inner file under AES-256, and notes that anybody can read.
///
/// `inner_name` ends in `.dcor-access`, `notes` are names (`.txt`) and texts. The passphrase may be the inner
/// file's: the envelope shows nothing of it, and whoever opened the envelope has what the inner file protects.
/// `random` is asked for 16 bytes.
///
/// # Errors
///
/// [`NotAFileName`] for names that a user's system could refuse; notes are bounded.
pub fn write_zip_envelope(
    inner: &InnerFile,
    inner_name: &str,
    notes: &[(&str, &str)],
    passphrase: &Passphrase,
    modified: Timestamp,
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<Vec<u8>, NotAFileName> {
    check_name(inner_name, EXTENSION)?;
    let notes_len = notes.iter().map(|(_, text)| text.len()).sum::<usize>();
    if notes.len() > MAX_NOTES || notes_len > MAX_NOTES_LEN {
        return Err(NotAFileName::TooMuch);
    }
    let mut entries =
        vec![NewEntry { name: inner_name, content: inner.as_bytes(), protection: Protection::Aes256 }];
    for (name, text) in notes {
        check_name(name, NOTE_EXTENSION)?;
        if entries.iter().any(|entry| entry.name.to_lowercase() == name.to_lowercase()) {
            return Err(NotAFileName::Twice((*name).to_owned()));
        }
        entries.push(NewEntry { name, content: text.as_bytes(), protection: Protection::None });
    }
    Ok(write(&entries, passphrase.as_bytes(), modified, random))
}

/// Names that Windows, macOS and Linux all take, and that stay where they are put.
fn check_name(name: &str, extension: &'static str) -> Result<(), NotAFileName> {
    let forbidden = |c: char| c.is_control() || "\\/:*?\"<>|".contains(c);
    if name.len() > MAX_NAME_LEN || name.starts_with(['.', ' ', '-', '~']) || name.contains(forbidden) {
        return Err(NotAFileName::Name(name.to_owned()));
    }
    if !name.ends_with(extension) {
        return Err(NotAFileName::Extension(name.to_owned(), extension));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_795_348_800, 0);

    fn token() -> AccessToken {
        AccessToken {
            api_key: "vN3kQ0mW7xTzR5uYb8LpAe2HcJ4sGd6FiOo1ZqXyUKw".parse().unwrap(),
            certificate: ServerCertificate::parse(include_bytes!("../tests/golden/server.pem")).unwrap(),
        }
    }

    fn passphrase() -> Passphrase {
        Passphrase::parse("31415-92653-58979-32384-62643-38327-95028-84197").unwrap()
    }

    fn envelope(name: &str, notes: &[(&str, &str)]) -> Result<Vec<u8>, NotAFileName> {
        let inner = write_inner(&token(), &passphrase(), NOW, &mut |bytes| bytes.fill(1));
        write_zip_envelope(&inner, name, notes, &passphrase(), NOW, &mut |bytes| bytes.fill(2))
    }

    #[test]
    fn the_same_arguments_make_the_same_file_and_other_randomness_another() {
        let inner = |byte| write_inner(&token(), &passphrase(), NOW, &mut |bytes| bytes.fill(byte));
        assert_eq!(inner(1), inner(1));
        assert_ne!(inner(1), inner(2));
    }

    #[test]
    fn each_entry_asks_for_randomness_of_its_own() {
        let mut asked = Vec::new();
        write_inner(&token(), &passphrase(), NOW, &mut |bytes| asked.push(bytes.len()));
        assert_eq!(asked, [11, 11]);
    }

    #[test]
    fn nothing_of_the_key_or_the_certificate_stands_in_the_file() {
        let inner = write_inner(&token(), &passphrase(), NOW, &mut |bytes| bytes.fill(1));
        let envelope = envelope("jane.dcor-access", &[]).unwrap();
        for file in [inner.as_bytes(), &envelope] {
            for secret in [&token().api_key.as_str().as_bytes()[..8], b"BEGIN CERT"] {
                assert!(!file.windows(secret.len()).any(|window| window == secret));
            }
        }
    }

    #[test]
    fn names_that_some_system_refuses_are_refused_here() {
        for name in
            ["a/b.dcor-access", "..\\b.dcor-access", ".dcor-access", "a:b.dcor-access", "-rf.dcor-access"]
        {
            assert_eq!(envelope(name, &[]), Err(NotAFileName::Name(name.to_owned())));
        }
        let error = envelope("jane.zip", &[]).unwrap_err();
        assert_eq!(error, NotAFileName::Extension("jane.zip".to_owned(), ".dcor-access"));
        envelope("J\u{f6}rg M\u{fc}ller.dcor-access", &[("lies mich.txt", "")]).unwrap();
    }

    #[test]
    fn notes_are_texts_with_names_of_their_own_and_bounded() {
        let notes = |notes: &[(&str, &str)]| envelope("jane.dcor-access", notes).unwrap_err();
        assert!(matches!(notes(&[("read-me.html", "")]), NotAFileName::Extension(..)));
        assert_eq!(notes(&[("a.txt", ""), ("A.txt", "")]), NotAFileName::Twice("A.txt".to_owned()));
        assert_eq!(notes(&[("a.txt", &"x".repeat(MAX_NOTES_LEN + 1))]), NotAFileName::TooMuch);
    }
}
