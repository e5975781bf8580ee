//! The other side, for tests, benchmarks and load generators: answers a challenge.

use crate::auth_param;
use crate::ha1::{Asked, Ha1};
use crate::{Realm, Request};
use data_encoding::HEXLOWER;
use std::borrow::Cow;

/// What a server asked in its `WWW-Authenticate` header.
#[derive(Clone, Debug)]
pub struct Challenge {
    realm: Realm,
    nonce: String,
    stale: bool,
}

impl Challenge {
    /// Reads one header value; `None` if it is not a Digest challenge that offers MD5 and
    /// `qop=auth`.
    pub fn parse(www_authenticate: &str) -> Option<Self> {
        let params = auth_param::params(auth_param::after_scheme(www_authenticate, "Digest")?).ok()?;
        let find = |name: &str| {
            let param = params.iter().find(|param| param.name.eq_ignore_ascii_case(name))?;
            Some(&param.value)
        };
        let says = |name, expected| find(name).is_some_and(|value| value.eq_ignore_ascii_case(expected));
        let offered = says("algorithm", "MD5") && find("qop")?.split(',').any(|qop| qop.trim() == "auth");
        offered.then_some(())?;
        Some(Self {
            realm: find("realm")?.parse().ok()?,
            nonce: find("nonce").map(Cow::to_string)?,
            stale: says("stale", "true"),
        })
    }

    /// What to hash with the password.
    pub fn realm(&self) -> &Realm {
        &self.realm
    }

    /// Whether the last password was right and only the nonce was not.
    pub fn stale(&self) -> bool {
        self.stale
    }
}

/// Writes the `Authorization` header value that answers `challenge` for `request`.
///
/// `nc` counts the requests under one challenge, from 1; `cnonce` is the client's own
/// randomness. Login and cnonce must not hold `"` or `\`.
pub fn answer(
    challenge: &Challenge,
    login: &str,
    password: &str,
    request: Request<'_>,
    nc: u32,
    cnonce: &str,
) -> String {
    let Challenge { realm, nonce, .. } = challenge;
    let target = request.target;
    let nc = format!("{nc:08x}");
    let ha1 = Ha1::of(login, realm, password);
    let response = HEXLOWER.encode(&ha1.answer(request, &Asked { nonce, nc: &nc, cnonce }));
    format!(r#"Digest username="{login}", realm="{realm}", nonce="{nonce}", uri="{target}", "#)
        + &format!(r#"response="{response}", algorithm=MD5, qop=auth, nc={nc}, cnonce="{cnonce}""#)
}
