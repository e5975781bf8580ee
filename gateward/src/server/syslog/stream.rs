//! Messages on TLS connections of registered nodes (RFC 5425).

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use nix::sys::socket::{setsockopt, sockopt};
use rustls::ServerConfig;
use syslog::{Frames, LONGEST, Misframed};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_rustls::server::TlsStream;

use super::keep::{self, End};
use super::shares::{Share, Shares};
use crate::base::address::ClientAddress;
use crate::flows::nodes::{FailedHandshake, KnownNode, Presented};
use crate::flows::receive::{Sender, received, record_refused_stream};
use crate::server::gate::Gate;
use crate::server::handshake;
use crate::server::listener::until_true;
use crate::server::places::{Free, Place, Places};
use crate::server::welcome::until_unwelcome_again;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long the rest of a message that has begun may take.
const REST: Duration = Duration::from_secs(60);

/// Silence after which the system asks whether the other end is still there, in seconds. A sender that is silent
/// for days keeps its connection: closing it would lose its next message.
const SILENCE: u32 = 300;

/// How many messages, and how many octets, are committed at once at most.
const AT_ONCE: (usize, usize) = (512, 1024 * 1024);

/// How much room there is to read into, in octets.
const PIECE: usize = 16 * 1024;

/// What every connection needs.
pub struct Streams {
    tls: Arc<ServerConfig>,
    gate: Arc<Gate>,
    places: Arc<Places>,
    shares: Arc<Shares>,
    stop: watch::Receiver<bool>,
    held: mpsc::Sender<()>,
}

impl Streams {
    pub fn new(
        tls: &ServerConfig,
        gate: Arc<Gate>,
        stop: watch::Receiver<bool>,
        held: mpsc::Sender<()>,
    ) -> Self {
        // A sender that ends without having read a ticket resets the connection, and what we have not read of it
        // is lost.
        let mut tls = tls.clone();
        tls.send_tls13_tickets = 0;
        let tls = Arc::new(tls);
        Self { tls, gate, places: Places::new(), shares: Arc::default(), stop, held }
    }

    /// Accepts until the program stops; nobody before the door is open, who would be told nothing.
    pub async fn accept(self, listener: TcpListener) {
        let mut stop = self.stop.clone();
        if keep::opened(&self.gate, &mut stop).await.is_none() {
            return;
        }
        let shared = Arc::new(self);
        loop {
            let free = shared.places.free().await;
            let accepted = tokio::select! {
                () = until_true(&mut stop) => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, from)) => {
                    tokio::spawn(Arc::clone(&shared).connection(stream, from, free));
                }
                Err(error) => {
                    // Out of file descriptors, mostly: wait for connections to end.
                    tracing::warn!(%error, "cannot accept a connection for syslog");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, from: SocketAddr, free: Free) {
        let address = ClientAddress::new(from.ip());
        let Some(place) = self.places.take(free, address) else {
            tracing::debug!(%address, "this address has its share of connections for syslog");
            return;
        };
        if let Err(error) = ask_after_silence(&stream) {
            tracing::debug!(%error, "a connection was gone before it began");
            return;
        }
        let mut stop = self.stop.clone();
        let begun = tokio::select! {
            () = until_true(&mut stop) => return,
            begun = self.begin(stream, address) => begun,
        };
        match begun {
            Ok(begun) => self.read(begun, place, address, stop).await,
            Err(Some(failed)) => {
                // Whoever waits to be recorded takes nobody's place.
                drop(place);
                handshake::record(&self.gate, *failed, address).await;
            }
            Err(None) => {}
        }
    }

    /// Makes the handshake, and finds out which node it is.
    async fn begin(
        &self,
        stream: TcpStream,
        address: ClientAddress,
    ) -> Result<Begun, Option<Box<FailedHandshake>>> {
        let until = Instant::now() + HANDSHAKE;
        let mut wire = BufReader::with_capacity(16 * 1024, stream);
        let first = match timeout_at(until, wire.fill_buf()).await {
            Ok(Ok(first)) if !first.is_empty() => first.to_vec(),
            Ok(Ok(_) | Err(_)) | Err(_) => return Err(None),
        };
        let because =
            |reason, detail: &str| Some(Box::new(handshake::because(&first, reason, detail.to_owned())));
        if first[0] == b'<' || first[0].is_ascii_digit() {
            return Err(because("plain-syslog", "syslog without TLS where TLS is spoken"));
        }
        let accepted = timeout_at(until, handshake::accept(&self.tls, wire, &first)).await;
        let (stream, presented) = match accepted {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(failed)) => return Err(Some(Box::new(failed))),
            Err(_) => return Err(because("timeout", "it took too long")),
        };
        let resumed = || {
            let chain = stream.get_ref().1.peer_certificates()?.iter();
            Some(Presented::new(chain.map(|one| one.clone().into_owned()).collect()))
        };
        let presented = presented.or_else(resumed);
        let Ok(opened) = self.gate.opened() else { return Err(None) };
        let Ok(now) = opened.clock.now() else { return Err(None) };
        let door = &opened.door;
        let found = door.policy.current().nodes.find(presented.as_ref(), &door.trust.current(), now);
        match (found, presented) {
            (Ok(node), Some(presented)) => {
                let Some(share) = self.shares.take(node.name()) else {
                    tracing::warn!(node = %node.name(), %address, "this node has its share of connections for syslog");
                    return Err(None);
                };
                Ok(Begun { stream, node, presented, share })
            }
            (Err(why), Some(presented)) => Err(Some(Box::new(FailedHandshake {
                refused: Some((why, presented)),
                ..handshake::because(&first, "no-node", "")
            }))),
            (_, None) => Err(because("no-node", "no certificate was shown")),
        }
    }

