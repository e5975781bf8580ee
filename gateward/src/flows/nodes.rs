//! Machines: which node a certificate is of.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::base::identity::NodeName;
use crate::base::sha256::Sha256;
use crate::store::node::{CredentialRow, NodeRow};
use crate::store::{self, Reader, node};

/// The certificate that a connection, or a proxy that is believed, showed.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The chain as it was sent, DER, the client's own first.
    pub chain: Vec<Vec<u8>>,
}

/// A registered node whose certificate was shown and proven; made by [`Nodes::find`] alone.
#[derive(Debug, Clone)]
pub struct KnownNode {
    name: NodeName,
    credential: String,
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
}

/// Why a caller is no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotANode {
    /// The caller's: it has to show one.
    #[error("this service wants a certificate that is registered here, and none was shown")]
    NoCertificate,
    /// The operator's, who registers.
    #[error("the certificate is not registered here")]
    NotRegistered,
}

impl NotANode {
    /// The reason in one word, as events and floods count it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoCertificate => "no-certificate",
            Self::NotRegistered => "not-registered",
        }
    }
}

/// All nodes that may come in, by what they are known by.
#[derive(Debug, Default)]
pub struct Nodes {
    by_fingerprint: HashMap<String, CredentialRow>,
    by_name: HashMap<NodeName, NodeRow>,
}

impl Nodes {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// [`store::Error`].
    pub async fn read(reader: &Reader) -> Result<Self, store::Error> {
        let nodes = node::all(reader).await?.into_iter().filter(|node| node.revoked_at.is_none());
        let by_name: HashMap<_, _> = nodes.map(|node| (node.name.clone(), node)).collect();
        let credentials = node::credentials(reader).await?.into_iter();
        let credentials = credentials.filter(|credential| by_name.contains_key(&credential.node));
        let by_fingerprint = credentials
            .filter_map(|credential| Some((credential.fingerprint.clone()?, credential)))
            .collect();
        Ok(Self { by_fingerprint, by_name })
    }

    /// Finds out which node shows `presented`.
    ///
    /// # Errors
    ///
    /// [`NotANode`].
    pub fn find(&self, presented: Option<&Presented>, now: Timestamp) -> Result<KnownNode, NotANode> {
        let own = presented.and_then(|presented| presented.chain.first()).ok_or(NotANode::NoCertificate)?;
        let fingerprint = Sha256::of(own).to_string();
        let credential = self.by_fingerprint.get(&fingerprint).ok_or(NotANode::NotRegistered)?;
        if credential.ends_at.is_some_and(|end| end <= now) {
            return Err(NotANode::NotRegistered);
        }
        Ok(KnownNode { name: credential.node.clone(), credential: credential.id.clone() })
    }

    /// Looks again whether a node that was proven before may still come in, for answers that run.
    pub fn look_again(&self, node: &KnownNode, now: Timestamp) -> bool {
        let still =
            |row: &CredentialRow| row.id == node.credential && row.ends_at.is_none_or(|end| end > now);
        self.by_name.contains_key(&node.name) && self.by_fingerprint.values().any(still)
    }
}
