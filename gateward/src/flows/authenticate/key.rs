//! Kind `ckan`: the key that a request shows becomes its holder, or nobody.
//!
//! DCOR-Aid shows it raw in `Authorization` and in `X-CKAN-API-Key`, others as a bearer. A key of ours is
//! looked up by its SHA-256; whatever is wrong with it, whoever shows it learns only that it opens nothing.
//! CKAN's own keys are not ours to judge: they pass, and are listed, or open nothing any more.

use ::access_token::{ApiKey, KeyKind};
use data_encoding::BASE64;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;

use super::{Error, Failure, NOTED_EVERY, Shown, Wrong, refuse};
use crate::base::access_token::{Because, State};
use crate::base::address::ClientAddress;
use crate::base::ckan::CkanUser;
use crate::base::id::AccessTokenId;
use crate::base::kind::ExistingKeys;
use crate::base::name::ServiceName;
use crate::base::opaque_key::{OpaqueKey, OpaqueKeyHash};
use crate::base::secret::Secret;
use crate::flows::access_token::open_sealed;
use crate::flows::door::Door;
use crate::store::opaque_key::{self, Found, Use};
use crate::store::{self, Change, existing_key};

/// Where CKAN's clients show their keys besides `Authorization`.
pub const X_CKAN_API_KEY: HeaderName = HeaderName::from_static("x-ckan-api-key");

/// How many values elsewhere in a request may look like keys of ours: each is looked up.
const LOOKALIKES: usize = 8;

/// For CKAN's own keys an hour's: they are listed, and nobody goes by it.
const LISTED_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Somebody whose access token has a key of ours, which they have shown for this very request; made here alone.
#[derive(Debug, Clone)]
pub struct Holder {
    access_token: AccessTokenId,
    user: CkanUser,
    subject: String,
    hash: OpaqueKeyHash,
    ckan_key: Secret,
    ends_at: Timestamp,
    use_to_note: Option<Use>,
}

/// One of CKAN's own keys, which nobody here has verified.
#[derive(Debug, Clone)]
pub struct ExistingKey {
    /// The same key again has the same; it opens nothing.
    pub pseudonym: String,
    /// Whether it is time to note that it was seen.
    pub is_to_note: bool,
}

/// Whose key a request shows.
#[derive(Debug)]
pub enum Keyed {
    /// None.
    Nobody,
    /// One of ours.
    Holder(Box<Holder>),
    /// Another, which CKAN judges; with what it is listed by, if it is one of CKAN's by its form.
    Others(Option<ExistingKey>),
}

impl Holder {
    /// Their access token.
    pub fn access_token(&self) -> AccessTokenId {
        self.access_token
    }

    /// The CKAN user that they are.
    pub fn user(&self) -> &CkanUser {
        &self.user
    }

    /// The pseudonym of the person.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// CKAN's own key, which theirs stands for.
    pub fn ckan_key(&self) -> &Secret {
        &self.ckan_key
    }

    /// When their access token ends.
    pub fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    /// What is noted of this use, with the record of it.
    pub fn use_to_note(&self) -> Option<Change> {
        self.use_to_note.clone().map(Change::UseOpaqueKey)
    }

    /// Looks again whether the key still lives.
    ///
    /// # Errors
    ///
    /// [`store::Error`]; `Ok(None)` when it does not.
    pub async fn look_again(&self, door: &Door, now: Timestamp) -> Result<Option<Self>, store::Error> {
        let found = opaque_key::find(&door.store.reader, &self.hash).await?;
        Ok(found.filter(|found| dead(found, now).is_none()).map(|found| {
            // Nothing more is noted of an answer that runs.
            Self { ends_at: found.expires_at, use_to_note: None, ..self.clone() }
        }))
    }
}

