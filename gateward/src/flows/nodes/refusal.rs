//! Machines that were turned away: in the handshake, or with their first request.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use node_certificate::Fingerprint;
use serde::Serialize;

use super::{NotANode, Presented};
use crate::base::address::ClientAddress;
use crate::base::id::Reference;
use crate::base::name::ServiceName;
use crate::flows::door::{Door, Refused};
use crate::flows::record::What;
use crate::store::CommitError;

/// What a client offered at the beginning of a handshake, as far as it could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// Versions of TLS, the newest first, as in `1.2`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// The host (RFC 6066 section 3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Protocols (RFC 7301), the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<String>,
}

/// A handshake that came to nothing.
#[derive(Debug, Clone)]
pub struct FailedHandshake {
    /// In one word.
    pub reason: &'static str,
    /// In the words of whoever refused.
    pub detail: String,
    /// What the client offered.
    pub offer: Offer,
    /// The certificate that was refused, where that was it.
    pub refused: Option<(NotANode, Presented)>,
}

impl FailedHandshake {
    /// What floods of it are counted under.
    fn counted_as(&self) -> String {
        let reason = self.refused.as_ref().map_or(self.reason, |(why, _)| why.reason());
        format!("handshake: {reason}")
    }
}

/// Counts a handshake that came to nothing into a summary, while too many others wait to be recorded.
pub fn count_failed_handshake(door: &Door, failed: &FailedHandshake, address: ClientAddress, now: Timestamp) {
    door.failures.count_only(address, &failed.counted_as(), now, &door.random);
}

/// Records a handshake that came to nothing; a flood of them becomes counted summaries.
///
/// # Errors
///
/// [`CommitError`]; the client was turned away all the same.
pub async fn record_failed_handshake(
    door: &Door,
    failed: FailedHandshake,
    address: ClientAddress,
    now: Timestamp,
) -> Result<Reference, CommitError> {
    let counted_as = failed.counted_as();
    let FailedHandshake { reason, detail, offer, refused } = failed;
    let (what, certificate) = match refused {
        Some((why, presented)) => {
            let what = What::NodeAuthenticationFailed {
                reason: why.reason(),
                detail: why.to_string(),
                fingerprint: presented.fingerprint().map(hex),
                offer: Some(offer),
                request: None,
            };
            (what, presented.subject())
        }
        None => (What::HandshakeFailed { reason, detail, offer }, None),
    };
    let refused = Refused { what, reason: counted_as, service: None, who: None, certificate, address };
    door.record_refusal(refused, now).await
}

/// Records that a request to `service` came from no node that may come in.
///
/// # Errors
///
/// [`CommitError`].
pub async fn record_no_node(
    door: &Door,
    service: &ServiceName,
    (why, presented): (&NotANode, Option<&Presented>),
    request: String,
    (address, now): (ClientAddress, Timestamp),
) -> Result<Reference, CommitError> {
    let refused = Refused {
        what: What::NodeAuthenticationFailed {
            reason: why.reason(),
            detail: why.to_string(),
            fingerprint: presented.and_then(Presented::fingerprint).map(hex),
            offer: None,
            request: Some(request),
        },
        reason: format!("node: {}", why.reason()),
        service: Some(service.clone()),
        who: None,
        certificate: presented.and_then(Presented::subject),
        address,
    };
    door.record_refusal(refused, now).await
}

fn hex(fingerprint: Fingerprint) -> String {
    HEXLOWER.encode(fingerprint.as_bytes())
}
