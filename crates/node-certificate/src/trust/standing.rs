//! What is believed of a certificate, and for how long.

use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::key::{Authority, Key, Named};

/// By whose word a certificate is believed (IHE ITI-19).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A trusted authority's.
    Authority,
    /// The operator's, who registered exactly this certificate.
    Registered,
}

/// A certificate that is believed; only [`judge`](crate::Trust::judge) makes one.
///
/// It says nothing about who that is here: registrations do, found by [`keys`](Self::keys).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    certificate: Certificate,
    way: Way,
    authorities: Vec<Authority>,
    until: Timestamp,
}

impl Standing {
    pub(super) fn new(certificate: Certificate, way: Way, above: &[Certificate], until: Timestamp) -> Self {
        Self { certificate, way, authorities: above.iter().map(Authority::of).collect(), until }
    }

    /// Returns the certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Returns by whose word it is believed.
    pub fn way(&self) -> Way {
        self.way
    }

    /// Whether the judgement still stands at `now`, as long as neither trust nor lists have changed.
    ///
    /// It ends with the first of the certificates in the path, or of the lists that were asked; then it is
    /// to be judged once more.
    pub fn stands_at(&self, now: Timestamp) -> bool {
        now < self.until && now >= self.certificate.not_before()
    }

    /// Returns when it ends by itself: the judgement stands until before then.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Returns what registrations may mean it by: itself first, then what each authority calls it.
    ///
    /// Names count only from a trusted authority: a certificate that is believed because it is registered
    /// itself is meant by nothing else.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        let itself = Key::Certificate(self.certificate.fingerprint());
        let named = self.authorities.iter().flat_map(|by| {
            let sans = self.certificate.sans().iter().cloned().map(Named::San);
            let subject = Named::Subject(self.certificate.subject().clone());
            std::iter::once(subject).chain(sans).map(|named| Key::Issued { by: *by, named })
        });
        std::iter::once(itself).chain(named)
    }
}
