//! Messages by UDP (RFC 5426): nothing says whether they arrive, so what was handed to the system counts as sent.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};

use super::{Error, Page, Place};
use crate::flows::feed::{Refused, Sent, message, told};

/// The longest message that a datagram holds (RFC 768, and IPv4's header).
const LONGEST: usize = 65_507;

/// How long lies between two datagrams at least: a receiver that is slow drops what comes faster.
const APART: Duration = Duration::from_micros(200);

/// Sends one message.
pub async fn deliver_one((host, port): (&str, u16), message: &[u8]) -> Result<(), Error> {
    let (socket, to) = socket((host, port)).await?;
    socket.send_to(message, to).await.map(drop).map_err(|error| Place::went_wrong(&error, host))
}

/// Finds where to send to, and makes what to send with.
async fn socket((host, port): (&str, u16)) -> Result<(UdpSocket, SocketAddr), Error> {
    let wrong = |error: std::io::Error| Place::went_wrong(&error, host);
    let to = lookup_host((host, port)).await.map_err(wrong)?.next();
    let to = to.ok_or_else(|| Error::There(format!("{host} has no address")))?;
    let own = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    Ok((UdpSocket::bind(own).await.map_err(wrong)?, to))
}

/// Sends `page`.
pub async fn deliver(place: &Place, (host, port): (&str, u16), page: Page) -> Result<Sent, Error> {
    let wrong = |error: std::io::Error| Place::went_wrong(&error, host);
    let (socket, to) = socket((host, port)).await?;
    let mut sent = page.sent();
    for event in page.events.iter().flat_map(|recorded| told(recorded, &place.observer)) {
        let message = message(&event, &place.observer);
        if message.len() > LONGEST {
            sent.refused.push(Refused::too_long(&event, (message.len(), LONGEST), "a datagram"));
            continue;
        }
        socket.send_to(&message, to).await.map_err(wrong)?;
        tokio::time::sleep(APART).await;
    }
    Ok(sent)
}
