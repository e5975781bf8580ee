//! A primary key or a subkey with what it says about itself, and how it stands at one moment.
//!
//! The one judge of keys: what verifies signatures and what is sealed to both ask here.

use jiff::Timestamp;
use pgp::types::KeyDetails;

use crate::{
    Fingerprint, KeyAlgorithm,
    self_signature::{Purpose, Statement, Statements},
    time::CLOCK_ALLOWANCE,
};

/// One key of a certificate. Says nothing about its neighbours: a subkey counts only while its
/// primary key does.
#[derive(Debug)]
pub(crate) struct Component {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) key_id: [u8; 8],
    pub(crate) created: Timestamp,
    pub(crate) algorithm: KeyAlgorithm,
    pub(crate) about: Statements,
}

/// What one key is good for at one moment, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing<'a> {
    /// According to this statement.
    Good(&'a Statement),
    Expired(Timestamp),
    Revoked,
    Unbound,
}

/// What a whole certificate is good for at one moment, for one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Usable { expires: Option<Timestamp> },
    Expired(Timestamp),
    Revoked,
    Unable,
}

impl Component {
    /// `None` for key versions that are too old, or never became a standard.
    pub(crate) fn new(key: &impl KeyDetails, about: Statements) -> Option<Self> {
        Some(Self {
            fingerprint: Fingerprint::of(key)?,
            key_id: key.legacy_key_id().as_ref().try_into().ok()?,
            created: crate::time::from_library(key.created_at()),
            algorithm: KeyAlgorithm::of(key.public_params()),
            about,
        })
    }

    /// Whatever became of it since. A revocation that came without anything else may concern any purpose.
    pub(crate) fn was_made_to(&self, purpose: Purpose) -> bool {
        let valid = &self.about.valid;
        valid.iter().any(|statement| statement.allows(purpose)) || (self.about.revoked && valid.is_empty())
    }

    /// Judged by the newest statement that holds at `now`; a revocation outweighs them all.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing<'_> {
        if self.about.revoked {
            return Standing::Revoked;
        }
        let made = |statement: &&Statement| statement.made.duration_since(now) <= CLOCK_ALLOWANCE;
        let current = self
            .about
            .valid
            .iter()
            .filter(made)
            .find(|statement| statement.ends.is_none_or(|ends| now < ends));
        match current {
            Some(statement) => match statement.key_expires {
                Some(at) if now >= at => Standing::Expired(at),
                _ => Standing::Good(statement),
            },
            None => match self.about.valid.iter().filter(made).filter_map(|s| s.ends).max() {
                Some(at) => Standing::Expired(at),
                None => Standing::Unbound,
            },
        }
    }
}

/// Judges a certificate: its primary key must stand, and one of `keys` must be made for `purpose`.
///
/// `keys` are those that may serve the purpose by their algorithm, the primary key among them if
/// it does. Of several the one that lasts longest sets the end.
pub(crate) fn judge<'a>(
    primary: &Component,
    keys: impl Iterator<Item = &'a Component>,
    purpose: Purpose,
    now: Timestamp,
) -> Verdict {
    let primary_expires = match primary.standing(now) {
        Standing::Good(statement) => statement.until(),
        Standing::Revoked => return Verdict::Revoked,
        Standing::Expired(at) => return Verdict::Expired(at),
        Standing::Unbound => return Verdict::Unable,
    };
    let latest = |a: Option<Timestamp>, b: Option<Timestamp>| a.zip(b).map(|(a, b)| a.max(b));
    let mut best: Option<Option<Timestamp>> = None;
    let mut last_expired = None;
    let mut revoked = false;
    for key in keys {
        match key.standing(now) {
            Standing::Good(statement) if statement.allows(purpose) => {
                let expires = statement.until();
                best = Some(best.map_or(expires, |best| latest(best, expires)));
            }
            Standing::Expired(at) if key.was_made_to(purpose) => {
                last_expired = last_expired.max(Some(at));
            }
            Standing::Revoked if key.was_made_to(purpose) => revoked = true,
            _ => {}
        }
    }
    match (best, last_expired) {
        (Some(expires), _) => {
            Verdict::Usable { expires: [primary_expires, expires].into_iter().flatten().min() }
        }
        (None, Some(at)) => Verdict::Expired(at),
        (None, None) if revoked => Verdict::Revoked,
        (None, None) => Verdict::Unable,
    }
}
