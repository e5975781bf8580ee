//! Receives audit messages of others by syslog (IHE ITI-20): by TLS from nodes, by UDP from anybody.
//!
//! Syslog knows no answer. What was read is committed before more is read: while the store is slow or
//! away, a sender's window fills, and it spools. By UDP nobody waits; what has no room is counted.

mod datagrams;
mod keep;
mod shares;
mod stream;

use std::sync::Arc;

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, watch};

use super::gate::Gate;
use super::run::Error;
use super::tls::{self, Shown};
use crate::config::Listen;
use crate::config::audit::SyslogReceiver;

/// Begins to listen; messages are taken as soon as the door is open, until `stop` is true.
///
/// `held` has one sender for everything that still may record something.
///
/// # Errors
///
/// [`Error::Listen`].
pub async fn receive(
    config: &SyslogReceiver,
    shown: Option<Arc<Shown>>,
    gate: &Arc<Gate>,
    (stop, held): (&watch::Receiver<bool>, &mpsc::Sender<()>),
) -> Result<(), Error> {
    let cannot = |address| move |source| Error::Listen { address: Listen::Address(address), source };
    if let Some((address, shown)) = config.listen.zip(shown) {
        let listener = TcpListener::bind(address).await.map_err(cannot(address))?;
        let nodes = tls::nodes::Nodes::required(Arc::clone(gate));
        let tls = tls::server_config(shown, Some(nodes), &[]);
        let streams = stream::Streams::new(&tls, Arc::clone(gate), stop.clone(), held.clone());
        tokio::spawn(streams.accept(listener));
    }
    if let Some(address) = config.udp {
        let socket = UdpSocket::bind(address).await.map_err(cannot(address))?;
        tokio::spawn(datagrams::receive(socket, Arc::clone(gate), stop.clone(), held.clone()));
    }
    Ok(())
}
