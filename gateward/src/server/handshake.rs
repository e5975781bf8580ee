//! The handshake: who fails it, with what they offered, is recorded.

mod offer;

use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, Error as TlsError, PeerIncompatible, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::gate::Gate;
use super::tls::nodes::{Noted, noting};
use crate::base::address::ClientAddress;
use crate::flows::nodes::{FailedHandshake, Presented, count_failed_handshake, record_failed_handshake};

/// Makes a handshake on `wire`, which begins with the bytes `first`, as far as they are there; returns the
/// certificate that was shown with it, unless the session was resumed.
///
/// # Errors
///
/// [`FailedHandshake`].
pub async fn accept<W: AsyncRead + AsyncWrite + Unpin>(
    tls: &Arc<ServerConfig>,
    wire: W,
    first: &[u8],
) -> Result<(TlsStream<W>, Option<Presented>), FailedHandshake> {
    let accepting = TlsAcceptor::from(Arc::clone(tls)).accept(wire);
    let (accepted, noted) = noting(accepting).await;
    match accepted {
        Ok(stream) => Ok((stream, noted.map(|noted| noted.presented))),
        Err(error) => {
            let refused = noted.and_then(|Noted { presented, refused }| Some((refused?, presented)));
            Err(FailedHandshake { refused, ..failed(first, &error) })
        }
    }
}

/// Says in one word why a handshake came to nothing.
fn failed(first: &[u8], error: &io::Error) -> FailedHandshake {
    let tls = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>());
    let reason = match tls {
        Some(TlsError::PeerIncompatible(incompatible)) => match incompatible {
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::SupportedVersionsExtensionRequired => "too-old",
            _ => "no-common-suite",
        },
        Some(TlsError::AlertReceived(AlertDescription::ProtocolVersion)) => "too-old",
        Some(TlsError::AlertReceived(_)) => "refused-by-client",
        Some(
            TlsError::InvalidMessage(_)
            | TlsError::InappropriateMessage { .. }
            | TlsError::InappropriateHandshakeMessage { .. }
            | TlsError::PeerMisbehaved(_)
            | TlsError::PeerSentOversizedRecord
            | TlsError::DecryptError,
        ) => "garbage",
        Some(_) => "other",
        None => "closed",
    };
    let failed = because(first, reason, error.to_string());
    // Of a client that is too old, something else is often missed first.
    let is_too_old =
        failed.offer.versions.first().is_some_and(|newest| !matches!(newest.as_str(), "1.2" | "1.3"));
    if is_too_old { FailedHandshake { reason: "too-old", ..failed } } else { failed }
}

/// A handshake that came to nothing for `reason`.
pub fn because(first: &[u8], reason: &'static str, detail: impl Into<String>) -> FailedHandshake {
    FailedHandshake { reason, detail: detail.into(), offer: offer::read(first), refused: None }
}

/// How many handshakes that failed may wait until they are recorded.
const WAITING: usize = 256;

/// Who records a handshake that failed, one after the other: those of a flood would all find that its summary is
/// not recorded yet, and each record its own.
#[derive(Debug)]
pub struct Failing {
    waiting: Semaphore,
    alone: Mutex<()>,
}

impl Default for Failing {
    fn default() -> Self {
        Self { waiting: Semaphore::new(WAITING), alone: Mutex::default() }
    }
}

impl Failing {
    /// Waits for its turn; `None` where too many wait already.
    async fn turn(&self) -> Option<(SemaphorePermit<'_>, MutexGuard<'_, ()>)> {
        let place = self.waiting.try_acquire().ok()?;
        Some((place, self.alone.lock().await))
    }
}

/// Records a handshake that came to nothing. While nothing can be recorded, nobody is let in either.
pub async fn record(gate: &Gate, failed: FailedHandshake, address: ClientAddress) {
    tracing::debug!(%address, reason = failed.reason, detail = failed.detail, "a handshake failed");
    let Ok(opened) = gate.opened() else { return };
    let Some(_turn) = gate.failing.turn().await else {
        // Nothing went wrong here: a stranger's flood must not make it look so.
        let now = opened.clock.now().unwrap_or_else(|unbelieved| unbelieved.nearest());
        count_failed_handshake(&opened.door, &failed, address, now);
        return;
    };
    let recorded = match opened.clock.now() {
        Ok(now) => record_failed_handshake(&opened.door, failed, address, now).await.map(drop),
        Err(unbelieved) => {
            opened.door.recorder.note_failure(unbelieved.nearest(), &unbelieved.to_string());
            return;
        }
    };
    if let Err(error) = recorded {
        tracing::warn!(%error, "a handshake that failed is not recorded");
    }
}
