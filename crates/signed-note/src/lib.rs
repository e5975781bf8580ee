//! Signed notes (c2sp.org/signed-note): a text that people can read, with Ed25519 signatures under it.
//!
//! ```text
//! If you think cryptography is the answer to your problem,
//! then you don't know what your problem is.
//!
//! — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
//! ```
//!
//! Whoever reads a note names the keys that count. There is no text without one of their signatures:
//! [`open`] is the only way to it. Cosignatures, by whoever saw the note of a log, are read apart from
//! signatures ([`cosignatures`]): a cosigner's key opens nothing.
//!
//! Pure on purpose: no clock, no disk, no network, no randomness (Ed25519 needs none).

mod cosignature;
mod key;
mod note;

pub use cosignature::{Cosignature, Cosigner, CosignerKey, cosignatures};
pub use key::{KeyId, NotAName, NotAVerifierKey, Signer, VerifierKey};
pub use note::{MAX_BYTES, MAX_SIGNATURES, NotAText, Note, OpenError, open};
