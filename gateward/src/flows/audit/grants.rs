//! What a machine may do with the log: read it, send events of its own, or nothing.

use jiff::Timestamp;

use crate::base::address::ClientAddress;
use crate::base::fhir::Action;
use crate::base::id::Reference;
use crate::base::identity::NodeName;
use crate::base::name::ServiceName;
use crate::flows::door::{Door, Refused};
use crate::flows::nodes::{NotANode, Presented, record_no_node};
use crate::flows::policy::{Extent, Subject};
use crate::flows::record::What;
use crate::store::CommitError;
use crate::store::revocation::Revision;

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct May {
    /// Search and read.
    pub read: bool,
    /// Send events.
    pub send: bool,
}

/// What grants on the log name as their service.
fn service() -> ServiceName {
    "audit".parse().expect("it is a name")
}

/// Finds out which machine shows `presented`, and what it may by the policy of the revocation counter that is returned.
///
/// # Errors
///
/// [`NotANode`].
pub fn recognise(
    door: &Door,
    presented: Option<&Presented>,
    now: Timestamp,
) -> Result<(NodeName, May, Revision), NotANode> {
    let policy = door.policy.current();
    let node = policy.nodes.find(presented, &door.trust.current(), now)?.name().clone();
    let grants = policy.grants(&service(), &[Subject::Node(node.clone())]);
    let allows = |wanted: &[Action]| {
        grants.iter().any(|grant| {
            let Extent { actions, resources, own, .. } = &grant.extent;
            let of_events =
                resources.is_empty() || resources.iter().any(|kind| kind.as_str() == "AuditEvent");
            // What the same node created is nobody's here: such a grant opens nothing.
            of_events && !own && (actions.is_empty() || wanted.iter().all(|one| actions.contains(one)))
        })
    };
    let may = May { read: allows(&[Action::Read, Action::Search]), send: allows(&[Action::Create]) };
    Ok((node, may, policy.revision))
}

/// Records that a machine asked that nothing grants the log.
///
/// # Errors
///
/// [`CommitError`].
pub async fn refuse(
    door: &Door,
    node: &NodeName,
    (method, path): (&str, &str),
    address: ClientAddress,
    now: Timestamp,
) -> Result<Reference, CommitError> {
    let shortened = |text: &str| text.chars().take(64).collect();
    let reason = "not-granted";
    let detail = format!("it is the node {node}");
    let refused = Refused {
        what: What::RequestRefused { method: shortened(method), path: shortened(path), reason, detail },
        reason: format!("request: {reason}"),
        service: Some(service()),
        who: Some(format!("node:{node}")),
        certificate: None,
        address,
    };
    door.record_refusal(refused, now).await
}

/// Records that somebody asked who is no machine that is known.
///
/// # Errors
///
/// [`CommitError`].
pub async fn refuse_stranger(
    door: &Door,
    shown: (&NotANode, Option<&Presented>),
    request: String,
    address: ClientAddress,
    now: Timestamp,
) -> Result<Reference, CommitError> {
    record_no_node(door, &service(), shown, request, (address, now)).await
}
