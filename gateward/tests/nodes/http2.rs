//! A connection that speaks HTTP/2, and asks many things on it at once.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsConnector;

use super::connection::client;
use super::server::Server;

pub struct Http2 {
    runtime: Runtime,
    sender: SendRequest<Empty<Bytes>>,
}

impl Http2 {
    pub fn new(server: &Server, shown: Option<Arc<CertifiedKey>>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let mut config = client(server, shown);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let sender = runtime.block_on(async {
            let socket = TcpStream::connect(("127.0.0.1", server.public)).await.unwrap();
            let connector = TlsConnector::from(Arc::new(config));
            let tls = connector.connect("localhost".try_into().unwrap(), socket).await.unwrap();
            assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(tls)).await.unwrap();
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender }
    }

    /// Asks everything at once, each thing with its lines of the head; returns the statuses in their order, where an
    /// answer came whole.
    pub fn send(&self, asked: &[(&str, &str, &str)]) -> Vec<Option<u16>> {
        let one = |(method, path, fields): &(&str, &str, &str)| {
            let request = Request::builder().method(*method).uri(format!("https://localhost{path}"));
            let fields = fields.lines().filter_map(|line| line.split_once(": "));
            let request = fields.fold(request, |request, (name, value)| request.header(name, value));
            let (mut sender, request) = (self.sender.clone(), request.body(Empty::new()).unwrap());
            async move {
                let answer = sender.send_request(request).await.ok()?;
                let status = answer.status().as_u16();
                answer.into_body().collect().await.ok().map(|_| status)
            }
        };
        self.runtime.block_on(futures_util::future::join_all(asked.iter().map(one)))
    }
}
