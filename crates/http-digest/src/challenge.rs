//! The `WWW-Authenticate` header.

use crate::ProtectionSpace;
use crate::nonce::{self, NONCE_RANDOM_LEN};
use jiff::Timestamp;

impl ProtectionSpace<'_> {
    /// Writes the value of the one `WWW-Authenticate` header of a 401, RFC 7616 section 3.3.
    ///
    /// `random` must be new each time. `stale` tells the client that its password was right and
    /// only the nonce is not ([`Verdict::Stale`](crate::Verdict::Stale)): it then tries again
    /// without asking anybody.
    ///
    /// MD5 alone, in one header: Python's urllib looks at the first challenge only and gives up
    /// if that says SHA-256. Quoted and bare values stand as section 3.3 wants them.
    pub fn challenge(&self, now: Timestamp, random: [u8; NONCE_RANDOM_LEN], stale: bool) -> String {
        let realm = self.realm;
        let nonce = nonce::issue(*self, now, random);
        let stale = if stale { ", stale=true" } else { "" };
        format!(r#"Digest realm="{realm}", qop="auth", algorithm=MD5, nonce="{nonce}"{stale}"#)
    }
}
