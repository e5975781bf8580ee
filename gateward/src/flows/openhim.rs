//! What an OpenHIM in front of us says of a request that it passes on.
//!
//! Its fields are believed from the registered node that has the role `openhim`, and from nobody else: from
//! others they are not even looked at. What they say is recorded and told to an upstream that asks for it;
//! what may be reached, the grants of the node alone decide.

use super::nodes::KnownNode;
use crate::base::identity::NodeRole;
use crate::base::once::Once;
use crate::base::openhim::{NotAnOpenHimId, OpenHimId};

/// What a request says of itself in the fields of OpenHIM.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'a> {
    /// `X-OpenHIM-ClientID`.
    pub client: Once<'a>,
    /// `X-OpenHIM-TransactionID`.
    pub transaction: Once<'a>,
}

/// A request that an OpenHIM passed on; made by [`believe`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOn {
    client: Option<OpenHimId>,
    transaction: Option<OpenHimId>,
}

impl PassedOn {
    #[cfg(test)]
    pub(crate) fn by_nobody_in_particular() -> Self {
        Self { client: None, transaction: None }
    }

    /// The client that came to it, where it authenticated one.
    pub fn client(&self) -> Option<&OpenHimId> {
        self.client.as_ref()
    }

    /// The transaction that it made of the request.
    pub fn transaction(&self) -> Option<&OpenHimId> {
        self.transaction.as_ref()
    }
}

/// Believes what is said where `node` is an OpenHIM; `None` where it is none.
///
/// # Errors
///
/// [`NotAnOpenHimId`]: it is one, and says something that cannot be recorded.
pub fn believe(said: Said<'_>, node: &KnownNode) -> Result<Option<PassedOn>, NotAnOpenHimId> {
    if !node.has_role(NodeRole::OpenHim) {
        return Ok(None);
    }
    Ok(Some(PassedOn { client: id(said.client)?, transaction: id(said.transaction)? }))
}

fn id(said: Once<'_>) -> Result<Option<OpenHimId>, NotAnOpenHimId> {
    match said {
        Once::No => Ok(None),
        Once::One(value) => value.to_str().map_err(|_| NotAnOpenHimId)?.parse().map(Some),
        Once::Several => Err(NotAnOpenHimId),
    }
}
