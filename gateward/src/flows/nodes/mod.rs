//! Machines: which node a certificate is of (IHE ITI-19).
//!
//! A certificate that is believed names nobody: the registration that means it does. What was judged once
//! is kept along the connection, and counts as long as trust, lists and time leave it standing; whom it
//! means is asked at every request.

mod credential;
mod enroll;
mod refusal;
mod trust;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use node_certificate::{Fingerprint, Key, Standing, Untrusted};
use rustls_pki_types::CertificateDer;

pub use self::credential::{Known, NotStored, row_id};
pub use self::enroll::{Credential, Enrolled, Error, Fate, Revoked, enroll, replace, revoke};
pub use self::refusal::{
    FailedHandshake, Offer, count_failed_handshake, record_failed_handshake, record_no_node,
};
pub use self::trust::{InForce, TrustCache};
use crate::base::identity::{NodeName, NodeRole};
use crate::store::{self, Reader, node};

/// The certificate that a connection, or a proxy that is believed, showed.
///
/// Copies share what was judged of it.
#[derive(Debug, Clone)]
pub struct Presented(Arc<Showing>);

#[derive(Debug)]
struct Showing {
    chain: Vec<CertificateDer<'static>>,
    judged: ArcSwapOption<Judged>,
}

/// What was believed of a certificate, under which trust.
#[derive(Debug)]
struct Judged {
    generation: u64,
    standing: Arc<Standing>,
}

impl Presented {
    /// Takes a chain as it was sent, DER, the machine's own certificate first.
    pub fn new(chain: Vec<CertificateDer<'static>>) -> Self {
        Self(Arc::new(Showing { chain, judged: ArcSwapOption::empty() }))
    }

    /// Returns what is believed of it.
    fn standing(&self, nodes: &Nodes, trust: &InForce, now: Timestamp) -> Result<Arc<Standing>, Untrusted> {
        if let Some(judged) = self.0.judged.load().as_ref()
            && judged.generation == trust.generation()
            && judged.standing.stands_at(now)
        {
            return Ok(Arc::clone(&judged.standing));
        }
        let standing = Arc::new(nodes.judge(&self.0.chain, trust, now)?);
        let judged = Judged { generation: trust.generation(), standing: Arc::clone(&standing) };
        self.0.judged.store(Some(Arc::new(judged)));
        Ok(standing)
    }

    /// Says whose certificate it says to be, for the record; it can name a person.
    pub fn subject(&self) -> Option<String> {
        let own = node_certificate::Certificate::from_der(self.0.chain.first()?).ok()?;
        Some(own.subject().to_string())
    }

    /// Its own certificate's hash, whatever it is.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.0.chain.first().map(|own| Fingerprint::of(own))
    }
}

/// A registered node whose certificate was shown and proven; made by [`Nodes::find`] alone.
#[derive(Debug, Clone)]
pub struct KnownNode {
    name: NodeName,
    credential: String,
    roles: Arc<[NodeRole]>,
    presented: Presented,
    ends_at: Timestamp,
}

impl KnownNode {
    /// Its name.
    pub fn name(&self) -> &NodeName {
        &self.name
    }

    /// The id of what it was known by.
    pub fn credential(&self) -> &str {
        &self.credential
    }

    /// Whether it is believed about others in this role.
    pub fn has_role(&self, role: NodeRole) -> bool {
        self.roles.contains(&role)
    }

    /// When it ends by itself: its certificate, its authority, a list that was asked, or an overlap.
    pub fn ends_at(&self) -> Timestamp {
        self.ends_at
    }
}

/// Why a caller is no node, whatever it showed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct NotANode(#[from] pub Untrusted);

impl NotANode {
    /// The reason in one word, as events and floods count it.
    pub fn reason(&self) -> &'static str {
        self.0.reason()
    }

    /// What the caller is told: which certificates would be taken is not a stranger's to know.
    pub fn told(&self) -> &'static str {
        match self.0 {
            Untrusted::NoCertificate => {
                "this service wants a certificate that is registered here, and none was shown"
            }
            Untrusted::NotRegistered => "the certificate is not registered here",
            Untrusted::Expired { .. } => "the certificate has expired",
            Untrusted::NotYetValid { .. } => "the certificate is not valid yet",
            Untrusted::Unreadable(_)
            | Untrusted::UnknownCa(_)
            | Untrusted::Revoked { .. }
            | Untrusted::WrongEku
            | Untrusted::CrlOutdated { .. }
            | Untrusted::CrlMissing { .. }
            | Untrusted::BadSignature(_) => "the certificate is not accepted here",
        }
    }
}

