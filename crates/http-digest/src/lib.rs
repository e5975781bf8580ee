//! Server side of HTTP Digest (RFC 7616, MD5, `qop=auth`): challenge, credentials, one verdict.
//!
//! A nonce carries its time under a MAC, bound to one service and realm, so a server checks
//! nonces that another replica issued and remembers none. Passwords never come here either:
//! the caller finds the [`Ha1`] of a login, [`ProtectionSpace::verify`] says what it proves.
//!
//! Pure on purpose: no clock, no disk, no network, no randomness; all of them are arguments.
//!
//! # What this does not prove
//!
//! The nonce count is read and hashed, not remembered. Whoever sees a request in the clear can
//! repeat that very request (same method, target and service) for [`NONCE_LIFETIME`]; nothing
//! else can be made of it. So Digest belongs inside TLS, where nobody sees it. Bodies are not
//! covered (`qop=auth`), and MD5 here resists forgery only as far as the password is random.
//!
//! ```
//! use http_digest::{Credentials, Ha1, NonceKey, NonceKeys, ProtectionSpace, Request, Verdict, client};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let now: jiff::Timestamp = "2026-11-21T12:00:00Z".parse()?;
//! let realm = "FDSN".parse()?;
//! let keys = NonceKeys::new(NonceKey::new([7; 32]), vec![]);
//! let space = ProtectionSpace { service: "/fdsnws/dataselect/1", realm: &realm, keys: &keys };
//! let request = Request { method: "GET", target: "/fdsnws/dataselect/1/queryauth?net=XX" };
//!
//! let challenge = space.challenge(now, [42; 12], false);
//!
//! let asked = client::Challenge::parse(&challenge).ok_or("not a Digest challenge")?;
//! let header = client::answer(&asked, "LOGIN", "PASSWORD", request, 1, "0a4f113b");
//!
//! let credentials = Credentials::parse(&header)?;
//! let ha1 = Ha1::of(credentials.login(), &realm, "PASSWORD");
//! assert_eq!(space.verify(&credentials, request, Some(&ha1), now), Verdict::Right);
//! # Ok(())
//! # }
//! ```

mod auth_param;
mod challenge;
pub mod client;
mod credentials;
mod ha1;
mod nonce;
mod realm;
mod verify;

pub use auth_param::Scheme;
pub use credentials::{Credentials, Malformed};
pub use ha1::Ha1;
pub use nonce::{CLOCK_OFFSET, NONCE_LIFETIME, NONCE_RANDOM_LEN, NonceKey, NonceKeys};
pub use realm::{NotARealm, Realm};
pub use verify::{ProtectionSpace, Request, Verdict};
