//! Answers that run: an upstream whose answers have no end, and a client that reads them as they come.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::cluster::patience::eventually;
use crate::installation::Login;

/// An answer without end, in small pieces, each as soon as it is there.
pub const ENDLESS: &str = "/endless/stream";

/// An answer that is read as it comes, in a thread of its own.
pub struct Download {
    thread: std::thread::JoinHandle<bool>,
    newest: Arc<Mutex<Instant>>,
}

impl Download {
    /// Begins one that must be let in.
    #[track_caller]
    pub fn begin(client: &Client, path: &str, login: &Login) -> Self {
        let (mut connection, head) = client.begin(path, login).unwrap();
        assert_eq!(head.status, 200);
        let newest = Arc::new(Mutex::new(Instant::now()));
        let noted = Arc::clone(&newest);
        let thread = std::thread::spawn(move || connection.pour(&head, &mut Noting(&noted)).is_ok());
        Self { thread, newest }
    }

    /// When its newest piece came.
    pub fn newest(&self) -> Instant {
        *self.newest.lock().unwrap()
    }

    /// Waits for its end; returns whether it came whole.
    #[track_caller]
    pub fn ended(self, within: Duration) -> bool {
        eventually("the download ends", within, || self.thread.is_finished());
        self.thread.join().unwrap()
    }
}

/// Notes when something came.
struct Noting<'a>(&'a Mutex<Instant>);

impl io::Write for Noting<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        *self.0.lock().unwrap() = Instant::now();
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How long lies between two pieces of an endless answer.
const PIECES: Duration = Duration::from_millis(20);

/// Starts an upstream whose answers have no end; it lasts as long as the test program.
pub fn start_endless() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer_without_end(stream));
        }
    });
    address
}

/// Until whoever asked is gone.
fn answer_without_end(mut stream: TcpStream) -> io::Result<()> {
    let mut asked = [0; 4096];
    let _ = stream.read(&mut asked)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    // More than is held back until it is known whether an answer is small.
    stream.write_all(format!("{:x}\r\n{}\r\n", 1 << 17, "x".repeat(1 << 17)).as_bytes())?;
    loop {
        stream.write_all(b"8\r\na piece\n\r\n")?;
        std::thread::sleep(PIECES);
    }
}
