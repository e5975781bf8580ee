//! Access tokens of DCOR (`.dcor-access`): written, inspected without a passphrase, and opened with one.
//!
//! A token is an API key and the certificate of the server that it is for. Its [`InnerFile`] is a zip with
//! `api_key.txt` and `server.cert`, encrypted with ZipCrypto, because the programs that read it (`dclab`,
//! DCOR-Aid) know no other cipher. ZipCrypto protects nothing: the certificate is public, and known bytes
//! give the rest away in seconds. So what is sent is an *envelope* around it: an AES-256 zip
//! ([`write_zip_envelope`]), or an OpenPGP message, which is made elsewhere. [`inspect`] and [`verdict`] say
//! of any file who can open it.
//!
//! Pure on purpose: no clock, no disk, no network, no randomness; all of them are arguments.
//!
//! # What this does not prove
//!
//! Neither form says who made it. An envelope's content cannot be changed without the passphrase, but its
//! notes and names can, and the whole file can be exchanged for another: so the fingerprint of the
//! certificate has to reach the user by the way that the passphrase takes.
//!
//! ```
//! use access_token::{AccessToken, Passphrase, ServerCertificate, Verdict};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server_pem = include_bytes!("../tests/golden/server.pem");
//! # let now: jiff::Timestamp = "2026-11-22T12:00:00Z".parse()?;
//! # let mut random = |bytes: &mut [u8]| bytes.fill(7);
//! let certificate = ServerCertificate::parse(server_pem)?;
//! certificate.check_host("dcor.example.org")?;
//! let token = AccessToken { api_key: "vN3kQ0mW7xTzR5uYb8LpAe2HcJ4sGd6FiOo1ZqXyUKw".parse()?, certificate };
//!
//! let passphrase = Passphrase::generate(&mut random);
//! let inner = access_token::write_inner(&token, &passphrase, now, &mut random);
//! let notes = [("read-me.txt", "Open this with 7-Zip.")];
//! let file =
//!     access_token::write_zip_envelope(&inner, "jane.dcor-access", &notes, &passphrase, now, &mut random)?;
//!
//! let inspection = access_token::inspect(&file)?;
//! assert_eq!(access_token::verdict(&inspection, true), Verdict::PassphraseHolders);
//! assert_eq!(access_token::open(&file, &passphrase)?.token, token);
//! # Ok(())
//! # }
//! ```

mod api_key;
mod certificate;
mod error;
mod form;
mod host;
mod inspect;
mod open;
mod passphrase;
mod verdict;
mod write;
mod zip;

pub use api_key::{ApiKey, KeyKind, NotAKeyKind, NotAnApiKey};
pub use certificate::{CertificateFingerprint, NotACertificate, ServerCertificate};
pub use error::Error;
pub use form::Form;
pub use host::HostError;
pub use inspect::{Entry, Inspection, MAX_LEN, inspect};
pub use open::{Opened, open};
pub use passphrase::{NotAPassphrase, Passphrase};
pub use verdict::{Verdict, Weakness, verdict};
pub use write::{AccessToken, InnerFile, NotAFileName, write_inner, write_zip_envelope};
pub use zip::{Cipher, Compression};

/// The entry that the stock reader takes the API key from.
pub(crate) const API_KEY: &str = "api_key.txt";
/// The entry that the stock reader takes the certificate from.
pub(crate) const CERTIFICATE: &str = "server.cert";
/// What names of inner files end in.
pub(crate) const EXTENSION: &str = ".dcor-access";
/// What names of notes in an envelope end in.
pub(crate) const NOTE_EXTENSION: &str = ".txt";
