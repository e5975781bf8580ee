//! The `Authorization` header: what a caller claims, before anything is believed.

use crate::algorithm::{Algorithm, Hash};
use crate::auth_param::{self, Param};
use crate::{Ha1, Request, verify};
use std::fmt;

/// A well-formed answer to a challenge, of ours or of somebody else's. Proves nothing until
/// [`verify`](crate::ProtectionSpace::verify) has looked at it.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) login: String,
    pub(crate) realm: String,
    pub(crate) nonce: String,
    pub(crate) uri: String,
    /// `None` for an answer as RFC 2069 had it, without `qop`.
    pub(crate) counting: Option<Counting>,
    pub(crate) response: Hash,
}

/// What `qop=auth` adds to an answer, spelled exactly as in the header.
#[derive(Clone)]
pub(crate) struct Counting {
    pub(crate) nc: String,
    pub(crate) cnonce: String,
}

/// Why a header is no answer that could be looked at. The client's author acts; the text never
/// repeats what the header said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not Digest: see [`Scheme`](crate::Scheme) before calling it broken.
    #[error("the Authorization header does not say Digest")]
    OtherScheme,
    /// A bound was reached: 32 KiB or 32 parameters.
    #[error("the Authorization header is longer than any Digest answer needs to be")]
    TooLong,
    /// Not a list of `name=value`, RFC 7235 section 2.1.
    #[error("the Authorization header cannot be read from byte {at} on")]
    Syntax {
        /// Bytes from the start of the header value.
        at: usize,
    },
    /// Two of one name: which one counts would be anybody's guess.
    #[error("the Authorization header says the same twice")]
    Repeated,
    /// A parameter that every answer has.
    #[error("the Digest answer has no {0}")]
    Missing(&'static str),
    /// A parameter with a value that it cannot have.
    #[error("the Digest answer has a {0} that it cannot have")]
    BadValue(&'static str),
    /// RFC 7616 allows it, no challenge of ours offers it.
    #[error("the Digest answer uses {0}, which is not offered")]
    NotOffered(&'static str),
}

impl Credentials {
    /// Reads the value of an `Authorization` header, RFC 7616 section 3.4.
    ///
    /// Names and algorithms in any case, values quoted or bare; unknown parameters are ignored. An
    /// answer without `algorithm` is one by MD5.
    ///
    /// # Errors
    ///
    /// [`Malformed`]: answer 400, as RFC 7616 section 3.4 wants. [`Malformed::OtherScheme`] is
    /// no mistake of the client's if another scheme was offered too.
    pub fn parse(header_value: &str) -> Result<Self, Malformed> {
        if header_value.len() > MAX_LEN {
            return Err(Malformed::TooLong);
        }
        let text = auth_param::after_scheme(header_value, "Digest").ok_or(Malformed::OtherScheme)?;
        let trimmed = header_value.trim_end_matches([' ', '\t']).len();
        let params =
            auth_param::params(text).map_err(|error| Malformed::Syntax { at: trimmed - error.left })?;
        let params = Params::unique(params)?;

        params.refuse_what_is_never_offered()?;
        let algorithm = params.algorithm()?;
        Ok(Self {
            login: params.want("username", is_login)?,
            realm: params.want("realm", |_| true)?,
            nonce: params.want("nonce", |_| true)?,
            uri: params.want("uri", |uri| !uri.is_empty())?,
            counting: params.counting()?,
            response: Hash::from_hex(
                algorithm,
                params.find("response").ok_or(Malformed::Missing("response"))?,
            )
            .ok_or(Malformed::BadValue("response"))?,
        })
    }

    /// Who the caller claims to be. Never empty, never with a `:`.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// The realm that they answered for, whoever's it is.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// What they were computed with.
    pub fn algorithm(&self) -> Algorithm {
        self.response.algorithm()
    }

    /// What these credentials were made with, if `password` is the right one: by their own
    /// algorithm, login and realm.
    pub fn ha1(&self, password: &str) -> Ha1 {
        Ha1::in_any_realm(self.algorithm(), &self.login, &self.realm, password)
    }

    /// Whether whoever made these knew the password behind `ha1`, and made them for exactly this
    /// method and target. For answers to *somebody else's* challenge, which another server judges:
    /// any realm, any nonce, also without `qop` (RFC 2069).
    ///
    /// Says nothing about the nonce: neither that it is fresh, nor that the other server ever issued
    /// it. Whoever saw such a request can repeat it as long as they like and this stays `true`. Let
    /// nobody in for it; it tells whom to name in a record.
    ///
    /// `ha1` comes from [`Credentials::ha1`]; `None` if nobody has that login, for which the same
    /// work is done.
    pub fn proves(&self, request: Request<'_>, ha1: Option<&Ha1>) -> bool {
        verify::means(&self.uri, request.target) & bool::from(verify::answers(self, request.method, ha1))
    }

    /// The nonce count; `None` without `qop`.
    pub(crate) fn count(&self) -> Option<u32> {
        let Counting { nc, .. } = self.counting.as_ref()?;
        Some(u32::from_str_radix(nc, 16).expect("only eight hexadecimal digits were let in"))
    }
}

/// The parameters of one answer or challenge, each name at most once.
pub(crate) struct Params<'a>(Vec<Param<'a>>);

impl<'a> Params<'a> {
    pub(crate) fn unique(params: Vec<Param<'a>>) -> Result<Self, Malformed> {
        if params.len() > MAX_PARAMS {
            return Err(Malformed::TooLong);
        }
        let said_before = |(index, param): (usize, &Param<'_>)| {
            params[..index].iter().any(|other| other.name.eq_ignore_ascii_case(param.name))
        };
        if params.iter().enumerate().any(said_before) {
            return Err(Malformed::Repeated);
        }
        Ok(Self(params))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let param = self.0.iter().find(|param| param.name.eq_ignore_ascii_case(name))?;
        Some(&param.value)
    }

    fn want(&self, name: &'static str, fits: impl Fn(&str) -> bool) -> Result<String, Malformed> {
        let value = self.find(name).ok_or(Malformed::Missing(name))?;
        fits(value).then(|| value.to_owned()).ok_or(Malformed::BadValue(name))
    }

    /// What a challenge says, some clients override: told apart from a wrong password.
    fn refuse_what_is_never_offered(&self) -> Result<(), Malformed> {
        if self.find("qop").is_some_and(|qop| qop != "auth") {
            Err(Malformed::NotOffered("another qop than auth"))
        } else if self.find("userhash").is_some_and(|value| !value.eq_ignore_ascii_case("false")) {
            Err(Malformed::NotOffered("userhash"))
        } else if self.find("username*").is_some() {
            Err(Malformed::NotOffered("username*"))
        } else {
            Ok(())
        }
    }

    fn algorithm(&self) -> Result<Algorithm, Malformed> {
        let named = self.find("algorithm").map_or(Some(Algorithm::Md5), Algorithm::named);
        named.ok_or(Malformed::NotOffered("another algorithm than MD5 and SHA-256"))
    }

    fn counting(&self) -> Result<Option<Counting>, Malformed> {
        if self.find("qop").is_none() {
            return Ok(None);
        }
        let nc = self.want("nc", is_nonce_count)?;
        let cnonce = self.want("cnonce", |cnonce| (1..=MAX_CNONCE_LEN).contains(&cnonce.len()))?;
        Ok(Some(Counting { nc, cnonce }))
    }
}

/// A `:` would make `login:realm:password` ambiguous (RFC 7617 forbids it in Basic likewise).
fn is_login(text: &str) -> bool {
    !text.is_empty() && !text.contains(':')
}

fn is_nonce_count(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// As much as a request's head may have in all; the longest real answer seen had 400 bytes and its
/// uri, and long selections of channels make long uris.
pub(crate) const MAX_LEN: usize = 32 * 1024;
/// RFC 7616 defines 12.
const MAX_PARAMS: usize = 32;
/// Clients send 8 to 44 characters.
pub(crate) const MAX_CNONCE_LEN: usize = 256;

impl fmt::Debug for Credentials {
    /// Without what would let a reader of logs repeat the request.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("login", &self.login)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="8ca523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;

    /// The answer of RFC 7616 section 3.9.1 with `from` replaced by `to`.
    fn parse_with(from: &str, to: &str) -> Result<Credentials, Malformed> {
        assert!(ANSWER.contains(from), "{from}");
        Credentials::parse(&ANSWER.replace(from, to))
    }

    #[track_caller]
    fn refused(from: &str, to: &str) -> Malformed {
        parse_with(from, to).unwrap_err()
    }

    #[test]
    fn the_answer_of_the_rfc_is_read() {
        let credentials = Credentials::parse(ANSWER).unwrap();
        assert_eq!(credentials.login(), "Mufasa");
        assert_eq!(credentials.uri, "/dir/index.html");
        assert_eq!(credentials.counting.unwrap().nc, "00000001");
    }

    #[test]
    fn quotes_case_and_a_missing_algorithm_are_up_to_the_client() {
        for (from, to) in [
            ("algorithm=MD5", "ALGORITHM=\"md5\""),
            ("algorithm=MD5, ", ""),
            ("qop=auth", "qop=\"auth\""),
            ("nc=00000001", "nc=\"0000000A\""),
            ("8ca523f5e9506fed4657c9700eebdbec", "8CA523F5E9506FED4657C9700EEBDBEC"),
            ("opaque=", "auth-param="),
            ("opaque=", "userhash=false, opaque="),
        ] {
            assert!(parse_with(from, to).is_ok(), "{to}");
        }
    }

    #[test]
    fn an_escaped_login_is_unescaped() {
        assert_eq!(parse_with("Mufasa", r#"Mu\f"a"#).unwrap_err(), Malformed::Syntax { at: 22 });
        assert_eq!(parse_with("Mufasa", r#"M\"uf\\a"#).unwrap().login(), r#"M"uf\a"#);
    }

    #[test]
    fn an_answer_without_qop_is_read_without_its_counting() {
        assert!(parse_with("qop=auth, ", "").unwrap().counting.is_none());
    }

    #[test]
    fn the_response_is_as_long_as_its_algorithm_makes_it() {
        let sha256 = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        let md5 = "8ca523f5e9506fed4657c9700eebdbec";
        for name in ["SHA-256", "sha-256", "\"Sha-256\""] {
            let relabelled = ANSWER.replace("algorithm=MD5", &format!("algorithm={name}"));
            let refused = Credentials::parse(&relabelled).unwrap_err();
            assert_eq!(refused, Malformed::BadValue("response"), "{name}");
            let read = Credentials::parse(&relabelled.replace(md5, sha256)).unwrap();
            assert_eq!(read.algorithm(), Algorithm::Sha256);
        }
        assert_eq!(refused(md5, sha256), Malformed::BadValue("response"));
    }

    #[test]
    fn what_no_challenge_offers_is_refused_by_name() {
        let algorithm = "another algorithm than MD5 and SHA-256";
        for (from, to, what) in [
            ("algorithm=MD5", "algorithm=MD5-sess", algorithm),
            ("algorithm=MD5", "algorithm=SHA-256-sess", algorithm),
            ("algorithm=MD5", "algorithm=SHA-512-256", algorithm),
            ("algorithm=MD5", "algorithm=\"\"", algorithm),
            ("qop=auth", "qop=auth-int", "another qop than auth"),
            ("opaque=", "userhash=true, opaque=", "userhash"),
            ("username=\"Mufasa\"", "username*=UTF-8''Mufasa", "username*"),
        ] {
            assert_eq!(refused(from, to), Malformed::NotOffered(what), "{to}");
        }
    }

    #[test]
    fn a_missing_parameter_is_named() {
        for name in ["username", "realm", "uri", "nonce", "nc", "cnonce", "response"] {
            // The other name: `cnonce` holds `nonce`.
            let missing = refused(&format!(" {name}="), " another=");
            assert_eq!(missing, Malformed::Missing(name));
        }
    }

    #[test]
    fn a_value_that_cannot_be_is_named() {
        for (from, to, name) in [
            ("\"Mufasa\"", "\"\"", "username"),
            ("\"Mufasa\"", "\"Mufasa:http-auth@example.org\"", "username"),
            ("\"/dir/index.html\"", "\"\"", "uri"),
            ("nc=00000001", "nc=1", "nc"),
            ("nc=00000001", "nc=0000000g", "nc"),
            ("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "", "cnonce"),
            ("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", &"f".repeat(257), "cnonce"),
            ("8ca523f5", "8ca523", "response"),
            ("8ca523f5", "8ca523fg", "response"),
        ] {
            assert_eq!(refused(from, to), Malformed::BadValue(name), "{to}");
        }
    }

    #[test]
    fn a_parameter_said_twice_is_refused_whatever_it_is() {
        assert_eq!(refused("opaque=", "UserName=\"Scar\", opaque="), Malformed::Repeated);
        assert_eq!(refused("opaque=", "x=1, X=2, opaque="), Malformed::Repeated);
    }

    #[test]
    fn an_endless_header_is_refused() {
        assert_eq!(refused("/dir", &"/dir".repeat(8192)), Malformed::TooLong);
        let many: Vec<_> = (0..23).map(|index| format!("p{index}=1")).collect();
        assert_eq!(refused("opaque=", &(many.join(", ") + ", opaque=")), Malformed::TooLong);
    }

    #[test]
    fn another_scheme_is_no_broken_digest() {
        assert_eq!(refused("Digest ", "Basic "), Malformed::OtherScheme);
    }

    #[test]
    fn a_syntax_error_says_where() {
        assert_eq!(refused("realm=", "realm "), Malformed::Syntax { at: 32 });
    }

    #[test]
    fn what_would_let_a_reader_of_logs_repeat_the_request_is_never_printed() {
        let printed = format!("{:?}", Credentials::parse(ANSWER).unwrap());
        assert_eq!(printed, r#"Credentials { login: "Mufasa", realm: "http-auth@example.org", .. }"#);
    }
}
