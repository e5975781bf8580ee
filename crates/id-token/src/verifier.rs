//! From bytes that somebody sent to a token that holds now.

use std::collections::BTreeSet;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::claims::Claims;
use crate::json::{self, NotJson};
use crate::key_set::Choice;
use crate::token::identity;
use crate::{Algorithm, ClaimPath, IdToken, KeySet, Refusal, VerifiedIdToken};

/// The longest token that is looked at, in bytes. With many groups real ones come to 4 KiB.
pub const MAX_TOKEN: usize = 8 * 1024;

/// How far ahead of our clock an issuer's clock may be. Nothing is added to `exp`.
pub const ISSUED_AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// How long a token may hold from `iat` to `exp`, or from now on where it says no `iat`.
///
/// What a token proves ends with it and mostly not before, as nobody asks its issuer again. Issuers give out access
/// tokens for minutes, and for a day at the very most; what holds for longer is no bearer's.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// When a mail address in a token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTrust {
    /// Where `email_verified` is true beside it.
    Verified,
    /// Always: the operator knows that this issuer lets nobody choose it.
    Always,
}

/// What is believed of one issuer.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// `iss`, letter by letter.
    pub issuer: String,
    /// One of these has to be in `aud`, letter by letter. None: no token is believed.
    pub audiences: Vec<String>,
    /// How its tokens may be signed. None: no token is believed.
    pub algorithms: BTreeSet<Algorithm>,
    /// Where the groups stand; `None`: it is believed about no group.
    pub groups: Option<ClaimPath>,
    /// Where the mail address stands; `None`: it is believed about no mail address.
    pub mail: Option<ClaimPath>,
    /// When it counts.
    pub mail_trust: MailTrust,
}

impl Verifier {
    /// Verifies `token` against `keys`, which are the issuer's, at the time `now`.
    ///
    /// # Errors
    ///
    /// [`Refusal`], which says who can act. On [`Refusal::UnknownKey`] the keys may have changed.
    pub fn verify(&self, token: &[u8], keys: &KeySet, now: Timestamp) -> Result<VerifiedIdToken, Refusal> {
        self.inspect(token, keys)?.check_dates(now)
    }

    /// Reads a token that the issuer signed for here without asking whether its time has come or gone.
    ///
    /// # Errors
    ///
    /// [`Refusal`], but none about dates.
    pub fn inspect(&self, token: &[u8], keys: &KeySet) -> Result<IdToken, Refusal> {
        let parts = Parts::of(token)?;
        let header = Header::read(parts.header)?;
        // RFC 8725 section 3.1: the operator chooses, the token only names one of the choices.
        if !self.algorithms.contains(&header.algorithm) {
            return Err(Refusal::AlgorithmNotAllowed);
        }
        let signature = decode(parts.signature)?;
        let these = match keys.choose(header.kid.as_deref(), header.algorithm) {
            Choice::These(these) => these,
            Choice::NotNamed => return Err(Refusal::KeyNotNamed),
            Choice::Unknown => return Err(Refusal::UnknownKey),
        };
        if !these.iter().any(|key| key.verify_sig(parts.signed, &signature).is_ok()) {
            return Err(Refusal::BadSignature);
        }
        self.read(header, parts.signed, parts.claims)
    }

