//! What is said beside a backup: what is in it, who can open it, how it was tried out.
//!
//! A backup is one sealed file, which nobody without a private key can look into. Its *manifest* lies beside
//! it: signed, so that whoever can write to the folder cannot say another thing, and complete, so that a
//! restore can be compared with what was there. A *drill* says that a backup was restored, and how that came out.
//!
//! Pure on purpose: no clock, no disk, no network. The program writes through this crate and an outside
//! reader checks through it, so there is one definition of a manifest.

mod drill;
mod form;
mod manifest;

pub use drill::{Drill, Outcome};
pub use form::{ManifestError, TooLong};
pub use manifest::{Compression, Dump, DumpFormat, Manifest, Measure, Part, RecipientKey};
pub use signed_note::{KeyId, MAX_BYTES, OpenError, Signer, VerifierKey};
