//! Reads an object from its beginning, and goes on where a connection broke.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::asking::{Asked, No, Server};
use super::explain::Right;
use crate::base::backup::FileName;
use crate::flows::backup::target::Error;

/// How often in a row it may break without a byte between.
const MOST_BREAKS: u32 = 5;

/// An object that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    server: Arc<Server>,
    name: FileName,
    key: String,
    tag: Option<String>,
    length: u64,
    /// How much has come.
    at: u64,
    piece: Bytes,
    body: Option<Incoming>,
    breaks: u32,
}

impl Reading {
    pub(super) fn open(server: Arc<Server>, name: &FileName) -> Result<Self, Error> {
        let key = super::layout::key(&server.address.prefix, name);
        let opened = server.run(server.open(&Asked::new(Method::GET, Some(&key), &[])));
        let doing = format!("reading {name}");
        let response = opened.map_err(|no| match no {
            No::Refused(refusal) if refusal.code == "NoSuchKey" => {
                Error::Missing { place: server.address.place(), name: name.clone() }
            }
            no => server.failed(&doing, &no, Right::Get),
        })?;
        let length = field(&response, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let length =
            length.ok_or_else(|| server.failed_because(&doing, "its answer has no Content-Length"))?;
        let tag = field(&response, &ETAG);
        let (name, body) = (name.clone(), Some(response.into_body()));
        Ok(Self { server, name, key, tag, length, at: 0, piece: Bytes::new(), body, breaks: 0 })
    }

    /// Waits for the next piece; `None` where the connection broke.
    fn next(&mut self) -> Option<Bytes> {
        let patience = self.server.patience.answer;
        let body = self.body.as_mut()?;
        let frame = self.server.run(async { tokio::time::timeout(patience, body.frame()).await });
        match frame {
            Ok(Some(Ok(frame))) => Some(frame.into_data().unwrap_or_default()),
            _ => None,
        }
    }

    /// Asks for the rest, of the same object as before.
    fn go_on(&mut self) -> Result<(), Error> {
        let doing = format!("reading on in {} at {}", self.name, self.at);
        self.breaks += 1;
        if self.breaks > MOST_BREAKS {
            return Err(self.server.failed_because(&doing, "the connection breaks again and again"));
        }
        let mut asked =
            Asked::new(Method::GET, Some(&self.key), &[]).field("range", format!("bytes={}-", self.at));
        if let Some(tag) = &self.tag {
            asked = asked.field("if-match", tag);
        }
        let response = self.server.run(self.server.open(&asked));
        let response = response.map_err(|no| self.server.failed(&doing, &no, Right::Get))?;
        let expected = format!("bytes {}-{}/{}", self.at, self.length - 1, self.length);
        if response.status() != StatusCode::PARTIAL_CONTENT
            || field(&response, &CONTENT_RANGE).is_none_or(|range| range != expected)
        {
            return Err(self.server.failed_because(&doing, "the server does not give the rest alone"));
        }
        self.body = Some(response.into_body());
        Ok(())
    }
}

fn field(response: &Response<Incoming>, name: &http::HeaderName) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.piece.is_empty() && self.at < self.length {
            match self.next() {
                Some(piece) if piece.is_empty() => {}
                Some(piece) => {
                    self.piece = piece;
                    self.breaks = 0;
                }
                None => {
                    self.body = None;
                    self.go_on().map_err(io::Error::other)?;
                }
            }
        }
        let given = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..given]);
        self.at += given as u64;
        Ok(given)
    }
}
