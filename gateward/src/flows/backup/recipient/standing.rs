//! How recipients stand, for whoever looks at the list.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use openpgp::{Fingerprint, RecipientStatus};

use super::{Recipients, Unusable};
use crate::base::backup::JobName;

/// So long before a key ends it is warned of: its owner may be away for a while.
pub const WARNING: SignedDuration = SignedDuration::from_hours(60 * 24);

/// One key, at one moment.
#[derive(Debug)]
pub struct Standing {
    /// The primary key's.
    pub fingerprint: Fingerprint,
    /// Names and addresses as the file has them. Nobody vouches for them.
    pub user_ids: Vec<String>,
    /// The key or subkey that is sealed to now.
    pub opens_with: Option<Fingerprint>,
    /// What it is good for; not that it expired or was revoked, but that it is missing or broken is an error.
    pub status: Result<RecipientStatus, Unusable>,
    /// The jobs that name it.
    pub jobs: Vec<JobName>,
}

impl Standing {
    /// When it ends, if it says so and has not ended.
    pub fn ends_at(&self) -> Option<Timestamp> {
        match self.status {
            Ok(RecipientStatus::Usable { expires }) => expires,
            _ => None,
        }
    }

    /// Whether its end is near at `now`, or there: then the jobs that name it stand still, or will.
    pub fn needs_care(&self, now: Timestamp) -> bool {
        match self.status {
            Ok(RecipientStatus::Usable { expires: None }) => false,
            Ok(RecipientStatus::Usable { expires: Some(at) }) => at.duration_since(now) < WARNING,
            Ok(RecipientStatus::Expired(_) | RecipientStatus::Revoked | RecipientStatus::CannotEncrypt)
            | Err(_) => true,
        }
    }
}

impl Recipients {
    /// Says how each key stands at `now`, by fingerprint: those that were imported, and those that `jobs` name.
    /// `jobs` are all that there are, each with the keys that it names.
    pub fn standing(&self, jobs: &[(JobName, Vec<Fingerprint>)], now: Timestamp) -> Vec<Standing> {
        let named = jobs.iter().flat_map(|(_, keys)| keys);
        let all: BTreeSet<Fingerprint> = self.0.keys().chain(named).copied().collect();
        all.into_iter().map(|fingerprint| self.standing_of(fingerprint, jobs, now)).collect()
    }

    fn standing_of(
        &self,
        fingerprint: Fingerprint,
        jobs: &[(JobName, Vec<Fingerprint>)],
        now: Timestamp,
    ) -> Standing {
        let recipient = self.kept(&fingerprint);
        let names = |keys: &[Fingerprint]| keys.contains(&fingerprint);
        Standing {
            fingerprint,
            user_ids: recipient.as_ref().map(|it| it.certificate().user_ids().to_vec()).unwrap_or_default(),
            opens_with: recipient.as_ref().ok().and_then(|it| it.key_at(now)).map(|key| key.fingerprint()),
            status: recipient.map(|it| it.status(now)),
            jobs: jobs.iter().filter(|(_, keys)| names(keys)).map(|(job, _)| job.clone()).collect(),
        }
    }
}
