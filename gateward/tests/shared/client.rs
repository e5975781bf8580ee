//! A client that sends what it is told, byte for byte, and may stop anywhere.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_digest::client::{Challenge, answer};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// How long an answer may take before a test stops.
const PATIENCE: Duration = Duration::from_secs(45);

/// Reads once: a pause of the whole machine ends a wait with a limit (signal(7)), and means nothing.
fn read(from: &mut impl io::Read, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Knows where to connect and whom to trust.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    trust: Arc<ClientConfig>,
}

/// One connection.
pub struct Connection {
    pub tls: StreamOwned<ClientConnection, TcpStream>,
    /// Read, and not yet taken.
    read: Vec<u8>,
}

/// Status and fields of an answer.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    fields: Vec<(String, String)>,
}

impl Head {
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn length(&self) -> usize {
        self.field("content-length").map_or(0, |length| length.parse().unwrap())
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: Head,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Login and password of an exchange that succeeded.
    pub fn login(&self) -> (String, String) {
        assert_eq!(self.status, 200, "{}", self.text());
        let text = self.text();
        let (login, password) = text.split_once(':').unwrap();
        (login.to_owned(), password.to_owned())
    }
}

impl Client {
    pub fn new(address: SocketAddr, ca: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Self { address, trust: Arc::new(config.with_root_certificates(roots).with_no_client_auth()) }
    }

    pub fn connect(&self) -> io::Result<Connection> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&self.trust), name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        Ok(Connection { tls: StreamOwned::new(tls, stream), read: Vec::new() })
    }

    /// One request on a connection of its own.
    pub fn ask(&self, method: &str, path: &str, fields: &[&str], body: &[u8]) -> io::Result<Answer> {
        let mut connection = self.connect()?;
        connection.send(method, path, fields, body)?;
        connection.answer()
    }

    pub fn exchange(&self, token: &[u8]) -> io::Result<Answer> {
        self.ask("POST", "/auth", &[], token)
    }

    /// Fetches `path` with HTTP Digest, on a connection of its own.
    pub fn get(&self, path: &str, login: &(String, String)) -> io::Result<Answer> {
        self.connect()?.get(path, login)
    }

    /// Asks for `path` with HTTP Digest and reads the head of the answer only.
    pub fn begin(&self, path: &str, login: &(String, String)) -> io::Result<(Connection, Head)> {
        let mut connection = self.connect()?;
        connection.send_authorized(path, login)?;
        let head = connection.head()?;
        Ok((connection, head))
    }
}

impl Connection {
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tls.write_all(bytes)?;
        self.tls.flush()
    }

    pub fn send(&mut self, method: &str, path: &str, fields: &[&str], body: &[u8]) -> io::Result<()> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        for field in fields {
            request.push_str(field);
            request.push_str("\r\n");
        }
        if !body.is_empty() || method == "POST" {
            request.push_str("Content-Length: ");
            request.push_str(&body.len().to_string());
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        self.write(&[request.as_bytes(), body].concat())
    }

    /// Gets a challenge and sends its answer; what comes back is left to be read.
    pub fn send_authorized(&mut self, path: &str, login: &(String, String)) -> io::Result<()> {
        let authorization = self.authorization(path, login)?;
        self.send("GET", path, &[&authorization], b"")
    }

    /// Gets a challenge and returns the header field that answers it for a GET.
    pub fn authorization(&mut self, path: &str, login: &(String, String)) -> io::Result<String> {
        self.authorization_to("GET", path, login)
    }

    /// Gets a challenge and returns the header field that answers it for another method.
    pub fn authorization_to(
        &mut self,
        method: &str,
        path: &str,
        (login, password): &(String, String),
    ) -> io::Result<String> {
        self.send("GET", path, &[], b"")?;
        let challenged = self.answer()?;
        let challenge = challenged
            .head
            .field("www-authenticate")
            .and_then(Challenge::parse)
            .ok_or_else(|| io::Error::other(format!("no challenge but {challenged:?}")))?;
        let asked = http_digest::Request { method, target: path };
        let answer = answer(&challenge, login, password, asked, 1, "0a4f113b").map_err(io::Error::other)?;
        Ok(format!("Authorization: {answer}"))
    }

    pub fn get(&mut self, path: &str, login: &(String, String)) -> io::Result<Answer> {
        self.send_authorized(path, login)?;
        self.answer()
    }

    /// Takes in what comes next; an end is an error.
    fn more(&mut self) -> io::Result<()> {
        let mut piece = [0; 16 * 1024];
        match read(&mut self.tls, &mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.read.extend_from_slice(&piece[..length]);
                Ok(())
            }
        }
    }

    pub fn head(&mut self) -> io::Result<Head> {
        let end = loop {
            match self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end,
                None => self.more()?,
            }
        };
        let head: Vec<u8> = self.read.drain(..end + 4).collect();
        let head = String::from_utf8(head).map_err(io::Error::other)?;
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let fields = lines.filter_map(|line| line.split_once(':'));
        Ok(Head {
            status: status.ok_or_else(|| io::Error::other(format!("no answer: {head}")))?,
            fields: fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect(),
        })
    }

    pub fn body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        self.pour(head, &mut body)?;
        Ok(body)
    }

    /// Writes the body to `into` as it comes; an error says that it is not whole.
    pub fn pour(&mut self, head: &Head, into: &mut impl io::Write) -> io::Result<()> {
        if head.field("transfer-encoding") != Some("chunked") {
            return self.pour_bytes(head.length(), into);
        }
        loop {
            let length = usize::from_str_radix(&self.line()?, 16).map_err(io::Error::other)?;
            self.pour_bytes(length, into)?;
            self.line()?;
            if length == 0 {
                return Ok(());
            }
        }
    }

    fn pour_bytes(&mut self, mut left: usize, into: &mut impl io::Write) -> io::Result<()> {
        while left > 0 {
            if self.read.is_empty() {
                self.more()?;
            }
            let size = left.min(self.read.len());
            into.write_all(&self.read[..size])?;
            self.read.drain(..size);
            left -= size;
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<String> {
        let end = loop {
            match self.read.iter().position(|byte| *byte == b'\n') {
                Some(end) => break end,
                None => self.more()?,
            }
        };
        let line: Vec<u8> = self.read.drain(..=end).collect();
        Ok(String::from_utf8(line).map_err(io::Error::other)?.trim_end().to_owned())
    }

    pub fn answer(&mut self) -> io::Result<Answer> {
        let head = self.head()?;
        let body = self.body(&head)?;
        Ok(Answer { status: head.status, head, body })
    }

    /// Reads until the connection ends; returns how much came.
    pub fn drain(&mut self) -> usize {
        let mut count = self.read.len();
        let mut piece = vec![0; 128 * 1024];
        loop {
            match read(&mut self.tls, &mut piece) {
                Ok(0) | Err(_) => return count,
                Ok(length) => count += length,
            }
        }
    }

    /// Tells whether not one byte, of whatever layer, comes within `time`.
    pub fn is_silent_for(&self, time: Duration) -> bool {
        assert!(self.read.is_empty() && !self.tls.conn.wants_write(), "something is left over");
        let stream = &self.tls.sock;
        stream.set_read_timeout(Some(time)).unwrap();
        let peeked = stream.peek(&mut [0]);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        peeked.is_err_and(|error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
    }

    /// The certificate that the server showed.
    pub fn certificate(&self) -> Vec<u8> {
        self.tls.conn.peer_certificates().unwrap()[0].to_vec()
    }
}
