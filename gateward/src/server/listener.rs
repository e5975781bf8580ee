//! Accepts connections, bounded in number and time, and finds out whose each of them is.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{HeaderMap, Request, Response};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tokio_io_timeout::TimeoutStream;

use super::body::AnswerBody;
use super::connection::{CameFrom, Clients, OtherEnd, Protocol, serve};
use super::gate::Gate;
use super::handshake;
use super::peer::{Origin, Peer, Proxies, Told};
use super::places::{Free, Place, Places};
use super::proxy_protocol;
use super::socket::{Socket, Wire};
use crate::flows::nodes::{FailedHandshake, Presented};

/// How long everything before the first request may take: a PROXY header, the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a client may take nothing of what is sent before the connection is cut.
const STALLED: Duration = Duration::from_secs(60);

/// How much is read at once before it is known what a client speaks.
const FIRST_READ: usize = 1024;

/// Answers requests; one for each listener.
pub trait Answer: Send + Sync + 'static {
    /// Answers `request`, which came `from` there.
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        from: CameFrom,
    ) -> impl Future<Output = Response<AnswerBody>> + Send;

    /// Where refusals are recorded that need no answer of its own, and what is in force is known.
    fn gate(&self) -> &Arc<Gate>;
}

/// What a listener is made of.
#[derive(Debug)]
pub struct Listener<A> {
    /// Where connections come in.
    pub socket: Socket,
    /// `None` for plain HTTP, behind somebody else's TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// Who is believed about the address of a client.
    pub proxies: Proxies,
    /// Who answers.
    pub answer: Arc<A>,
}

/// What every connection of a listener needs.
struct Shared<A> {
    tls: Option<Arc<ServerConfig>>,
    proxies: Proxies,
    answer: Arc<A>,
    places: Arc<Places>,
}

/// Accepts until `stop` is true, then drains: idle connections close, running requests end, for at
/// most 30 s; what runs on then is cut.
///
/// `connections` holds one sender for each connection; the last one gone, all have ended.
pub async fn listen<A: Answer>(
    listener: Listener<A>,
    mut stop: watch::Receiver<bool>,
    connections: mpsc::Sender<()>,
) {
    let Listener { socket, tls, proxies, answer } = listener;
    let shared = Arc::new(Shared { tls, proxies, answer, places: Places::new() });
    loop {
        let free = shared.places.free().await;
        let (wire, peer) = tokio::select! {
            () = until_true(&mut stop) => return,
            accepted = socket.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, mostly: wait for connections to end.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let connection = connection(Arc::clone(&shared), wire, peer, free, stop.clone());
        let held = connections.clone();
        tokio::spawn(async move {
            connection.await;
            drop(held);
        });
    }
}

async fn connection<A: Answer>(
    shared: Arc<Shared<A>>,
    wire: Box<dyn Wire>,
    peer: Peer,
    free: Free,
    mut stop: watch::Receiver<bool>,
) {
    let until = Instant::now() + HANDSHAKE;
    let begun = tokio::select! {
        () = until_true(&mut stop) => return,
        begun = beginning(&shared, wire, peer, free, until) => begun,
    };
    let Some((begun, origin, _place)) = begun else { return };
    let answer = Arc::clone(&shared.answer);
    match begun {
        Begun::Tls(stream, certificate) => {
            let other_end = shown(stream.get_ref().1, certificate);
            let protocol = Protocol::chosen(stream.get_ref().1.alpn_protocol());
            serve(protocol, *stream, Clients { origin, other_end, tls: true }, answer, stop).await;
        }
        Begun::Plain(stream) => {
            let other_end = OtherEnd { uid: peer.uid(), ..OtherEnd::default() };
            serve(Protocol::Http1, stream, Clients { origin, other_end, tls: false }, answer, stop).await;
        }
    }
}

/// Finds out whose connection it is and makes the handshake, by `until`; whoever fails that is recorded.
async fn beginning<A: Answer>(
    shared: &Shared<A>,
    wire: Box<dyn Wire>,
    peer: Peer,
    free: Free,
    until: Instant,
) -> Option<(Begun, Origin, Place)> {
    let mut wire = BufReader::with_capacity(FIRST_READ, wire);
    let (origin, place) = match timeout_at(until, whose(shared, &mut wire, peer, free)).await {
        Ok(Ok(whose)) => whose?,
        Ok(Err(error)) if proxy_protocol::is_missing(&error) => {
            // Only from a trusted proxy: the operator's to mend, there or here.
            tracing::warn!(address = %peer.address(), %error, "a trusted proxy did not say whose connection it is");
            return None;
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "a connection ended before it began");
            return None;
        }
        Err(_) => return None,
    };
    match begin(shared.tls.as_ref(), wire, until).await {
        Ok(begun) => Some((begun, origin, place)),
        Err(NotBegun::Nobody) => None,
        Err(NotBegun::Failed(failed)) => {
            // Whoever waits to be recorded takes nobody's place.
            drop(place);
            let address = origin.address(&HeaderMap::new());
            handshake::record(shared.answer.gate(), failed, address).await;
            None
        }
    }
}

