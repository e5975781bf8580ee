//! Many small answers, each to a request that proves who asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use http_digest::client::{Challenge, answer};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Outcome;
use crate::archive::{self, SMALL, SMALL_SIZE};
use crate::door::Door;
use crate::measuring::median;
use crate::nginx;
use crate::running_nginx::Nginx;

/// How much is asked.
#[derive(Clone, Copy)]
pub struct Load {
    /// Good answers wanted.
    pub count: usize,
    /// How many connections ask, each kept alive.
    pub connections: usize,
    /// How often it is measured.
    pub rounds: usize,
}

/// How many more answers to a challenge are made than are needed: a request that more than 64 others
/// overtook must be repeated.
const SPARE: usize = 1000;

/// What is asked of one server.
struct Asking {
    port: u16,
    path: String,
    /// The values of `Authorization`, one for each request; the last for all that follow.
    authorization: Vec<HeaderValue>,
}

/// How it went.
struct Answered {
    per_second: f64,
    /// Processor time of the server for each answer, in microseconds.
    cpu: f64,
    repeated: usize,
}

/// Prints how many answers the door and nginx give a second.
pub fn compare(door: &Door, peer: &Nginx, load: Load) -> Outcome<()> {
    let Load { count, connections, rounds } = load;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let login = runtime.block_on(exchanged(door))?;
    let path = format!("{}/queryauth?{}", Door::service(SMALL, true), archive::RESTRICTED);
    let basic = format!("Basic {}", data_encoding::BASE64.encode(nginx::LOGIN.as_bytes()));
    let peers = Arc::new(Asking {
        port: peer.port,
        path: format!("/basic/{SMALL}/query?{}", archive::RESTRICTED),
        authorization: vec![basic.try_into()?],
    });
    let (mut doors, mut nginxes) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let asking = runtime.block_on(under_one_nonce(door.port, &path, &login, count))?;
        let before = door.process.cpu()?;
        let one = runtime.block_on(ask_all(&Arc::new(asking), load))?;
        let door_answered = one.using(door.process.cpu()? - before, count);
        let before = peer.process.cpu()?;
        let one = runtime.block_on(ask_all(&peers, load))?;
        let nginx_answered = one.using(peer.process.cpu()? - before, count);
        // The first round is for the caches.
        if round > 0 {
            doors.push(door_answered);
            nginxes.push(nginx_answered);
        }
    }
    println!(
        "{count} answers of {SMALL_SIZE} bytes over {connections} connections, {rounds} rounds, medians"
    );
    for (name, all) in [("nginx, {PLAIN} and a log", &nginxes), ("door, Digest and events", &doors)] {
        let ratios = all.iter().zip(&nginxes).map(|(one, nginx)| one.per_second / nginx.per_second);
        println!(
            "  {name:<24} {:>7.0} a second  {:>5.2} of nginx  {:>4.0} us of processor time each  {} repeated",
            median(all.iter().map(|one| one.per_second)),
            median(ratios),
            median(all.iter().map(|one| one.cpu)),
            all.iter().map(|one| one.repeated).sum::<usize>(),
        );
    }
    println!("  the door's resident memory: {:.1} MiB", door.process.memory("VmRSS")?);
    Ok(())
}

impl Answered {
    fn using(self, cpu: f64, count: usize) -> Self {
        Self { cpu: cpu / count as f64 * 1e6, ..self }
    }
}

/// Exchanges the door's token for `login:password`.
async fn exchanged(door: &Door) -> Outcome<String> {
    let mut connection = connect(door.port).await?;
    let request = Request::builder()
        .method(Method::POST)
        .uri("/auth")
        .header(HOST, "localhost")
        .body(Full::from(door.token.clone()))?;
    let body = connection.send_request(request).await?.into_body().collect().await?;
    Ok(String::from_utf8(body.to_bytes().to_vec())?)
}

/// Gets one challenge, and answers it as often as `count` requests need it.
async fn under_one_nonce(port: u16, path: &str, login: &str, count: usize) -> Outcome<Asking> {
    let mut connection = connect(port).await?;
    let challenged = connection.send_request(request(path, None)?).await?;
    let field = challenged.headers().get(WWW_AUTHENTICATE).ok_or("no challenge")?.to_str()?;
    let challenge = Challenge::parse(field).ok_or("no Digest challenge")?;
    let (login, password) = login.split_once(':').ok_or("no login")?;
    let asked = http_digest::Request { method: "GET", target: path };
    let authorization = (1..=u32::try_from(count + SPARE)?)
        .map(|nc| Ok(answer(&challenge, login, password, asked, nc, "0a4f113b")?.try_into()?))
        .collect::<Outcome<_>>()?;
    Ok(Asking { port, path: path.to_owned(), authorization })
}

/// Asks until there are `count` good answers.
async fn ask_all(asking: &Arc<Asking>, load: Load) -> Outcome<Answered> {
    let count = load.count;
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(connect(asking.port).await?);
    }
    let (next, wanted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(count)));
    let begun = Instant::now();
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|connection| {
            let (asking, next, wanted) = (Arc::clone(asking), Arc::clone(&next), Arc::clone(&wanted));
            tokio::spawn(ask(connection, asking, next, wanted))
        })
        .collect();
    let mut repeated = 0;
    for task in tasks {
        repeated += task.await??;
    }
    Ok(Answered { per_second: count as f64 / begun.elapsed().as_secs_f64(), cpu: 0.0, repeated })
}

/// Asks over one connection while good answers are `wanted`; returns how often it had to repeat.
async fn ask(
    mut connection: SendRequest<Full<Bytes>>,
    asking: Arc<Asking>,
    next: Arc<AtomicUsize>,
    wanted: Arc<AtomicUsize>,
) -> Outcome<usize> {
    let mut repeated = 0;
    while wanted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed).min(asking.authorization.len() - 1);
            connection.ready().await?;
            let request = request(&asking.path, Some(asking.authorization[at].clone()))?;
            let (head, body) = connection.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            match head.status {
                StatusCode::OK if body.len() == SMALL_SIZE => break,
                StatusCode::UNAUTHORIZED if repeated < SPARE => repeated += 1,
                status => return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into()),
            }
        }
    }
    Ok(repeated)
}

fn request(path: &str, authorization: Option<HeaderValue>) -> Outcome<Request<Full<Bytes>>> {
    let mut request = Request::builder().uri(path).header(HOST, "localhost");
    if let Some(value) = authorization {
        request = request.header(AUTHORIZATION, value);
    }
    Ok(request.body(Full::default())?)
}

async fn connect(port: u16) -> Outcome<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Ends with the sender; what goes wrong, the next request reports.
    tokio::spawn(connection);
    Ok(sender)
}
