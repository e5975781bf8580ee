//! What upstreams answer, from flawless to hostile; each is what a [`StandIn`] does with a request.
//!
//! [`StandIn`]: super::stand_in::StandIn

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::Command;

use super::stand_in::Received;
use super::tools::run;

/// The media type of miniSEED.
pub const MINISEED: &str = "application/vnd.fdsn.mseed";

/// A whole answer that says how long it is; `fields` end their lines themselves.
pub fn answer(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// 200 with records, or with what it calls so.
pub fn waveforms(records: &[u8]) -> Vec<u8> {
    answer("200 OK", &format!("Content-Type: {MINISEED}\r\n"), records)
}

/// An FDSN error.
pub fn error(status: &str, text: &str) -> Vec<u8> {
    let body = format!("Error {status}\n\n{text}\n");
    answer(status, "Content-Type: text/plain\r\n", body.as_bytes())
}

/// 200 with records in chunks of 1000 bytes, which is no record's length.
pub fn chunked(records: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {MINISEED}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut answer = std::mem::take(&mut answer).into_bytes();
    for chunk in records.chunks(1000) {
        answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

/// 200 with records under `Content-Encoding: gzip`, whatever was accepted.
pub fn compressed(records: &[u8]) -> Vec<u8> {
    let packed = run(Command::new("gzip").arg("--stdout"), records).good().stdout;
    answer("200 OK", &format!("Content-Type: {MINISEED}\r\nContent-Encoding: gzip\r\n"), &packed)
}

/// Says it and waits for the next request.
pub fn says(answer: Vec<u8>) -> impl Fn(&Received, &mut TcpStream) -> io::Result<()> {
    move |_, stream| stream.write_all(&answer)
}

/// Says the first `length` bytes of it, and ends the connection.
pub fn breaks_off(
    mut answer: Vec<u8>,
    length: usize,
) -> impl Fn(&Received, &mut TcpStream) -> io::Result<()> {
    answer.truncate(length);
    move |_, stream| {
        stream.write_all(&answer)?;
        stream.shutdown(Shutdown::Both)
    }
}

/// Says the first `length` bytes of it, and nothing more for as long as anybody listens.
pub fn hangs(mut answer: Vec<u8>, length: usize) -> impl Fn(&Received, &mut TcpStream) -> io::Result<()> {
    answer.truncate(length);
    move |_, stream| {
        stream.write_all(&answer)?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

/// Sends one field of a head after the other for as long as anybody listens.
pub fn never_ends_its_head(_: &Received, stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
    for number in 0_u64.. {
        stream.write_all(format!("X-Field-{number}: {}\r\n", "x".repeat(100)).as_bytes())?;
    }
    Ok(())
}
