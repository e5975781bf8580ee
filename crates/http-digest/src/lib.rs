//! HTTP Digest (RFC 7616, MD5 and SHA-256, `qop=auth`): challenges, credentials, one verdict.
//!
//! A nonce carries its time under a MAC, bound to one service and realm, so a server checks
//! nonces that another replica issued and remembers none. Passwords never come here either:
//! the caller finds the [`Ha1`] of a login, [`ProtectionSpace::verify`] says what it proves.
//! [`client`] answers what other servers ask; [`Credentials::proves`] looks at what somebody
//! answered to another server.
//!
//! Pure on purpose: no clock, no disk, no network, no randomness; all of them are arguments.
//!
//! # What this does not prove
//!
//! The nonce count is read, hashed and handed out ([`NonceUse`]), not remembered. Unless the
//! caller remembers it, whoever sees a request in the clear can repeat that very request (same
//! method, target and service) for [`NONCE_LIFETIME`]; nothing else can be made of it. So Digest
//! belongs inside TLS, where nobody sees it. Bodies are not covered (`qop=auth`), and MD5 here
//! resists forgery only as far as the password is random. Where both algorithms are offered, MD5
//! is as good a key as SHA-256.
//!
//! ```
//! use http_digest::{Credentials, NonceKey, NonceKeys, Offer, ProtectionSpace, Request, Verdict, client};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let now: jiff::Timestamp = "2026-11-21T12:00:00Z".parse()?;
//! let realm = "FDSN".parse()?;
//! let keys = NonceKeys::new(NonceKey::new([7; 32]), vec![]);
//! let offer = Offer::Md5AndSha256;
//! let space = ProtectionSpace { service: "/fdsnws/dataselect/1", realm: &realm, keys: &keys, offer };
//! let request = Request { method: "GET", target: "/fdsnws/dataselect/1/queryauth?net=XX" };
//!
//! let challenges = space.challenges(now, [42; 12], false);
//!
//! let asked = client::Challenge::choose(challenges.iter().map(String::as_str))?;
//! let header = client::answer(&asked, "LOGIN", "PASSWORD", request, 1, "0a4f113b")?;
//!
//! let credentials = Credentials::parse(&header)?;
//! let ha1 = credentials.ha1("PASSWORD");
//! assert!(matches!(space.verify(&credentials, request, Some(&ha1), now), Verdict::Right(_)));
//! # Ok(())
//! # }
//! ```

mod algorithm;
mod auth_param;
mod challenge;
mod challenge_list;
pub mod client;
mod credentials;
mod ha1;
mod nonce;
mod realm;
mod verify;

pub use algorithm::Algorithm;
pub use auth_param::Scheme;
pub use challenge::Offer;
pub use credentials::{Credentials, Malformed};
pub use ha1::Ha1;
pub use nonce::{CLOCK_OFFSET, NONCE_LIFETIME, NONCE_RANDOM_LEN, NonceId, NonceKey, NonceKeys};
pub use realm::{NotARealm, Realm};
pub use verify::{NonceUse, ProtectionSpace, Request, Verdict};
