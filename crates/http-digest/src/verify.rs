//! The decision: what the credentials of one request prove.

use crate::nonce::{self, Age, NonceId};
use crate::{Credentials, Ha1, NonceKeys, Offer, Realm};
use jiff::Timestamp;
use subtle::{Choice, ConstantTimeEq};

/// Where a login counts: one service, its realm and the keys of its nonces.
///
/// A nonce issued for one service is foreign to all others, also in the same realm.
#[derive(Clone, Copy, Debug)]
pub struct ProtectionSpace<'a> {
    /// What tells this service from the others that share the keys.
    pub service: &'a str,
    /// What clients hash with the password.
    pub realm: &'a Realm,
    /// Shared by all services and replicas.
    pub keys: &'a NonceKeys,
    /// Which answers count.
    pub offer: Offer,
}

/// The part of a request that an answer is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// As sent, `GET` or `POST`.
    pub method: &'a str,
    /// Path and query exactly as sent: nothing decoded, nothing normalised.
    pub target: &'a str,
}

/// Which use of which nonce a right answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceUse {
    /// A nonce of ours.
    pub nonce: NonceId,
    /// The client's count of its requests with this nonce, the `nc` that it vouched for.
    pub count: u32,
}

/// What credentials are worth.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Whoever sent this knows the password, and answered a nonce of ours that is still good.
    /// Whether this very answer came before is for whoever remembers the uses of nonces.
    Right(NonceUse),
    /// The password was right and the nonce no good: too old, made under a key since retired, or
    /// for another service. No failure: challenge with `stale`, and the client repeats by itself.
    Stale,
    /// The answer to a nonce of ours, with a wrong password or for an unknown login.
    WrongAnswer,
    /// The answer to a nonce that is not ours, with a wrong password or for an unknown login.
    /// As much an attempt at guessing as [`Verdict::WrongAnswer`].
    ForeignNonce,
    /// Answered for another target than it was sent to. Nothing was computed: 400, RFC 7616
    /// section 3.4.6.
    OtherTarget,
    /// Answered by an algorithm that the service does not offer. Nothing was computed.
    AlgorithmNotOffered,
    /// Answered as in RFC 2069, without a nonce of the client's own. Nothing was computed.
    WithoutQop,
    /// Answered the challenge of another realm. Nothing was computed: challenge once more.
    OtherRealm,
}

impl ProtectionSpace<'_> {
    /// Says what `credentials` prove about whoever sent `request`.
    ///
    /// `ha1` is what [`Credentials::login`] should know; `None` if nobody has that login. Then
    /// the same work is done and the verdict is never [`Verdict::Right`] or [`Verdict::Stale`],
    /// so neither the answer nor its time tells whether a login exists.
    ///
    /// Says nothing about the request's body, about whether the login may do this, or about
    /// whether this very header came before.
    pub fn verify(
        &self,
        credentials: &Credentials,
        request: Request<'_>,
        ha1: Option<&Ha1>,
        now: Timestamp,
    ) -> Verdict {
        if credentials.realm != self.realm.as_str() {
            return Verdict::OtherRealm;
        }
        let Some(count) = credentials.count() else {
            return Verdict::WithoutQop;
        };
        if !self.offer.algorithms().contains(&credentials.algorithm()) {
            return Verdict::AlgorithmNotOffered;
        }
        if !means(&credentials.uri, request.target) {
            return Verdict::OtherTarget;
        }
        let age = nonce::age(&credentials.nonce, *self, now);
        let knows_password: bool = answers(credentials, request.method, ha1).into();

        // Only somebody with the right password may learn that the nonce was the trouble:
        // RFC 7616 section 3.3, stale.
        match (knows_password, age) {
            (true, Age::Fresh(nonce)) => Verdict::Right(NonceUse { nonce, count }),
            (true, Age::Stale | Age::Foreign) => Verdict::Stale,
            (false, Age::Fresh(_) | Age::Stale) => Verdict::WrongAnswer,
            (false, Age::Foreign) => Verdict::ForeignNonce,
        }
    }
}

/// Whether `uri` names `target`: byte for byte, or as `http://somewhere` before it.
///
/// RFC 7616 section 3.4 lets clients repeat the target in absolute form. The authority in it is
/// hashed as sent, so nobody changes it under way, and not compared: behind a proxy we do not
/// know under which names clients find us, and the nonce already says for whom the answer is.
pub(crate) fn means(uri: &str, target: &str) -> bool {
    uri == target || path_and_query(uri).is_some_and(|found| found == target)
}

fn path_and_query(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once("://")?;
    let web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let path = rest.find('/')?;
    // A `?` before the first slash would put the query into the authority.
    let authority = &rest[..path];
    (web && !authority.is_empty() && !authority.contains(['?', '#'])).then(|| &rest[path..])
}

/// Whether the response is the one that `ha1` gives, by the same algorithm. Takes as long without
/// an `ha1`.
pub(crate) fn answers(credentials: &Credentials, method: &str, ha1: Option<&Ha1>) -> Choice {
    let nobody = Ha1::nobody(credentials.algorithm());
    let known = Choice::from(u8::from(ha1.is_some()));
    // RFC 7616 section 3.4.3 hashes the uri parameter, not the target it stands for.
    let answered = Request { method, target: &credentials.uri };
    let expected = ha1.unwrap_or(&nobody).answer(answered, &credentials.nonce, credentials.counting.as_ref());
    expected.ct_eq(&credentials.response) & known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NonceKey, client};

    #[test]
    fn an_unknown_login_is_refused_even_with_the_answer_of_the_stand_in() {
        let realm = "FDSN".parse().unwrap();
        let keys = NonceKeys::new(NonceKey::new([7; 32]), vec![]);
        let space = ProtectionSpace { service: "/data", realm: &realm, keys: &keys, offer: Offer::Md5 };
        let request = Request { method: "GET", target: "/data" };
        let challenges = space.challenges(Timestamp::UNIX_EPOCH, [0; 12], false);
        let asked = client::Challenge::parse(&challenges[0]).unwrap();

        let header = client::answer(&asked, "nobody", "", request, 1, "c").unwrap();
        let mut credentials = Credentials::parse(&header).unwrap();
        let nobody = Ha1::nobody(credentials.algorithm());
        credentials.response = nobody.answer(request, &credentials.nonce, credentials.counting.as_ref());

        let verdict = space.verify(&credentials, request, None, Timestamp::UNIX_EPOCH);
        assert_eq!(verdict, Verdict::WrongAnswer);
        assert!(!credentials.proves(request, None));
    }

    #[test]
    fn a_target_is_named_byte_for_byte_or_in_absolute_form() {
        for uri in ["/a?b", "http://host/a?b", "HTTPS://host:443/a?b", "https://[::1]:8443/a?b"] {
            assert!(means(uri, "/a?b"), "{uri}");
        }
        for uri in [
            "",
            "/a",
            "/a?b&c",
            "/A?b",
            "/a?%62",
            "//host/a?b",
            "ftp://host/a?b",
            "http:///a?b",
            "http://host?/a?b",
            "http://host#/a?b",
            "http://host",
            "x http://host/a?b",
        ] {
            assert!(!means(uri, "/a?b"), "{uri}");
        }
    }
}
