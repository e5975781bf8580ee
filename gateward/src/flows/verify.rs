//! A proxy in front asks whether it may let a request through: who the proxy is, and why it gets no answer.
//!
//! A header names nobody unless a proxy sent it that proved itself, by the certificate of a registered node
//! with the role for it, or as a configured user of this machine at our Unix socket; never by its address.
//! What it asks about is then decided as any request is ([`admit`](super::admit)).

use jiff::Timestamp;

use super::door::{Door, Refused};
use super::nodes::{InForce, NotANode, Presented};
use super::policy::Policy;
use super::record::{About, What};
use crate::base::address::ClientAddress;
use crate::base::id::Reference;
use crate::base::identity::{NodeName, NodeRole};
use crate::base::name::ServiceName;
use crate::base::target::Ambiguous;
use crate::store::CommitError;
use crate::store::revocation::Revision;

/// What somebody who asks shows of themselves.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The certificate of their connection to us.
    pub certificate: Option<&'a Presented>,
    /// The user that they run as, where they came by our Unix socket.
    pub uid: Option<u32>,
}

/// A proxy that proved itself for this very question; made by [`recognise`] alone.
#[derive(Debug)]
pub struct Proxy {
    name: String,
    recognised_under: Revision,
}

impl Proxy {
    /// Its name in the record: `node:NAME`, or `unix:UID`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The revocation counter that this was decided under.
    pub fn recognised_under(&self) -> Revision {
        self.recognised_under
    }
}

/// Why whoever asks is no proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAProxy {
    /// The operator's, who enrolls nodes, or the caller's, who is none.
    #[error(transparent)]
    Unknown(#[from] NotANode),
    /// The operator's, who gives roles.
    #[error("the node {0} has not the role proxy")]
    Role(NodeName),
    /// The operator's, who names users: verify.uids.
    #[error("it runs as the user {0}, whom verify.uids does not name")]
    User(u32),
}

/// Finds out whether whoever asks is a proxy; `uids` are the users of this machine that may be one.
///
/// # Errors
///
/// [`NotAProxy`].
pub fn recognise(
    policy: &Policy,
    trust: &InForce,
    asker: Asker<'_>,
    uids: &[u32],
    now: Timestamp,
) -> Result<Proxy, NotAProxy> {
    let name = match asker.uid {
        Some(uid) if uids.contains(&uid) => format!("unix:{uid}"),
        Some(uid) => return Err(NotAProxy::User(uid)),
        None => {
            let node = policy.nodes.find(asker.certificate, trust, now)?;
            if !node.has_role(NodeRole::Proxy) {
                return Err(NotAProxy::Role(node.name().clone()));
            }
            format!("node:{}", node.name())
        }
    };
    Ok(Proxy { name, recognised_under: policy.revision })
}

/// Records that somebody asked who is no proxy.
///
/// # Errors
///
/// [`CommitError`]: then they are told only that nothing can be recorded.
pub async fn refuse_asker(
    door: &Door,
    why: &NotAProxy,
    asker: Asker<'_>,
    address: ClientAddress,
    now: Timestamp,
) -> Result<Reference, CommitError> {
    let reason = "not-a-proxy";
    let refused = Refused {
        what: What::AuthenticationFailed { reason, detail: why.to_string() },
        reason: format!("verify: {reason}"),
        service: None,
        who: None,
        certificate: asker.certificate.and_then(Presented::subject),
        address,
    };
    door.record_refusal(refused, now).await
}

/// Why nobody can say what the proxy asks about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// The operator's, who configures the proxy.
    #[error("the proxy does not say what its client asks for: {0} is missing")]
    Missing(&'static str),
    /// The operator's, or a client's whose fields the proxy passes on.
    #[error("the proxy says twice what its client asks for: {0}")]
    Twice(&'static str),
    /// The client's.
    #[error("{0} is no method")]
    Method(String),
    /// The client's: another path behind the proxy than here.
    #[error(transparent)]
    Target(#[from] Ambiguous),
    /// The client's: what is behind the proxy could go by this field instead of what we are told.
    #[error("{0} says another method or path than the request")]
    Override(&'static str),
    /// The operator's, who configures the proxy.
    #[error("{0} holds no certificate: PEM as a URL escapes it, or DER in base64")]
    Certificate(&'static str),
    /// The operator's, who says that every proxy sets it, or a client's, whose own it is.
    #[error(
        "{0} says whose certificate it was, and verify.client_certificate does not say that every proxy sets it: it \
         may be the client's own"
    )]
    NotBelieved(&'static str),
    /// The operator's, or a client's whose fields the proxy passes on.
    #[error("{0} holds no host")]
    Host(&'static str),
    /// The operator's, or the client's who asks for something else.
    #[error("there is no service at this path")]
    NoService,
    /// The operator's: such a service has to be carried by us.
    #[error("a proxy cannot ask about this service, as gateward has to see the request and its answer")]
    NotForProxies(ServiceName),
}

impl Unclear {
    /// The reason in one word, as events and floods count it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing(_) => "not-said",
            Self::Twice(_) => "said-twice",
            Self::Method(_) => "method",
            Self::Target(_) => "path",
            Self::Override(_) => "override",
            Self::Certificate(_) | Self::Host(_) => "unreadable",
            Self::NotBelieved(_) => "not-believed",
            Self::NoService => "no-service",
            Self::NotForProxies(_) => "not-for-proxies",
        }
    }
}

/// What a proxy asked about, as far as it said it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// How.
    pub method: &'a str,
    /// What of the path may be recorded for good.
    pub path: &'a str,
    /// What, byte for byte; it may name somebody.
    pub target: &'a str,
}

/// Records that a proxy asked something that has no answer.
///
/// # Errors
///
/// [`CommitError`]: then it is told only that nothing can be recorded.
pub async fn refuse_question(
    door: &Door,
    why: &Unclear,
    seen: Seen<'_>,
    address: ClientAddress,
    now: Timestamp,
) -> Result<Reference, CommitError> {
    let shortened = |text: &str| text.chars().take(RECORDED).collect();
    let service = match why {
        Unclear::NotForProxies(service) => Some(service.clone()),
        _ => None,
    };
    let reason = why.reason();
    let refused = Refused {
        what: What::RequestRefused {
            method: shortened(seen.method),
            path: shortened(seen.path),
            reason,
            detail: shortened(&why.to_string()),
        },
        reason: format!("request: {reason}"),
        service,
        who: None,
        certificate: None,
        address,
    };
    let about = About { target: Some(shortened(seen.target)), ..About::default() };
    door.record_refusal_about(refused, &about, now).await
}

/// How much of what strangers chose is recorded, in characters.
const RECORDED: usize = 512;