/// Finds out whose key a request to `service` shows.
///
/// # Errors
///
/// [`Error`]: a key that opens nothing.
pub(in crate::flows) async fn read(
    door: &Door,
    service: &ServiceName,
    shown: Shown<'_>,
    fields: &HeaderMap,
    existing: ExistingKeys,
    now: Timestamp,
) -> Result<Keyed, Error> {
    let wrong = match judge(door, shown, fields, existing, now).await? {
        Ok(keyed) => return Ok(keyed),
        Err(wrong) => wrong,
    };
    let who = wrong.access_token.map(who);
    Err(refuse(door, service, shown, wrong.wrong, who, now).await)
}

/// How the record names somebody by their access token.
pub(in crate::flows) fn who(id: AccessTokenId) -> String {
    format!("access-token:{id}")
}

/// Why a key opens nothing, and whose it was as far as that is known.
struct WrongKey {
    wrong: Wrong,
    access_token: Option<AccessTokenId>,
}

impl WrongKey {
    /// Whatever it is: only the record tells it apart.
    fn because(reason: &'static str) -> Self {
        let detail = "this key opens nothing here";
        Self { wrong: Wrong { reason, detail, how: Failure::Forbidden }, access_token: None }
    }

    fn contradiction(reason: &'static str, detail: &'static str) -> Self {
        Self { wrong: Wrong { reason, detail, how: Failure::BadRequest }, access_token: None }
    }

    fn of(self, id: AccessTokenId) -> Self {
        Self { access_token: Some(id), ..self }
    }
}

async fn judge(
    door: &Door,
    shown: Shown<'_>,
    fields: &HeaderMap,
    existing: ExistingKeys,
    now: Timestamp,
) -> Result<Result<Keyed, WrongKey>, store::Error> {
    let lookalikes = lookalikes(shown.target, fields);
    if lookalikes.len() > LOOKALIKES {
        let detail = "too much in this request looks like a key: show it in Authorization alone";
        return Ok(Err(WrongKey::contradiction("lookalikes", detail)));
    }
    for key in lookalikes {
        if let Some(found) = opaque_key::find(&door.store.reader, &key.hash()).await? {
            return Ok(Err(WrongKey::because("key-misplaced").of(found.key.access_token)));
        }
    }
    let keys = keys(fields);
    let Some(first) = keys.first() else { return Ok(Ok(Keyed::Nobody)) };
    if !keys.iter().any(|key| key.parse::<OpaqueKey>().is_ok()) {
        return others(door, &keys, existing, now).await;
    }
    match first.parse::<OpaqueKey>() {
        Ok(key) if keys.len() == 1 => ours(door, &key, shown.address, now).await,
        Ok(_) | Err(_) => {
            let detail = "Authorization and X-CKAN-API-Key show different keys";
            Ok(Err(WrongKey::contradiction("two-keys", detail)))
        }
    }
}