/// Takes what the other end showed in the handshake, or before it resumed its session.
fn shown(session: &rustls::ServerConnection, certificate: Option<Presented>) -> OtherEnd {
    let chain = |chain: &[CertificateDer<'_>]| chain.iter().map(|one| one.clone().into_owned()).collect();
    OtherEnd {
        certificate: certificate
            .or_else(|| session.peer_certificates().map(|certificates| Presented::new(chain(certificates)))),
        server_name: session.server_name().map(Into::into),
        uid: None,
    }
}

/// Finds out whose connection it is, and gives it a place; `None` when that client has its share.
///
/// A trusted proxy has no share of its own: all its clients come through it.
async fn whose<A>(
    shared: &Shared<A>,
    wire: &mut Buffered,
    peer: Peer,
    free: Free,
) -> std::io::Result<Option<(Origin, Place)>> {
    let places = &shared.places;
    let client = match shared.proxies.told_by(peer) {
        Told::Nothing => peer.address(),
        Told::ByEachRequest => return Ok(Some((shared.proxies.origin(peer), places.take_for_proxy(free)))),
        Told::AtTheStart => match proxy_protocol::read(wire).await? {
            Some(client) => client,
            None => return Ok(Some((Origin::Client(peer.address()), places.take_for_proxy(free)))),
        },
    };
    let place = places.take(free, client);
    if place.is_none() {
        tracing::debug!(address = %client, "this address has its share of connections");
    }
    Ok(place.map(|place| (Origin::Client(client), place)))
}

type Buffered = BufReader<Box<dyn Wire>>;

/// A connection that cannot hang on what it sends.
type Timed = std::pin::Pin<Box<TimeoutStream<Buffered>>>;

/// A connection whose client may send requests now.
enum Begun {
    Tls(Box<tokio_rustls::server::TlsStream<Timed>>, Option<Presented>),
    Plain(Timed),
}

/// Why no requests come on a connection.
enum NotBegun {
    /// Nobody said anything, or not here.
    Nobody,
    /// Somebody tried to make a handshake.
    Failed(FailedHandshake),
}

/// Makes the handshake, if there is one; tells who speaks the wrong language.
async fn begin(
    tls: Option<&Arc<ServerConfig>>,
    mut wire: Buffered,
    until: Instant,
) -> Result<Begun, NotBegun> {
    let first = match timeout_at(until, wire.fill_buf()).await {
        Ok(Ok(first)) if !first.is_empty() => first.to_vec(),
        Ok(Ok(_) | Err(_)) | Err(_) => return Err(NotBegun::Nobody),
    };
    let timed = |wire| {
        let mut stream = TimeoutStream::new(wire);
        stream.set_write_timeout(Some(STALLED));
        Box::pin(stream)
    };
    match tls {
        Some(_) if first[0].is_ascii_alphabetic() => {
            drop(timeout_at(until, explain_tls(wire)).await);
            Err(NotBegun::Failed(handshake::because(&first, "plain-http", "HTTP where TLS is spoken")))
        }
        Some(tls) => match timeout_at(until, handshake::accept(tls, timed(wire), &first)).await {
            Ok(Ok((accepted, certificate))) => Ok(Begun::Tls(Box::new(accepted), certificate)),
            Ok(Err(failed)) => Err(NotBegun::Failed(failed)),
            Err(_) => Err(NotBegun::Failed(handshake::because(&first, "timeout", "it took too long"))),
        },
        None if first[0] == TLS_HANDSHAKE => {
            tracing::debug!("a client speaks TLS to a listener for plain HTTP");
            Err(NotBegun::Nobody)
        }
        None => Ok(Begun::Plain(timed(wire))),
    }
}

/// The first byte that a client who speaks TLS sends (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Waits until somebody says so, or nobody can any more.
pub async fn until_true(said: &mut watch::Receiver<bool>) {
    drop(said.wait_for(|said| *said).await);
}

/// How much of a plain HTTP request is read and dropped, so that the client sees the answer.
const DROPPED: u64 = 1024 * 1024;

/// Tells a client that speaks plain HTTP what to do instead.
async fn explain_tls(mut wire: Buffered) -> std::io::Result<()> {
    let text = "This port speaks HTTPS only: use https:// instead of http://.\n";
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    wire.write_all(head.as_bytes()).await?;
    wire.write_all(text.as_bytes()).await?;
    wire.shutdown().await?;
    // What is left unread makes the system reset the connection, and the answer is lost with it.
    tokio::io::copy(&mut wire.take(DROPPED), &mut tokio::io::sink()).await.map(drop)
}