    /// Reads the claims, whose signature is good.
    fn read(&self, header: Header, signed: &[u8], claims: &[u8]) -> Result<IdToken, Refusal> {
        let claims = Claims::new(json::object(&decode(claims)?).map_err(|error| match error {
            NotJson::Syntax => Refusal::Malformed("its claims are no JSON object"),
            NotJson::DuplicateName => Refusal::DuplicateName,
        })?);
        if claims.issuer()? != self.issuer {
            return Err(Refusal::WrongIssuer);
        }
        let is_ours = |audience: &&str| self.audiences.iter().any(|ours| ours == audience);
        if !claims.audiences()?.iter().any(is_ours) {
            return Err(Refusal::WrongAudience);
        }
        // RFC 7800 section 3: it counts with a proof of possession, which a bearer does not bring.
        if claims.is_bound_to_a_key() {
            return Err(Refusal::ClaimWrong(
                "cnf",
                "it binds the token to a key, which is not asked for here",
            ));
        }
        if claims.is_of_an_event() {
            return Err(Refusal::ClaimWrong("events", "it tells of an event, and proves nobody"));
        }
        let mail = self.mail.as_ref().map(|path| claims.mail(path)).transpose()?.flatten();
        let mail = mail.filter(|(_, is_verified)| *is_verified || self.mail_trust == MailTrust::Always);
        Ok(IdToken {
            subject: claims.subject()?,
            algorithm: header.algorithm,
            key_id: header.kid,
            identity: identity(&self.issuer, signed),
            jti: claims.id()?,
            expires: claims.time("exp")?.ok_or(Refusal::ClaimMissing("exp"))?,
            not_before: claims.time("nbf")?,
            issued: claims.time("iat")?,
            mail: mail.map(|(mail, _)| mail),
            groups: self.groups.as_ref().map_or(Ok(Vec::new()), |path| claims.groups(path))?,
            issuer: self.issuer.clone(),
        })
    }
}

/// A compact serialisation (RFC 7515 section 7.1), taken apart.
struct Parts<'a> {
    header: &'a [u8],
    claims: &'a [u8],
    signature: &'a [u8],
    /// Header and claims with the dot between them, as they came: what the signature covers.
    signed: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(token: &'a [u8]) -> Result<Self, Refusal> {
        if token.len() > MAX_TOKEN {
            return Err(Refusal::TooLong);
        }
        let parts: Vec<_> = token.split(|byte| *byte == b'.').collect();
        let [header, claims, signature] = parts[..] else {
            return Err(Refusal::Malformed("it has not three parts with dots between"));
        };
        Ok(Self { header, claims, signature, signed: &token[..header.len() + 1 + claims.len()] })
    }
}

/// RFC 7515 section 2: no padding, no line breaks; nor any bit that decodes to nothing.
fn decode(part: &[u8]) -> Result<Vec<u8>, Refusal> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed("a part is not base64url"))
}

/// The little that a header may say. What else it brings (`jwk`, `jku`, `x5c`, `x5u`) is not looked at.
struct Header {
    algorithm: Algorithm,
    kid: Option<String>,
}

impl Header {
    fn read(part: &[u8]) -> Result<Self, Refusal> {
        let fields = json::object(&decode(part)?).map_err(|error| match error {
            NotJson::Syntax => Refusal::Malformed("its header is no JSON object"),
            NotJson::DuplicateName => Refusal::DuplicateName,
        })?;
        // RFC 7515 section 4.1.11: what is critical has to be understood, and none of it is here.
        if fields.contains_key("crit") {
            return Err(Refusal::Malformed("it asks for an extension that is not known here"));
        }
        check_type(&fields)?;
        let algorithm = fields.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.ok_or(Refusal::Malformed("its header names no algorithm"))?;
        let kid = match fields.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(Refusal::Malformed("its kid is no text")),
        };
        let algorithm = algorithm.parse().map_err(|_| Refusal::AlgorithmNotAllowed)?;
        Ok(Self { algorithm, kid })
    }
}

/// RFC 8725 section 3.11: what an issuer signs for another use (`logout+jwt`, `dpop+jwt`) says so.
fn check_type(fields: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(named) = fields.get("typ") else { return Ok(()) };
    let named = named.as_str().unwrap_or_default().to_ascii_lowercase();
    match named.strip_prefix("application/").unwrap_or(&named) {
        "jwt" | "at+jwt" => Ok(()),
        _ => Err(Refusal::Malformed("its typ is neither JWT nor at+jwt")),
    }
}
