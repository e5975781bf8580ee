//! An upstream that tells what it was asked: the stand-in of a client registry.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

/// A server that ends with the test.
pub struct Echo {
    port: u16,
    count: Arc<AtomicUsize>,
}

impl Echo {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::<AtomicUsize>::default();
        let counting = Arc::clone(&count);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let counting = Arc::clone(&counting);
                std::thread::spawn(move || while answer(&stream, &counting) {});
            }
        });
        Self { port, count }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests it got.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// Answers one request without a body; `false` at the end of the connection.
fn answer(stream: &TcpStream, count: &AtomicUsize) -> bool {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return false };
    count.fetch_add(1, Ordering::SeqCst);
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let fields = lines.take_while(|line| !line.is_empty());
    let fields: Vec<Value> = fields
        .filter_map(|line| line.split_once(": ").map(|(name, value)| json!([name.to_lowercase(), value])))
        .collect();
    let (status, kind, body) = match path.as_str() {
        path if path.ends_with("/large") => ("200 OK", "text/plain", vec![b'a'; 1_000_000]),
        path if path.ends_with("/binary") => ("200 OK", "application/octet-stream", (0..=255).collect()),
        path if path.starts_with("/fhir/Patient/1") => {
            let patient = json!({ "resourceType": "Patient", "id": "1", "name": [{ "family": "Example" }] });
            ("200 OK", "application/fhir+json", patient.to_string().into_bytes())
        }
        path if path.ends_with("/elsewhere") => {
            ("302 Found\r\nLocation: https://s3.example.org/a?sig=x", "text/plain", b"there".to_vec())
        }
        path => {
            let status = if path.ends_with("/missing") { "404 Not Found" } else { "200 OK" };
            (status, "application/json", json!({ "path": path, "fields": fields }).to_string().into_bytes())
        }
    };
    let mut stream = stream;
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_ok()
}
