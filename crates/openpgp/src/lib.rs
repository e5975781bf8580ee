//! OpenPGP as this product needs it: pinned keys, messages that one of them signed, and streams
//! sealed so that only one of them opens.
//!
//! The library underneath parses packets and has no opinion. Everything that makes a signature
//! *count* is decided here: which keys are trusted (by full fingerprint), whether a key may sign,
//! has expired or was revoked, which hashes are too weak, and which of a message's many possible
//! shapes are refused. What a key says about itself is checked once, when it is pinned, so that
//! verifying a message costs little more than its one public-key operation.
//!
//! Pure on purpose: no clock, no disk, no network. Time and randomness are arguments.

mod algorithm;
mod armor;
mod armor_reader;
mod armor_writer;
mod certificate;
mod cfb;
mod component;
mod describe;
mod fingerprint;
mod flaw;
mod gcm;
mod mdc;
mod message;
mod message_input;
mod open;
mod opened_content;
mod opening_key;
mod packet_reader;
mod packet_stream;
mod recipient;
mod seal;
mod sealed_message;
mod sealing;
mod self_signature;
mod signing_key;
mod time;
mod trust;
mod verify;
mod walk;

pub use algorithm::{HashAlgorithm, KeyAlgorithm};
pub use certificate::{Certificate, CertificateError};
pub use describe::{DescribeError, describe};
pub use fingerprint::{Fingerprint, NotAFingerprint};
pub use flaw::Flaw;
pub use message::Limits;
pub use open::{OpenError, Opened, open_to};
pub use opening_key::{OpeningKey, OpeningKeyError};
pub use recipient::{EncryptionKey, Recipient, RecipientError, RecipientStatus};
pub use seal::{SealError, SealOptions, Sealed, seal_to, seal_with_passphrase};
pub use sealed_message::{AeadMode, Cipher, NamedKey, Opener, Protection, SealedMessage, Stretching};
pub use signing_key::{Algorithm, LibraryError, SigningError, SigningKey};
pub use trust::{Allowances, KeyStatus, PinError, TrustedKey, TrustedKeys};
pub use verify::{ClaimedIssuer, Refusal, Verified, verify};
pub use walk::{Walked, walk};