/// The distinct values that a request shows where keys belong.
fn keys(fields: &HeaderMap) -> Vec<&str> {
    let mut keys: Vec<&str> = Vec::new();
    for value in [AUTHORIZATION, X_CKAN_API_KEY].iter().flat_map(|name| fields.get_all(name)) {
        // What is no text is no key, and not nothing.
        let key = bare(value.to_str().unwrap_or("?"));
        if !key.is_empty() && !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// The key of a bearer (RFC 6750 section 2.1), or a raw one as it is.
fn bare(value: &str) -> &str {
    let value = value.trim();
    match value.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
        _ => value,
    }
}

/// What looks like a key of ours where none belongs: in the address, in cookies, in other fields.
fn lookalikes(target: &str, fields: &HeaderMap) -> Vec<OpaqueKey> {
    let parts = target.split(['/', '?', '&', '=', ';', '#']);
    let mut texts: Vec<String> =
        parts.map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
    for (name, value) in fields {
        let Ok(value) = value.to_str() else { continue };
        if *name == AUTHORIZATION || *name == X_CKAN_API_KEY {
            texts.extend(login_and_password(value));
        } else if *name == COOKIE {
            texts.extend(value.split([';', '=']).map(|part| part.trim().trim_matches('"').to_owned()));
        } else {
            texts.extend(value.split([' ', ',', ';', '=']).map(str::to_owned));
        }
    }
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// What stands in `Basic` (RFC 7617 section 2).
fn login_and_password(value: &str) -> Vec<String> {
    let plain = value.trim().split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let plain = plain.and_then(|(_, plain)| BASE64.decode(plain.trim().as_bytes()).ok());
    let plain = plain.and_then(|plain| String::from_utf8(plain).ok()).unwrap_or_default();
    plain.split(':').map(str::to_owned).collect()
}

/// A key of ours: does it live, and here?
async fn ours(
    door: &Door,
    key: &OpaqueKey,
    address: ClientAddress,
    now: Timestamp,
) -> Result<Result<Keyed, WrongKey>, store::Error> {
    let hash = key.hash();
    let Some(found) = opaque_key::find(&door.store.reader, &hash).await? else {
        return Ok(Err(WrongKey::because("unknown-key")));
    };
    let id = found.key.access_token;
    if let Some(reason) = dead(&found, now) {
        return Ok(Err(WrongKey::because(reason).of(id)));
    }
    let range = address.range();
    if found.key.bound_to.is_some_and(|bound_to| bound_to != range) {
        return Ok(Err(WrongKey::because("key-bound-elsewhere").of(id)));
    }
    let damaged = |reason: String| store::Error::Damaged { table: "opaque_key", reason };
    let ckan_key = open_sealed(door, &hash, &found.sealed_key).map_err(|error| damaged(error.to_string()))?;
    let is_old = |used: Timestamp| now.duration_since(used) >= NOTED_EVERY;
    let is_to_bind = found.key.binds && found.key.bound_to.is_none();
    let is_to_note = found.key.last_used_at.is_none_or(is_old) || is_to_bind;
    let binds_to = found.key.binds.then_some(range);
    Ok(Ok(Keyed::Holder(Box::new(Holder {
        access_token: id,
        subject: door.keyring.pseudonym("ckan", found.user.as_str()),
        user: found.user,
        hash,
        ckan_key,
        ends_at: found.expires_at,
        use_to_note: is_to_note.then_some(Use { access_token: id, at: now, binds_to }),
    }))))
}

/// Why a key of ours opens nothing at `now`, wherever it is shown.
fn dead(found: &Found, now: Timestamp) -> Option<&'static str> {
    match (found.state, found.because) {
        (State::Issued, _) if found.expires_at <= now => Some("key-expired"),
        (State::Issued, _) if found.key.activated_at.is_none() => Some("key-not-activated"),
        (State::Issued, _) => None,
        (State::Ending | State::Ended, Some(Because::Revoked)) => Some("key-revoked"),
        (State::Ending | State::Ended, Some(Because::Expired)) => Some("key-expired"),
        (State::Making | State::Ending | State::Ended, _) => Some("key-not-made"),
    }
}

/// Keys that are not ours.
async fn others(
    door: &Door,
    keys: &[&str],
    existing: ExistingKeys,
    now: Timestamp,
) -> Result<Result<Keyed, WrongKey>, store::Error> {
    match existing {
        ExistingKeys::Refuse => Ok(Err(WrongKey::because("existing-key"))),
        ExistingKeys::Pass => {
            let is_ckans = |key: &&&str| {
                let key = key.parse::<ApiKey>().map(|key| key.kind());
                matches!(key, Ok(KeyKind::Jwt | KeyKind::Uuid))
            };
            let Some(key) = keys.iter().find(is_ckans) else { return Ok(Ok(Keyed::Others(None))) };
            let pseudonym = door.keyring.pseudonym("key of CKAN's", key);
            let last_seen = existing_key::last_seen(&door.store.reader, &pseudonym).await?;
            let is_to_note = last_seen.is_none_or(|seen| now.duration_since(seen) >= LISTED_EVERY);
            Ok(Ok(Keyed::Others(Some(ExistingKey { pseudonym, is_to_note }))))
        }
    }
}