/// All nodes, by what they are known by; also what has ended, so that the record can say so.
#[derive(Debug, Default)]
pub struct Nodes(HashMap<Key, Vec<Known>>);

impl Nodes {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// [`store::Error`].
    pub async fn read(reader: &Reader) -> Result<Self, store::Error> {
        let all = node::all(reader).await?.into_iter();
        let all: HashMap<NodeName, (Arc<[NodeRole]>, Option<Timestamp>)> =
            all.map(|node| (node.name, (node.roles.into(), node.revoked_at))).collect();
        let mut nodes = Self::default();
        for row in node::credentials(reader).await? {
            let Some((roles, revoked_at)) = all.get(&row.node) else { continue };
            let (key, mut known) = Known::read(&row, Arc::clone(roles))?;
            known.ends_at = [known.ends_at, *revoked_at].into_iter().flatten().min();
            nodes.0.entry(key).or_default().push(known);
        }
        Ok(nodes)
    }

    /// Judges what was shown: exactly this certificate is registered, or an authority is believed. Whether
    /// anybody is meant by it is another matter.
    ///
    /// # Errors
    ///
    /// [`NotANode`].
    pub fn believe(&self, presented: &Presented, trust: &InForce, now: Timestamp) -> Result<(), NotANode> {
        presented.standing(self, trust, now)?;
        Ok(())
    }

    fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        trust: &InForce,
        now: Timestamp,
    ) -> Result<Standing, Untrusted> {
        let is_registered =
            |shown: &Fingerprint| self.means(&Key::Certificate(*shown)).any(|known| known.is_in_force(now));
        trust.trust().judge(chain, is_registered, now).map_err(|why| {
            let own = chain.first().map(|own| Key::Certificate(Fingerprint::of(own)));
            match why {
                Untrusted::UnknownCa(_) if own.is_some_and(|own| self.means(&own).next().is_some()) => {
                    ended()
                }
                why => why,
            }
        })
    }

    fn means(&self, key: &Key) -> impl Iterator<Item = &Known> {
        self.0.get(key).into_iter().flatten()
    }

    /// Finds out which node shows `presented`.
    ///
    /// # Errors
    ///
    /// [`NotANode`].
    pub fn find(
        &self,
        presented: Option<&Presented>,
        trust: &InForce,
        now: Timestamp,
    ) -> Result<KnownNode, NotANode> {
        let presented = presented.ok_or(Untrusted::NoCertificate)?;
        let standing = presented.standing(self, trust, now)?;
        let known = self.meant_by(&standing, now).ok_or_else(|| {
            let meant = standing.keys().any(|key| self.means(&key).any(|known| !known.is_in_force(now)));
            if meant { ended() } else { Untrusted::NotRegistered }
        })?;
        Ok(KnownNode {
            name: known.node.clone(),
            credential: known.id.clone(),
            roles: Arc::clone(&known.roles),
            presented: presented.clone(),
            ends_at: known.ends_at.map_or(standing.until(), |end| end.min(standing.until())),
        })
    }

    /// A certificate that is registered itself is whose it is, and once that has ended nobody's, whatever it
    /// is called; what is called by names that mean two nodes is neither.
    fn meant_by(&self, standing: &Standing, now: Timestamp) -> Option<&Known> {
        let mut found: Option<&Known> = None;
        for key in standing.keys() {
            if matches!(key, Key::Certificate(_)) && self.means(&key).next().is_some() {
                return self.means(&key).find(|known| known.is_in_force(now));
            }
            for known in self.means(&key).filter(|known| known.is_in_force(now)) {
                if found.is_some_and(|other| other.node != known.node) {
                    return None;
                }
                found.get_or_insert(known);
            }
        }
        found
    }

    /// Looks again whether a node that was proven before may still come in, for answers that run.
    pub fn look_again(&self, node: &KnownNode, trust: &InForce, now: Timestamp) -> bool {
        self.find(Some(&node.presented), trust, now).is_ok_and(|again| again.name == node.name)
    }
}

/// A command took out what it is registered by.
fn ended() -> Untrusted {
    Untrusted::Revoked { what: "the certificate".into(), by: "whoever registers machines here".into() }
}

#[cfg(test)]
mod tests;
