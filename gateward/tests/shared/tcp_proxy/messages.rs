//! As much of PostgreSQL's protocol (manual, chapter 55) as it takes to see a COMMIT go by.

use std::collections::BTreeSet;

/// The client's side of a connection.
#[derive(Debug, Default)]
pub struct Requests {
    pending: Vec<u8>,
    started: bool,
    /// Prepared statements that commit.
    commits: BTreeSet<Vec<u8>>,
}

/// One message of a client's, whole.
#[derive(Debug)]
pub struct Request {
    pub bytes: Vec<u8>,
    pub asks: Asked,
}

/// What a client's message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// TLS or GSSAPI, before all else.
    Encryption,
    /// That a transaction be committed.
    Commit,
    Other,
}

/// The codes of 55.7 that stand where a startup message has the protocol's version.
const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;

impl Requests {
    /// Takes what came and returns the messages that are complete now.
    pub fn split(&mut self, bytes: &[u8]) -> Vec<Request> {
        self.pending.extend_from_slice(bytes);
        let mut messages = Vec::new();
        while let Some(length) = whole(&self.pending, usize::from(self.started)) {
            let bytes: Vec<u8> = self.pending.drain(..length).collect();
            let asks = if self.started { self.read(&bytes) } else { self.read_start(&bytes) };
            messages.push(Request { bytes, asks });
        }
        messages
    }

    fn read_start(&mut self, message: &[u8]) -> Asked {
        if matches!(number(&message[4..]), Some(SSL_REQUEST | GSSENC_REQUEST)) {
            return Asked::Encryption;
        }
        self.started = true;
        Asked::Other
    }

    fn read(&mut self, message: &[u8]) -> Asked {
        let content = &message[5..];
        let mut texts = content.split(|byte| *byte == 0);
        let mut text = || texts.next().unwrap_or_default();
        match message[0] {
            b'Q' if commits(text()) => Asked::Commit,
            // Prepared now, executed by a Bind that names it.
            b'P' => {
                let (name, sql) = (text(), text());
                if commits(sql) {
                    self.commits.insert(name.to_owned());
                } else {
                    self.commits.remove(name);
                }
                Asked::Other
            }
            b'B' => {
                let (_portal, statement) = (text(), text());
                if self.commits.contains(statement) { Asked::Commit } else { Asked::Other }
            }
            _ => Asked::Other,
        }
    }
}

/// The server's side of a connection.
#[derive(Debug, Default)]
pub struct Answers {
    pending: Vec<u8>,
}

impl Answers {
    /// Takes what came; returns whether it says what became of a COMMIT.
    pub fn take(&mut self, bytes: &[u8]) -> bool {
        self.pending.extend_from_slice(bytes);
        let mut answered = false;
        while let Some(length) = whole(&self.pending, 1) {
            let message: Vec<u8> = self.pending.drain(..length).collect();
            answered |= match message[0] {
                b'C' => matches!(&message[5..], b"COMMIT\0" | b"ROLLBACK\0"),
                kind => kind == b'E',
            };
        }
        answered
    }
}

/// How long the first message is if it is there whole; `prefix` bytes stand before its length.
fn whole(bytes: &[u8], prefix: usize) -> Option<usize> {
    let length = prefix + number(bytes.get(prefix..)?)? as usize;
    (bytes.len() >= length).then_some(length)
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Whether a statement of `sql` is COMMIT.
fn commits(sql: &[u8]) -> bool {
    let sql = sql.to_ascii_uppercase();
    sql.split(|byte| *byte == b';').any(|statement| statement.trim_ascii_start().starts_with(b"COMMIT"))
}