    /// Reads, commits, and reads on, until one of the two ends it.
    async fn read(
        &self,
        begun: Begun,
        place: Place,
        address: ClientAddress,
        mut stop: watch::Receiver<bool>,
    ) {
        let (_held, _place) = (self.held.clone(), place);
        let Begun { mut stream, node, presented, share: _share } = begun;
        let sender = Sender::node(&node, address);
        let unwelcome = until_unwelcome_again(&self.gate, &presented);
        tokio::pin!(unwelcome);
        let (mut frames, mut buffer) = (Frames::new(LONGEST), BytesMut::new());
        // When it was seen first that a message is not whole.
        let mut half_since: Option<Instant> = None;
        let mut end = End::new(stop.clone());
        loop {
            let (messages, misframed) = take(&mut frames, &mut buffer);
            if !messages.is_empty() {
                let happened: Vec<_> = messages.iter().map(|message| received(message, &sender)).collect();
                // A crash right here loses what the sender believes delivered: syslog has no answer.
                keep::keep(&self.gate, &happened, &mut end).await;
            }
            if let Some(why) = misframed {
                return self.refuse(&node, why, address).await;
            }
            if messages.len() == AT_ONCE.0 {
                continue;
            }
            // The last of these was whole: what there is of another began after it.
            half_since = half_since.filter(|_| messages.is_empty());
            let rest = match frames.finish(&buffer) {
                Ok(()) => {
                    half_since = None;
                    None
                }
                Err(_) => Some(*half_since.get_or_insert_with(Instant::now) + REST),
            };
            let read = tokio::select! {
                biased;
                () = &mut unwelcome => return,
                () = until_true(&mut stop) => return,
                () = until(rest) => Ok(0),
                read = read_ahead(&mut stream, &mut buffer) => read,
            };
            if matches!(read, Ok(0) | Err(_)) {
                if let Err(why) = frames.finish(&buffer) {
                    self.refuse(&node, why, address).await;
                }
                return;
            }
        }
    }

    /// Records that what a node sends cannot be read on.
    async fn refuse(&self, node: &KnownNode, why: Misframed, address: ClientAddress) {
        tracing::warn!(node = %node.name(), %address, %why, "a stream of syslog cannot be read on");
        let Ok(opened) = self.gate.opened() else { return };
        let now = opened.clock.now().unwrap_or_else(|unbelieved| unbelieved.nearest());
        if let Err(error) = record_refused_stream(&opened.door, node, why, (address, now)).await {
            tracing::warn!(%error, "a stream that was refused is not recorded");
        }
    }
}

/// Waits until then, or for ever.
async fn until(then: Option<Instant>) {
    match then {
        Some(then) => sleep_until(then).await,
        None => pending().await,
    }
}

/// A connection whose node may send messages.
struct Begun {
    stream: TlsStream<BufReader<TcpStream>>,
    node: KnownNode,
    presented: Presented,
    share: Share,
}

/// Takes the messages that are there whole, as many as are committed at once; and what stopped it, if that is wrong.
fn take(frames: &mut Frames, buffer: &mut BytesMut) -> (Vec<Bytes>, Option<Misframed>) {
    let mut messages = Vec::new();
    while messages.len() < AT_ONCE.0 {
        match frames.next(buffer) {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => break,
            Err(why) => return (messages, Some(why)),
        }
    }
    (messages, None)
}

/// Waits for something to read, and takes with it what else is there already.
async fn read_ahead(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> std::io::Result<usize> {
    buffer.reserve(PIECE);
    let mut read = stream.read_buf(buffer).await?;
    while read > 0 && buffer.len() < AT_ONCE.1 {
        buffer.reserve(PIECE);
        match stream.read_buf(buffer).now_or_never() {
            Some(Ok(more)) if more > 0 => read += more,
            _ => break,
        }
    }
    Ok(read)
}

/// Has the system ask a silent other end whether it is there, so that a dead one takes no place for ever.
fn ask_after_silence(stream: &TcpStream) -> nix::Result<()> {
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &SILENCE)
}
