//! Identity tokens: what an OpenID Connect issuer signed about a person, verified strictly.
//!
//! A compact JWS (RFC 7515) goes in, a [`VerifiedIdToken`] comes out. The header chooses among the
//! keys that were given and the algorithms that were allowed, and nothing else of it is believed:
//! never `none`, never a shared secret, never a key or an address of keys that the token itself
//! brings (RFC 8725). Claims are parsed only once the signature over them is good, and in one way
//! only: a name that stands twice in an object is refused.
//!
//! A token is a bearer secret until its `exp`. It proves that the issuer made the statement, not
//! who presents it. Pure: no clock, no disk, no network; whoever uses this fetches the keys.

mod claims;
mod error;
mod json;
mod key;
mod key_set;
mod token;
mod verifier;

pub use claims::{ClaimPath, NotAClaimPath};
pub use error::Refusal;
pub use key::{Algorithm, NotAnAlgorithm};
pub use key_set::{KeySet, MAX_KEY_SET, MAX_KEYS, NotAKeySet, Unusable};
pub use token::{IdToken, VerifiedIdToken};
pub use verifier::{ISSUED_AHEAD, LONGEST, MAX_TOKEN, MailTrust, Verifier};
