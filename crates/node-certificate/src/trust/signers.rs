//! Who has signed which list of revoked certificates, found out once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::certificate::Certificate;
use crate::key::Authority;
use crate::revocation::RevocationList;

/// How many findings are kept: authorities between are not known before they are shown.
const FINDINGS: usize = 4096;

/// What was found out of the lists of one [`Trust`](super::Trust), each by its place: to verify a signature is to hash
/// a list whole, and lists have millions of bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Signers(Arc<Mutex<HashMap<(usize, Authority), bool>>>);

impl Signers {
    /// Finds out which of `authorities` have signed which of `lists`.
    pub(super) fn of(lists: &[RevocationList], authorities: &[Certificate]) -> Self {
        let signers = Self::default();
        for (at, list) in lists.iter().enumerate() {
            for authority in authorities {
                signers.has_signed(at, list, authority);
            }
        }
        signers
    }

    /// Whether `issuer` has signed `list`, which has the place `at`, and may.
    pub(super) fn has_signed(&self, at: usize, list: &RevocationList, issuer: &Certificate) -> bool {
        if !list.may_be_of(issuer) {
            return false;
        }
        let key = (at, Authority::of(issuer));
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        known.unwrap_or_else(|| {
            // Nobody waits meanwhile: at worst it is found out twice.
            let found = list.is_of(issuer);
            let mut findings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if findings.len() < FINDINGS {
                findings.insert(key, found);
            }
            found
        })
    }
}
