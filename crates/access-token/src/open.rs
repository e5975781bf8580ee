//! Opens a file with its passphrase.

use crate::api_key::{self, ApiKey, NotAnApiKey};
use crate::certificate::{self, ServerCertificate};
use crate::error::Error;
use crate::form::{self, Form};
use crate::inspect::{look, unwrap};
use crate::passphrase::Passphrase;
use crate::write::{AccessToken, InnerFile};
use crate::zip::{self, ZipEntry};
use crate::{API_KEY, CERTIFICATE};

/// What was in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub token: AccessToken,
    /// What the stock reader takes; the file itself, or what was in the envelope.
    pub inner: InnerFile,
    /// Whether there was an envelope around it.
    pub was_enveloped: bool,
}

/// Opens an inner file, or a zip envelope and the inner file in it, with one passphrase.
///
/// `Ok` proves that whoever made the file knew the passphrase only where AES was used: with ZipCrypto,
/// anybody can have exchanged the certificate. Compare its fingerprint.
///
/// # Errors
///
/// [`Error::Passphrase`] if it does not open; the other variants say what the file is instead of an access
/// token, and what to ask for.
pub fn open(file: &[u8], passphrase: &Passphrase) -> Result<Opened, Error> {
    let (form, entries) = look(file)?;
    if form != Form::ZipEnvelope {
        let token = token(file, form, &entries, passphrase)?;
        return Ok(Opened { token, inner: InnerFile(file.to_vec()), was_enveloped: false });
    }
    let inner = entries.iter().find(|entry| form::is_inner_file(&entry.name));
    let inner = unwrap(file, inner.expect("an envelope has an inner file"), passphrase.as_bytes())?;
    let (form, entries) = look(&inner)?;
    let token = token(&inner, form, &entries, passphrase)?;
    Ok(Opened { token, inner: InnerFile(inner), was_enveloped: true })
}

fn token(
    file: &[u8],
    form: Form,
    entries: &[ZipEntry],
    passphrase: &Passphrase,
) -> Result<AccessToken, Error> {
    match form {
        Form::InnerFile => {}
        Form::ZipEnvelope => {
            return Err(Error::NotAnAccessToken("an envelope in an envelope; unpack the outer one"));
        }
        Form::OpenPgpMessage => return Err(Error::NotAnAccessToken("an OpenPGP message; decrypt it first")),
        Form::OtherArchive(why) => return Err(Error::Entries(why)),
        Form::Other => return Err(Error::NotAnAccessToken("neither a zip archive nor an OpenPGP message")),
    }
    let content = |name: &str, limit| {
        let entry = entries.iter().find(|entry| entry.name == name).expect("an inner file has both entries");
        zip::extract(file, entry, passphrase.as_bytes(), limit)
    };
    let key = content(API_KEY, api_key::MAX_LEN)?;
    let certificate = content(CERTIFICATE, certificate::MAX_LEN)?;
    Ok(AccessToken { api_key: read_key(&key)?, certificate: ServerCertificate::parse(&certificate)? })
}

fn read_key(content: &[u8]) -> Result<ApiKey, NotAnApiKey> {
    let before =
        |error: std::str::Utf8Error| String::from_utf8_lossy(&content[..error.valid_up_to()]).chars().count();
    std::str::from_utf8(content).map_err(|error| NotAnApiKey::Character(before(error) + 1))?.parse()
}
