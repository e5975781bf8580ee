//! Certificates of machines (RFC 5280): read, compared with registrations, and judged.
//!
//! | question | asked of |
//! |---|---|
//! | what stands in it | [`Certificate`] |
//! | is it believed, and by whose word | [`Trust::judge`], which gives a [`Standing`] or a reason: [`Untrusted`] |
//! | which registration means it | [`Standing::keys`], held against each registration's [`Key`] |
//!
//! A certificate is believed in one of two ways (IHE ITI-19): a path leads from it to an authority that is
//! trusted, or exactly this certificate is registered. Being believed names nobody: a machine is who its
//! registration says, and whoever has none is nobody.
//!
//! Pure on purpose: no clock, no disk, no network.

mod certificate;
mod fingerprint;
mod key;
mod name;
mod pem;
mod revocation;
mod san;
mod trust;
mod untrusted;

pub use certificate::{Certificate, NotACertificate};
pub use fingerprint::{Fingerprint, NotAFingerprint};
pub use key::{Authority, Key, Named};
pub use name::{DistinguishedName, NotAName};
pub use pem::{FileError, certificates, revocation_lists};
pub use revocation::{NotAList, RevocationList};
pub use san::{NotASan, San};
pub use trust::{Lists, NotAnAuthority, Standing, Trust, Way};
pub use untrusted::Untrusted;
