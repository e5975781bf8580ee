//! The `WWW-Authenticate` header.

use crate::nonce::{self, NONCE_RANDOM_LEN};
use crate::{Algorithm, ProtectionSpace};
use jiff::Timestamp;

/// Which answers a service takes, and asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// MD5 alone: what every client speaks.
    Md5,
    /// MD5 first, SHA-256 second: clients that look at the first challenge only, or at the last,
    /// find one that they understand.
    Md5AndSha256,
}

impl Offer {
    /// The algorithms, in the order of their challenges.
    pub(crate) fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Self::Md5 => &[Algorithm::Md5],
            Self::Md5AndSha256 => &[Algorithm::Md5, Algorithm::Sha256],
        }
    }
}

impl ProtectionSpace<'_> {
    /// Writes the values of the `WWW-Authenticate` fields of a 401, RFC 7616 section 3.3: one
    /// field an algorithm, to be sent in this order and never as one field.
    ///
    /// `random` must be new each time. `stale` tells the client that its password was right and
    /// only the nonce is not ([`Verdict::Stale`](crate::Verdict::Stale)): it then tries again
    /// without asking anybody.
    ///
    /// MD5 comes first: curl and Python's urllib look at the first challenge only, and urllib gives
    /// up if that says SHA-256. All share one nonce, because Python's requests reads them as one,
    /// each parameter from wherever it stands last, and wget answers the last by MD5 whatever it
    /// says. Quoted and bare values stand as section 3.3 wants them.
    pub fn challenges(&self, now: Timestamp, random: [u8; NONCE_RANDOM_LEN], stale: bool) -> Vec<String> {
        let realm = self.realm;
        let nonce = nonce::issue(*self, now, random);
        let stale = if stale { ", stale=true" } else { "" };
        let challenge = |algorithm: &Algorithm| {
            let algorithm = algorithm.as_str();
            format!(r#"Digest realm="{realm}", qop="auth", algorithm={algorithm}, nonce="{nonce}"{stale}"#)
        };
        self.offer.algorithms().iter().map(challenge).collect()
    }
}
