//! One message by itself, as feeds send many.

use super::{Error, datagrams, stream, tls_towards};
use crate::config::audit::{Feed, Target};
use crate::server::tls::Strictness;

/// Sends `message` to a receiver of syslog; by TLS, once this returns, it has read it.
///
/// # Errors
///
/// Why not, for the operator.
pub async fn send_one(receiver: &Feed, strictness: Strictness, message: &[u8]) -> Result<(), Error> {
    match &receiver.to {
        Target::SyslogTls { host, port } => {
            stream::deliver_one(tls_towards(receiver, strictness)?, (host, *port), message).await
        }
        Target::SyslogUdp { host, port } => datagrams::deliver_one((host, *port), message).await,
        Target::Fhir { .. } => Err(Error::There("it receives no syslog".into())),
    }
}
