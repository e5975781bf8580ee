//! The `Authorization` header: what a caller claims, before anything is believed.

use crate::auth_param::{self, Param};
use crate::ha1::hex16;
use std::fmt;

/// A well-formed answer to a challenge. Proves nothing until
/// [`verify`](crate::ProtectionSpace::verify) has looked at it.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) login: String,
    pub(crate) realm: String,
    pub(crate) nonce: String,
    pub(crate) uri: String,
    pub(crate) nc: String,
    pub(crate) cnonce: String,
    pub(crate) response: [u8; 16],
}

/// Why a header is no answer that could be looked at. The client's author acts; the text never
/// repeats what the header said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not Digest: see [`Scheme`](crate::Scheme) before calling it broken.
    #[error("the Authorization header does not say Digest")]
    OtherScheme,
    /// A bound was reached: 8 KiB or 32 parameters.
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
    /// Answered as in RFC 2069, without a nonce of the client's own.
    #[error("the Digest answer has no qop: only qop=auth is accepted")]
    WithoutQop,
    /// A parameter with a value that it cannot have.
    #[error("the Digest answer has a {0} that it cannot have")]
    BadValue(&'static str),
    /// RFC 7616 allows it, the challenge did not offer it.
    #[error("the Digest answer uses {0}, which was not offered")]
    NotOffered(&'static str),
}

impl Credentials {
    /// Reads the value of an `Authorization` header, RFC 7616 section 3.4.
    ///
    /// Names and `MD5` in any case, values quoted or bare; unknown parameters are ignored.
    ///
    /// # Errors
    ///
    /// [`Malformed`]: answer 400, as RFC 7616 section 3.4 wants. [`Malformed::OtherScheme`] is
    /// no mistake of the client's if another scheme was offered too.
    pub fn parse(header_value: &str) -> Result<Self, Malformed> {
        if header_value.len() > MAX_LEN {
            return Err(Malformed::TooLong);
        }
        let text =
            auth_param::after_scheme(header_value, "Digest").ok_or(Malformed::OtherScheme)?;
        let trimmed = header_value.trim_end_matches([' ', '\t']).len();
        let params = auth_param::params(text).map_err(|error| Malformed::Syntax {
            at: trimmed - error.left,
        })?;
        let params = Params::unique(params)?;

        params.refuse_what_was_not_offered()?;
        Ok(Self {
            login: params.want("username", is_login)?,
            realm: params.want("realm", |_| true)?,
            nonce: params.want("nonce", |_| true)?,
            uri: params.want("uri", |uri| !uri.is_empty())?,
            nc: params.want("nc", is_nonce_count)?,
            cnonce: params.want("cnonce", |cnonce| {
                (1..=MAX_CNONCE_LEN).contains(&cnonce.len())
            })?,
            response: hex16(
                params
                    .find("response")
                    .ok_or(Malformed::Missing("response"))?,
            )
            .ok_or(Malformed::BadValue("response"))?,
        })
    }

    /// Who the caller claims to be. Never empty, never with a `:`.
    pub fn login(&self) -> &str {
        &self.login
    }
}

/// The parameters of one answer, each name at most once.
struct Params<'a>(Vec<Param<'a>>);

impl<'a> Params<'a> {
    fn unique(params: Vec<Param<'a>>) -> Result<Self, Malformed> {
        if params.len() > MAX_PARAMS {
            return Err(Malformed::TooLong);
        }
        let said_before = |(index, param): (usize, &Param<'_>)| {
            params[..index]
                .iter()
                .any(|other| other.name.eq_ignore_ascii_case(param.name))
        };
        if params.iter().enumerate().any(said_before) {
            return Err(Malformed::Repeated);
        }
        Ok(Self(params))
    }

    fn find(&self, name: &str) -> Option<&str> {
        let param = self
            .0
            .iter()
            .find(|param| param.name.eq_ignore_ascii_case(name))?;
        Some(&param.value)
    }

    fn want(&self, name: &'static str, fits: impl Fn(&str) -> bool) -> Result<String, Malformed> {
        let value = self.find(name).ok_or(Malformed::Missing(name))?;
        fits(value)
            .then(|| value.to_owned())
            .ok_or(Malformed::BadValue(name))
    }

    /// What the challenge says, some clients override: told apart from a wrong password.
    fn refuse_what_was_not_offered(&self) -> Result<(), Malformed> {
        let says_other = |name, offered: &str| {
            self.find(name)
                .is_some_and(|value| !value.eq_ignore_ascii_case(offered))
        };
        match self.find("qop") {
            None => Err(Malformed::WithoutQop),
            Some("auth") => Ok(()),
            Some(_) => Err(Malformed::NotOffered("another qop than auth")),
        }?;
        if says_other("algorithm", "MD5") {
            Err(Malformed::NotOffered("another algorithm than MD5"))
        } else if says_other("userhash", "false") {
            Err(Malformed::NotOffered("userhash"))
        } else if self.find("username*").is_some() {
            Err(Malformed::NotOffered("username*"))
        } else {
            Ok(())
        }
    }
}

/// A `:` would make `login:realm:password` ambiguous (RFC 7617 forbids it in Basic likewise).
fn is_login(text: &str) -> bool {
    !text.is_empty() && !text.contains(':')
}

fn is_nonce_count(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// As much as most servers take for a whole header; the longest real answer seen had 400 bytes
/// and its uri.
const MAX_LEN: usize = 8 * 1024;
/// RFC 7616 defines 12.
const MAX_PARAMS: usize = 32;
/// Clients send 8 to 44 characters.
const MAX_CNONCE_LEN: usize = 256;

impl fmt::Debug for Credentials {
    /// Without what would let a reader of logs repeat the request.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("login", &self.login)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}
