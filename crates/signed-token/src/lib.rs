//! Membership tokens: a JSON statement about a person, signed by an issuer we trust.
//!
//! The body of a request goes in, a [`VerifiedToken`] comes out, and nothing in between can be
//! reached from outside: the one signed block is cut out, its signature is verified, and only
//! the text that the signature covers is ever parsed. Anything around the block is refused, so
//! that nobody can take unsigned text for signed.
//!
//! A token is a bearer secret until its `valid_until`. It proves that the issuer made the
//! statement, not who presents it. Pure: no clock, no disk, no network.

mod block;
mod error;
mod group;
mod identity;
mod json;
mod mail;
mod statement;
mod token;

pub use block::{MAX_BODY, cut_out};
pub use error::Error;
pub use group::{Group, NotAGroup};
pub use identity::{NotATokenId, NotATokenIdentity, TokenId, TokenIdentity};
pub use mail::{Mail, NotAMail};
pub use statement::Person;
pub use token::{Token, VerifiedToken, inspect, verify};
