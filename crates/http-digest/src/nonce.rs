//! Nonces that say themselves when and for what they were issued.
//!
//! base64url of time (8 bytes, milliseconds since 1970, big-endian), 12 random bytes and the
//! first 16 bytes of an HMAC-SHA-256 over both, the service and the realm. Any replica with
//! the key can check one, and none has to remember it.

use crate::ProtectionSpace;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use std::fmt;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

/// How long a nonce is good, and so for how long a seen request could be repeated.
pub const NONCE_LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// How far ahead of ours the clock of the replica that issued a nonce may be.
pub const CLOCK_OFFSET: SignedDuration = SignedDuration::from_secs(5);

/// Bytes of randomness that each nonce wants.
pub const NONCE_RANDOM_LEN: usize = 12;

/// Makes and recognises nonces; the same on all replicas. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct NonceKey([u8; 32]);

impl NonceKey {
    /// Takes 32 random bytes, or the output of a key derivation.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// The key that makes nonces, and all those whose nonces are still (or already) good.
///
/// To rotate without refusing anybody: accept the new key everywhere, then make it current,
/// then forget the old one.
#[derive(Clone, Debug)]
pub struct NonceKeys {
    current: NonceKey,
    also_accepted: Vec<NonceKey>,
}

impl NonceKeys {
    /// Issues under `current`; accepts nonces made under it or under any of `also_accepted`.
    pub fn new(current: NonceKey, also_accepted: Vec<NonceKey>) -> Self {
        Self { current, also_accepted }
    }
}

/// Tells one nonce of ours from all others; those issued earlier come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NonceId {
    issued: Timestamp,
    random: [u8; NONCE_RANDOM_LEN],
}

impl NonceId {
    /// From when on the nonce is stale, whoever sends it.
    pub fn stale_from(&self) -> Timestamp {
        self.issued.saturating_add(NONCE_LIFETIME).unwrap_or(Timestamp::MAX)
    }
}

/// What a nonce that somebody sent is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    Fresh(NonceId),
    /// Ours, but [`NONCE_LIFETIME`] or more old.
    Stale,
    /// Made under no key of ours, for another service or realm, or in the future.
    Foreign,
}

/// A new nonce for `space`.
pub(crate) fn issue(space: ProtectionSpace<'_>, now: Timestamp, random: [u8; NONCE_RANDOM_LEN]) -> String {
    let mut bytes = [0; LEN];
    bytes[..TIME_END].copy_from_slice(&now.as_millisecond().to_be_bytes());
    bytes[TIME_END..RANDOM_END].copy_from_slice(&random);
    let tag = tag(&space.keys.current, space, &bytes[..RANDOM_END]);
    bytes[RANDOM_END..].copy_from_slice(&tag);
    BASE64URL_NOPAD.encode(&bytes)
}

/// Says what `nonce` is worth in `space`. Looks at every key, whichever fits.
pub(crate) fn age(nonce: &str, space: ProtectionSpace<'_>, now: Timestamp) -> Age {
    let Some(bytes) = decode(nonce) else {
        return Age::Foreign;
    };
    let (authentic, sent_tag) = bytes.split_at(RANDOM_END);

    let NonceKeys { current, also_accepted } = space.keys;
    let ours = std::iter::once(current)
        .chain(also_accepted)
        .fold(Choice::from(0), |found, key| found | tag(key, space, authentic).ct_eq(sent_tag));
    let Some(issued) = time(authentic).filter(|_| ours.into()) else {
        return Age::Foreign;
    };

    let age = now.duration_since(issued);
    if age < -CLOCK_OFFSET {
        Age::Foreign
    } else if age < NONCE_LIFETIME {
        let random = authentic[TIME_END..].try_into().expect("what the tag covers ends with it");
        Age::Fresh(NonceId { issued, random })
    } else {
        Age::Stale
    }
}

fn decode(nonce: &str) -> Option<[u8; LEN]> {
    BASE64URL_NOPAD.decode(nonce.as_bytes()).ok()?.try_into().ok()
}

fn time(authentic: &[u8]) -> Option<Timestamp> {
    let milliseconds = i64::from_be_bytes(*authentic.first_chunk()?);
    Timestamp::from_millisecond(milliseconds).ok()
}

/// The service is prefixed with its length: no other pair of service and realm reads the same.
fn tag(key: &NonceKey, space: ProtectionSpace<'_>, authentic: &[u8]) -> [u8; LEN - RANDOM_END] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes a key of any length");
    mac.update(PURPOSE);
    mac.update(authentic);
    mac.update(&(space.service.len() as u64).to_be_bytes());
    mac.update(space.service.as_bytes());
    mac.update(space.realm.as_str().as_bytes());
    let whole: [u8; 32] = mac.finalize().into_bytes().into();
    let mut tag = [0; LEN - RANDOM_END];
    tag.copy_from_slice(&whole[..LEN - RANDOM_END]);
    tag
}

/// Keeps the same key, used elsewhere by mistake, from making a nonce.
const PURPOSE: &[u8] = b"http-digest nonce 1\0";
const TIME_END: usize = 8;
const RANDOM_END: usize = TIME_END + NONCE_RANDOM_LEN;
const LEN: usize = RANDOM_END + 16;

impl Drop for NonceKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NonceKey(..)")
    }
}
