//! A stand-in for an upstream: answers as a test tells it to, and remembers what it was asked.

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

/// One request, byte for byte as it came; chunks are put together.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub target: String,
    pub fields: Vec<(String, String)>,
    pub body: String,
}

impl Received {
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Reads one; `None` where the connection ended before it began.
    fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let first = line(stream)?;
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let mut received = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            fields: Vec::new(),
            body: String::new(),
        };
        loop {
            let field = line(stream)?;
            let Some((name, value)) = field.split_once(':') else { break };
            received.fields.push((name.to_owned(), value.trim().to_owned()));
        }
        received.body = String::from_utf8(received.read_body(stream)?).map_err(io::Error::other)?;
        Ok(Some(received))
    }

    fn read_body(&self, stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            loop {
                let length = u64::from_str_radix(&line(stream)?, 16).map_err(io::Error::other)?;
                stream.take(length).read_to_end(&mut body)?;
                line(stream)?;
                if length == 0 {
                    break;
                }
            }
        } else if let Some(length) = self.field("content-length") {
            stream.take(length.parse().map_err(io::Error::other)?).read_to_end(&mut body)?;
        }
        Ok(body)
    }
}

/// One line without its end; empty at the end of the connection.
fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Writes an answer, or whatever it calls so. An error ends the connection.
pub type Answer = dyn Fn(&Received, &mut TcpStream) -> io::Result<()> + Send + Sync;

pub struct StandIn {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    stopped: Arc<AtomicBool>,
}

impl StandIn {
    pub fn answering(
        answer: impl Fn(&Received, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Arc::new(answer))
    }

    pub fn with(answer: Arc<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::<Mutex<Vec<_>>>::default();
        let stopped = Arc::<AtomicBool>::default();
        let (log, stop) = (Arc::clone(&received), Arc::clone(&stopped));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                // A connection that breaks is the test's to judge, at its other end.
                std::thread::spawn(move || drop(converse(stream, &*answer, &log)));
            }
        });
        Self { address, received, stopped }
    }

    /// Answers with the first half of `said`, and with the second once it is told to go on.
    pub fn in_two_halves(said: String) -> (Self, mpsc::Sender<()>) {
        let (tell, go_on) = mpsc::channel();
        let go_on = Mutex::new(go_on);
        let half = said.len() / 2;
        let upstream = Self::answering(move |_, stream| {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", said.len())?;
            stream.write_all(&said.as_bytes()[..half])?;
            assert_eq!(go_on.lock().unwrap().recv(), Ok(()));
            stream.write_all(&said.as_bytes()[half..])
        });
        (upstream, tell)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked, in order.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener up.
        drop(TcpStream::connect(self.address));
    }
}

fn converse(mut stream: TcpStream, answer: &Answer, log: &Mutex<Vec<Received>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(received) = Received::read(&mut reader)? {
        log.lock().unwrap().push(received.clone());
        answer(&received, &mut stream)?;
    }
    Ok(())
}
