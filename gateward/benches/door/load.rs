//! The load: clients with a certificate and a token that ask again and again, each on a connection of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificates::Certificates;
use crate::{Outcome, connections};

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How many requests.
    pub count: usize,
    /// On how many connections at once.
    pub connections: usize,
    /// Whether they are kept.
    pub kept: bool,
}

/// How it went.
#[derive(Debug, Clone, Copy)]
pub struct Went {
    pub per_second: f64,
    /// The 99th percentile, in milliseconds.
    pub p99: f64,
}

/// Asks at `port`, on two threads, and makes sure that every answer is 200 and whole.
pub fn ask(port: u16, token: &str, certificates: &Certificates, load: Load) -> Outcome<Went> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let kept = if load.kept { "keep-alive" } else { "close" };
    let request = format!(
        "GET /data/small HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: bench\r\nAccept: */*\r\n\
         Connection: {kept}\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let client = Client {
        tls: TlsConnector::from(Arc::new(connections::client(certificates)?)),
        port,
        request: request.into(),
        left: Arc::new(AtomicUsize::new(load.count)),
        kept: load.kept,
    };
    let begun = Instant::now();
    let mut took = runtime.block_on(async {
        let clients: Vec<_> = (0..load.connections).map(|at| tokio::spawn(client.clone().run(at))).collect();
        let mut took = Vec::with_capacity(load.count);
        for client in clients {
            took.extend(client.await??);
        }
        Outcome::Ok(took)
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    took.sort_unstable();
    let p99 = took[took.len() * 99 / 100];
    Ok(Went { per_second: took.len() as f64 / seconds, p99: p99.as_secs_f64() * 1e3 })
}

#[derive(Clone)]
struct Client {
    tls: TlsConnector,
    port: u16,
    request: Arc<str>,
    /// How many requests nobody has taken on yet.
    left: Arc<AtomicUsize>,
    kept: bool,
}

/// So many connections have one address of their own: there are ports enough, however soon the next is made.
const OF_ONE_ADDRESS: usize = 400;

impl Client {
    /// Asks until nothing is left to ask, as client number `at`; returns how long each answer took, with its connection
    /// where that was new.
    async fn run(self, at: usize) -> Outcome<Vec<Duration>> {
        let (mut took, mut open, mut buffer) = (Vec::new(), None, vec![0; 16 * 1024]);
        while self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        {
            let begun = Instant::now();
            let mut stream = match open.take() {
                Some(stream) => stream,
                None => connections::connect(&self.tls, self.port, at * OF_ONE_ADDRESS).await?,
            };
            stream.write_all(self.request.as_bytes()).await?;
            answer(&mut stream, &mut buffer).await?;
            took.push(begun.elapsed());
            open = self.kept.then_some(stream);
        }
        Ok(took)
    }
}

/// Reads one answer to its end.
async fn answer(stream: &mut TlsStream<TcpStream>, buffer: &mut [u8]) -> Outcome<()> {
    let (mut read, mut whole) = (0, None);
    while whole.is_none_or(|whole| read < whole) {
        let more = stream.read(&mut buffer[read..]).await?;
        if more == 0 {
            return Err("an answer broke off".into());
        }
        read += more;
        if whole.is_none() {
            whole = length(&buffer[..read])?;
        }
    }
    Ok(())
}

/// The length of an answer with its head, once that is there; only 200 will do.
fn length(bytes: &[u8]) -> Outcome<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end])?.to_ascii_lowercase();
    if !head.starts_with("http/1.1 200") {
        return Err(head.into());
    }
    let content = head.lines().find_map(|line| line.strip_prefix("content-length:")).ok_or("no length")?;
    Ok(Some(end + 4 + content.trim().parse::<usize>()?))
}
