//! A stand-in for an upstream: does with a request what a test tells it to.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The head of a request as it came.
#[derive(Debug, Clone)]
pub struct Head {
    pub method: String,
    pub target: String,
    pub fields: Vec<(String, String)>,
}

impl Head {
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A request, and the connection that it came on; reading gives its body.
pub struct Asked {
    pub head: Head,
    stream: BufReader<TcpStream>,
    /// What is left of the body, or of its chunk.
    left: u64,
    is_chunked: bool,
}

impl Asked {
    fn read_head(mut stream: BufReader<TcpStream>) -> io::Result<Self> {
        let first = line(&mut stream)?;
        let mut words = first.split(' ').map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let mut fields = Vec::new();
        loop {
            let field = line(&mut stream)?;
            let Some((name, value)) = field.split_once(':') else { break };
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
        let head = Head { method, target, fields };
        let is_chunked = head.field("transfer-encoding") == Some("chunked");
        let left = head.field("content-length").map_or(0, |length| length.parse().unwrap());
        Ok(Self { head, stream, left, is_chunked })
    }

    pub fn body(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        self.read_to_end(&mut body)?;
        Ok(body)
    }

    pub fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Says nothing for as long as anybody listens.
    pub fn wait_until_left(&mut self) {
        // However it ends, it has ended.
        drop(io::copy(&mut self.stream, &mut io::sink()));
    }
}

impl Read for Asked {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        if self.is_chunked && self.left == 0 {
            let length = line(&mut self.stream)?;
            self.left = u64::from_str_radix(&length, 16).map_err(io::Error::other)?;
            self.is_chunked = self.left > 0;
            if self.left == 0 {
                line(&mut self.stream)?;
            }
        }
        if self.left == 0 {
            return Ok(0);
        }
        let most = piece.len().min(usize::try_from(self.left).unwrap());
        let read = self.stream.read(&mut piece[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        if self.is_chunked && self.left == 0 {
            line(&mut self.stream)?;
        }
        Ok(read)
    }
}

/// One line without its end.
fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// What a stand-in does with a request; an error ends the connection.
type Conduct = dyn Fn(&mut Asked) -> io::Result<()> + Send + Sync;

pub struct StandIn {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stopped: Arc<AtomicBool>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    /// When each connection ended.
    ended: Vec<Instant>,
    heads: Vec<Head>,
}

impl StandIn {
    pub fn doing(conduct: impl Fn(&mut Asked) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, stopped) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let conduct: Arc<Conduct> = Arc::new(conduct);
        let (all, stop) = (Arc::clone(&seen), Arc::clone(&stopped));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                all.lock().unwrap().connections += 1;
                let (conduct, seen) = (Arc::clone(&conduct), Arc::clone(&all));
                std::thread::spawn(move || {
                    // A connection that breaks is the test's to judge, at its other end.
                    drop(converse(stream, &*conduct, &seen));
                    seen.lock().unwrap().ended.push(Instant::now());
                });
            }
        });
        Self { address, seen, stopped }
    }

    /// Says this to every request, whatever its body.
    pub fn saying(answer: Vec<u8>) -> Self {
        Self::doing(move |asked| {
            asked.body()?;
            asked.say(&answer)
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of what it was asked, in order.
    pub fn heads(&self) -> Vec<Head> {
        self.seen.lock().unwrap().heads.clone()
    }

    /// How many connections it has taken.
    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// When each connection ended that is not there any more.
    pub fn ended(&self) -> Vec<Instant> {
        self.seen.lock().unwrap().ended.clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener up.
        drop(TcpStream::connect(self.address));
    }
}

fn converse(stream: TcpStream, conduct: &Conduct, seen: &Mutex<Seen>) -> io::Result<()> {
    // Nobody waits for a test that was stopped.
    stream.set_read_timeout(Some(Duration::from_secs(180)))?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut asked = Asked::read_head(stream)?;
        seen.lock().unwrap().heads.push(asked.head.clone());
        conduct(&mut asked)?;
        stream = asked.stream;
    }
}

/// A whole answer that says how long it is; `fields` end their lines themselves.
pub fn answer(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    [head(status, fields, body.len()).as_slice(), body].concat()
}

/// The head of an answer with this length.
pub fn head(status: &str, fields: &str, length: usize) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n").into_bytes()
}
