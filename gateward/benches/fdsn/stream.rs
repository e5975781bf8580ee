//! One large answer: how fast it passes, and at what cost.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use crate::Outcome;
use crate::archive::{self, Large};
use crate::door::Door;
use crate::measuring::median;
use crate::process::Process;
use crate::running_nginx::Nginx;

/// What carries an answer, one after the other in each round.
const WAYS: [&str; 4] =
    ["nginx, buffering", "nginx, not buffering", "door, no second lock", "door, second lock"];

/// Between two looks at the memory, in bytes of the answer.
const LOOK: u64 = 64 << 20;

/// One answer that passed.
struct Passed {
    /// MB a second.
    rate: f64,
    /// Processor time of what carried it, in seconds.
    cpu: f64,
    /// Resident memory in MiB, every [`LOOK`] bytes.
    resident: Vec<f64>,
}

/// Prints how `file` passes through the door and through nginx.
pub fn compare(door: &Door, peer: &Nginx, file: Large, rounds: usize) -> Outcome<()> {
    let Large { name, record_length } = file;
    let paths = [
        format!("/buffered/{name}/query"),
        format!("/unbuffered/{name}/query"),
        format!("{}/query?{}", Door::service(name, false), archive::OPEN),
        format!("{}/query?{}", Door::service(name, true), archive::OPEN),
    ];
    let mut passed: [Vec<Passed>; 4] = Default::default();
    let mut size = None;
    for round in 0..=rounds {
        for (way, path) in paths.iter().enumerate() {
            let (port, process) =
                if way < 2 { (peer.port, &peer.process) } else { (door.port, &door.process) };
            let (bytes, one) = pass(port, path, process)?;
            assert_eq!(bytes, *size.get_or_insert(bytes), "{path}: as much as the others");
            // The first round is for the caches.
            if round > 0 {
                passed[way].push(one);
            }
        }
    }
    let size = size.unwrap_or_default();
    println!("{} MiB in records of {record_length} bytes, {rounds} rounds, medians", size >> 20);
    for (way, name) in WAYS.iter().enumerate() {
        // Beside nginx in the same round: the machine is not the same from minute to minute.
        let ratios = (0..rounds).map(|at| passed[way][at].rate / passed[0][at].rate.max(passed[1][at].rate));
        println!(
            "  {name:<22} {:>7.0} MB/s  {:>5.2} of nginx's better way  {:>5.2} s of processor time",
            median(passed[way].iter().map(|one| one.rate)),
            median(ratios),
            median(passed[way].iter().map(|one| one.cpu)),
        );
    }
    for way in [2, 3] {
        let all = || passed[way].iter().flat_map(|one| &one.resident).copied();
        let first = passed[way].first().and_then(|one| one.resident.first()).copied().unwrap_or(f64::NAN);
        println!(
            "  {:<22} resident: {first:.1} MiB after the first {} MiB, never below {:.1} or above {:.1}",
            WAYS[way],
            LOOK >> 20,
            all().fold(f64::INFINITY, f64::min),
            all().fold(0.0, f64::max),
        );
    }
    println!("  the door's highest ever: {:.1} MiB", door.process.memory("VmHWM")?);
    Ok(())
}

/// Fetches one answer and drops it.
fn pass(port: u16, path: &str, process: &Process) -> Outcome<(u64, Passed)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let cpu = process.cpu()?;
    let begun = Instant::now();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut buffer = vec![0; 256 * 1024];
    let mut body = None;
    let (mut bytes, mut looked, mut resident) = (0, 0, Vec::new());
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(format!("{path}: it broke off after {bytes} bytes").into());
        }
        let piece = &buffer[..read];
        bytes += match &mut body {
            None => {
                let (framing, rest) = Framing::of(piece)?;
                body.insert(framing).take(rest)
            }
            Some(framing) => framing.take(piece),
        };
        if bytes >= looked + LOOK {
            looked += LOOK;
            resident.push(process.memory("VmRSS")?);
        }
        if matches!(body, Some(Framing::Ended | Framing::Length(0))) {
            break;
        }
    }
    let rate = bytes as f64 / 1e6 / begun.elapsed().as_secs_f64();
    Ok((bytes, Passed { rate, cpu: process.cpu()? - cpu, resident }))
}

/// Where in the body of an answer a reader is (RFC 9112 sections 6 and 7.1).
#[derive(Clone, Copy)]
enum Framing {
    /// So much is left.
    Length(u64),
    /// In the line that says how long the next chunk is.
    Size(u64),
    /// In a chunk, or in the line end behind it.
    Chunk(u64),
    /// Behind the last chunk.
    Ended,
}

impl Framing {
    /// Reads the head of an answer, which comes in one piece; returns what follows it.
    fn of(piece: &[u8]) -> Outcome<(Self, &[u8])> {
        let end = piece.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no head")?;
        let head = std::str::from_utf8(&piece[..end])?.to_ascii_lowercase();
        if !head.starts_with("http/1.1 200 ") {
            return Err(String::from_utf8_lossy(piece).into());
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let framing = length.map_or(Ok(Self::Size(0)), |length| length.trim().parse().map(Self::Length))?;
        Ok((framing, &piece[end + 4..]))
    }

    /// Goes on by `piece`; returns how many bytes of the body's content are in it.
    fn take(&mut self, mut piece: &[u8]) -> u64 {
        let mut content = 0;
        while let [first, rest @ ..] = piece {
            (*self, piece) = match *self {
                Self::Length(left) => {
                    content += piece.len() as u64;
                    (Self::Length(left.saturating_sub(piece.len() as u64)), &[][..])
                }
                Self::Size(0) if *first == b'\n' => (Self::Ended, &[][..]),
                Self::Size(size) if *first == b'\n' => (Self::Chunk(size + LINE_END), rest),
                Self::Size(size) => {
                    let digit = char::from(*first).to_digit(16);
                    (Self::Size(digit.map_or(size, |digit| size * 16 + u64::from(digit))), rest)
                }
                Self::Chunk(left) => {
                    let taken = left.min(piece.len() as u64);
                    // What of it is content: the last two bytes are not.
                    content += left.saturating_sub(LINE_END) - (left - taken).saturating_sub(LINE_END);
                    let next = if taken == left { Self::Size(0) } else { Self::Chunk(left - taken) };
                    (next, usize::try_from(taken).map_or(&[][..], |taken| &piece[taken..]))
                }
                Self::Ended => (Self::Ended, &[][..]),
            };
        }
        content
    }
}

/// How long the line end behind a chunk is.
const LINE_END: u64 = 2;
