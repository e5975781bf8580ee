//! The other side: answers the challenges of another server, or of our own in a test.

use crate::challenge_list::{self, Listed};
use crate::credentials::{Counting, MAX_CNONCE_LEN, MAX_LEN, Params};
use crate::{Algorithm, Ha1, Request};
use std::fmt::Write as _;

/// What a server asked for in its `WWW-Authenticate` fields.
///
/// May be answered many times, each with a higher count, until the server says that it is
/// [`stale`](Challenge::stale). Never used for anything but answering: what a server says here is
/// hashed and sent back to it, not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    algorithm: Algorithm,
    /// Older servers name none and may not know the parameter.
    names_algorithm: bool,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// `qop=auth` was offered; without it, the answer is that of RFC 2069.
    counted: bool,
    stale: bool,
}

/// Why no challenge can be answered. Whoever runs that server, or named it here, acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// It does not ask for Digest, or in no way that can be read.
    #[error("the server does not ask for HTTP Digest")]
    NoDigest,
    /// It asks for `-sess`, `auth-int` or an algorithm that is not spoken here.
    #[error("the server asks for another HTTP Digest than MD5 or SHA-256 with qop=auth or none")]
    OtherDigest,
}

/// What stands in the way of an answer: no header could carry it. Whoever chose it acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {0} has characters that no Digest answer can carry")]
pub struct Unsendable(&'static str);

impl Challenge {
    /// Chooses among the values of all `WWW-Authenticate` fields of one answer: the first of the
    /// strongest algorithm, wherever it stands. The order is for clients that cannot compare.
    ///
    /// Fields that cannot be read, are longer than 32 KiB or say something twice are passed over.
    ///
    /// # Errors
    ///
    /// [`Unanswerable`].
    pub fn choose<'a>(www_authenticate: impl IntoIterator<Item = &'a str>) -> Result<Self, Unanswerable> {
        let short = www_authenticate.into_iter().filter(|field| field.len() <= MAX_LEN);
        let listed = short.filter_map(challenge_list::challenges).flatten();
        let digest = listed.filter(|listed| listed.scheme.eq_ignore_ascii_case("Digest"));
        let read = digest.filter_map(Self::read);
        let stronger = |one: Result<Self, _>, other: Result<Self, _>| match (&one, &other) {
            (Ok(a), Ok(b)) if a.algorithm >= b.algorithm => one,
            (_, Ok(_)) => other,
            _ => one,
        };
        read.reduce(stronger).unwrap_or(Err(Unanswerable::NoDigest))
    }

    /// Reads the value of one field that holds nothing that could not be answered.
    pub fn parse(www_authenticate: &str) -> Option<Self> {
        Self::choose([www_authenticate]).ok()
    }

    /// `None` if it lacks what every challenge has.
    fn read(listed: Listed<'_>) -> Option<Result<Self, Unanswerable>> {
        let params = Params::unique(listed.params).ok()?;
        let (realm, nonce) = (params.find("realm")?.to_owned(), params.find("nonce")?.to_owned());
        // RFC 7616 section 3.3: without `algorithm` it is MD5; without `qop`, RFC 2069.
        let algorithm = params.find("algorithm").map_or(Some(Algorithm::Md5), Algorithm::named);
        let qop = params.find("qop");
        let counted = qop.map(|qop| qop.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")));
        let (Some(algorithm), None | Some(true)) = (algorithm, counted) else {
            return Some(Err(Unanswerable::OtherDigest));
        };
        Some(Ok(Self {
            algorithm,
            names_algorithm: params.find("algorithm").is_some(),
            realm,
            nonce,
            opaque: params.find("opaque").map(str::to_owned),
            counted: counted.is_some(),
            stale: params.find("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        }))
    }

    /// Whose accounts it asks for.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// What an answer is computed with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether the last password was right and only the nonce was not: answer this one at once.
    /// A challenge that answers an answer and is not stale means a wrong password: do not repeat.
    pub fn stale(&self) -> bool {
        self.stale
    }
}

/// Writes the `Authorization` header value that answers `challenge` for `request`.
///
/// `nc` counts the requests under one challenge, from 1; `cnonce` is the client's own randomness,
/// new each time. Both are for `qop=auth` and not sent without it. The value is ASCII unless the
/// server's own realm or nonce is not.
///
/// # Errors
///
/// [`Unsendable`]: a login that is empty, has a `:` or is not printable ASCII; a target or cnonce
/// that is not, or a cnonce that is empty or longer than 256 bytes.
pub fn answer(
    challenge: &Challenge,
    login: &str,
    password: &str,
    request: Request<'_>,
    nc: u32,
    cnonce: &str,
) -> Result<String, Unsendable> {
    let printable = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if login.is_empty() || login.contains(':') || !printable(login) {
        return Err(Unsendable("login"));
    }
    if request.target.is_empty() || !printable(request.target) {
        return Err(Unsendable("target"));
    }
    if !(1..=MAX_CNONCE_LEN).contains(&cnonce.len()) || !printable(cnonce) {
        return Err(Unsendable("cnonce"));
    }
    let Challenge { algorithm, names_algorithm, realm, nonce, opaque, counted, .. } = challenge;
    let counting = counted.then(|| Counting { nc: format!("{nc:08x}"), cnonce: cnonce.to_owned() });
    let ha1 = Ha1::in_any_realm(*algorithm, login, realm, password);
    let response = ha1.answer(request, nonce, counting.as_ref()).hex();

    let (login, realm, nonce, uri) = (quoted(login), quoted(realm), quoted(nonce), quoted(request.target));
    let mut value = format!("Digest username={login}, realm={realm}, nonce={nonce}, uri={uri}, ")
        + &format!(r#"response="{}""#, *response);
    if *names_algorithm {
        let _ = write!(value, ", algorithm={}", algorithm.as_str());
    }
    // RFC 7616 section 3.4: sent back unchanged.
    if let Some(opaque) = opaque {
        let _ = write!(value, ", opaque={}", quoted(opaque));
    }
    if let Some(Counting { nc, cnonce }) = counting {
        let _ = write!(value, ", qop=auth, nc={nc}, cnonce={}", quoted(&cnonce));
    }
    Ok(value)
}

/// A quoted-string, RFC 7230 section 3.2.6.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#))
}
