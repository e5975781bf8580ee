//! An auditor's connection to the listener for operators.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde_json::Value;

use crate::Outcome;
use crate::installation::Installation;
use crate::sending;

/// A connection that is kept, whose requests come with a password.
pub struct Https {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    authorization: String,
}

impl Https {
    /// Connects; `login` is `user:password`.
    pub fn connect(installation: &Installation, login: &str) -> Outcome<Self> {
        let tls = Arc::new(sending::client(&installation.certificates)?);
        let tls = ClientConnection::new(tls, ServerName::try_from("localhost")?)?;
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, installation.admin))?;
        stream.set_nodelay(true)?;
        let authorization = format!("Basic {}", data_encoding::BASE64.encode(login.as_bytes()));
        Ok(Self { stream: BufReader::new(StreamOwned::new(tls, stream)), authorization })
    }

    /// Gets a resource; what is not 200 is an error.
    pub fn get(&mut self, target: &str) -> Outcome<Value> {
        let authorization = &self.authorization;
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: application/fhir+json\r\n\
             Authorization: {authorization}\r\n\r\n"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut head, mut line) = (String::new(), String::new());
        while self.stream.read_line(&mut line)? > 2 {
            head.push_str(&line.to_ascii_lowercase());
            line.clear();
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).ok_or("no length")?;
        let mut body = vec![0; length.trim().parse()?];
        self.stream.read_exact(&mut body)?;
        if !head.starts_with("http/1.1 200") {
            return Err(format!("{target}: {head}{}", String::from_utf8_lossy(&body)).into());
        }
        Ok(serde_json::from_slice(&body)?)
    }
}
