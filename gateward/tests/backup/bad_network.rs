//! A bad network and a bad server, before a good one that speaks S3: it loses requests and answers, is slow, is
//! overloaded, and says other things than it should, as a test tells it to for each request.
//!
//! It refuses a body that is not the one that was signed, as AWS, Ceph and MinIO do and moto does not.

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateward::base::sha256::Sha256;

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub fields: Vec<(String, String)>,
    pub bytes: usize,
    head: String,
}

impl Request {
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// `begin`, `part 1`, `complete`, `abort`, `look`, `put`, `get`, `list`, `remove`.
    pub fn kind(&self) -> String {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let part = query.split('&').find_map(|pair| pair.strip_prefix("partNumber="));
        match (self.method.as_str(), part) {
            ("PUT", Some(part)) => format!("part {part}"),
            ("POST", _) if query.contains("uploads") => "begin".into(),
            ("POST", _) => "complete".into(),
            ("DELETE", _) if query.contains("uploadId") => "abort".into(),
            ("HEAD", _) => "look".into(),
            ("PUT", None) => "put".into(),
            ("GET", _) if query.contains("list-type") => "list".into(),
            ("GET", _) => "get".into(),
            _ => "remove".into(),
        }
    }
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Fate {
    Pass,
    /// The server never sees it; the connection is closed.
    Lost,
    /// The server does it; its answer is thrown away and the connection closed.
    AnswerLost,
    /// Half of the answer comes, then the connection is closed.
    AnswerCut,
    /// A bit of the body is turned on the way.
    Bent,
    /// The server never sees it; this status and error are answered.
    No(u16, &'static str),
    /// The server does it; this status and error are answered.
    DoneButNo(u16, &'static str),
    /// The server never sees it; this is answered, with a 200.
    Says(&'static str),
    /// It passes after this time.
    Slow(Duration),
}

type Plan = dyn Fn(&Request) -> Fate + Send + Sync;

/// Ends, and its connections with it, when dropped.
pub struct BadNetwork {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
    is_gone: Arc<AtomicBool>,
}

impl BadNetwork {
    /// Stands before the server at `port`.
    pub fn before(port: u16, plan: impl Fn(&Request) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (log, is_gone) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::<AtomicBool>::default());
        let plan: Arc<Plan> = Arc::new(plan);
        let (kept, gone) = (log.clone(), is_gone.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if gone.load(Ordering::SeqCst) {
                    break;
                }
                let (plan, log, gone) = (plan.clone(), kept.clone(), gone.clone());
                // A connection that breaks is the test's to judge, at its other end.
                std::thread::spawn(move || drop(converse(&client, port, &*plan, &log, &gone)));
            }
        });
        Self { address, log, is_gone }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The kinds of all requests, in their order.
    pub fn kinds(&self) -> Vec<String> {
        self.requests().iter().map(Request::kind).collect()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// From now on nobody answers.
    pub fn go_away(&self) {
        self.is_gone.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

impl Drop for BadNetwork {
    fn drop(&mut self) {
        self.go_away();
    }
}

fn converse(
    client: &TcpStream,
    port: u16,
    plan: &Plan,
    log: &Mutex<Vec<Request>>,
    gone: &AtomicBool,
) -> io::Result<()> {
    let mut from = BufReader::new(client);
    while let Some(request) = read_head(&mut from)? {
        let mut body = vec![0; request.bytes];
        from.read_exact(&mut body)?;
        if gone.load(Ordering::SeqCst) {
            return client.shutdown(Shutdown::Both);
        }
        let fate = plan(&request);
        log.lock().unwrap().push(request.clone());
        if let Fate::Slow(time) = &fate {
            std::thread::sleep(*time);
        }
        if let (Fate::Bent, Some(byte)) = (&fate, body.first_mut()) {
            *byte ^= 1;
        }
        let sum = Sha256::of(&body).to_string();
        let is_as_signed = request.field("x-amz-content-sha256") == Some(&sum);
        let mut to = client;
        match fate {
            Fate::Lost => return client.shutdown(Shutdown::Both),
            _ if !is_as_signed => to.write_all(&error(400, "XAmzContentSHA256Mismatch"))?,
            Fate::No(status, code) => to.write_all(&error(status, code))?,
            Fate::Says(text) => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/xml";
                write!(to, "{head}\r\ncontent-length: {}\r\n\r\n{text}", text.len())?;
            }
            Fate::DoneButNo(status, code) => {
                forward(port, &request, &body)?;
                to.write_all(&error(status, code))?;
            }
            Fate::AnswerLost => {
                forward(port, &request, &body)?;
                return client.shutdown(Shutdown::Both);
            }
            Fate::AnswerCut => {
                let answer = forward(port, &request, &body)?;
                to.write_all(&answer[..answer.len() - answer.len() / 3])?;
                return client.shutdown(Shutdown::Both);
            }
            Fate::Pass | Fate::Bent | Fate::Slow(_) => {
                to.write_all(&forward(port, &request, &body)?)?;
                // The server ends each connection after an answer.
                return client.shutdown(Shutdown::Both);
            }
        }
    }
    Ok(())
}

fn error(status: u16, code: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code><Message>As the test has it.</Message></Error>");
    format!(
        "HTTP/1.1 {status} Told\r\ndate: Sun, 22 Nov 2026 00:02:00 GMT\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn read_head(from: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let fields: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut request = Request { method, target, fields, bytes: 0, head };
    request.bytes = request.field("content-length").map_or(0, |length| length.parse().unwrap());
    Ok(Some(request))
}

/// Sends a request on, on a connection of its own, and gives all that is answered.
fn forward(port: u16, request: &Request, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let head = request.head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server.write_all(head.as_bytes())?;
    server.write_all(body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}
