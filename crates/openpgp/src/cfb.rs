//! Encrypting with AES-256 in CFB mode, at the speed of the cipher.
//!
//! Each block waits for the one before it, so one thread does nothing but encrypt, while the
//! caller's reads, hashes and writes.

use std::{
    io::{Read, Write},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use aws_lc_rs::cipher::{AES_256, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey};

use crate::{
    SealError,
    packet_stream::{PIECE, piece_header, read_full},
};

/// What goes from one thread to the other at once: long enough that waking up costs little.
const UNIT: usize = 4 * PIECE;

/// One being read or written, one being encrypted, one waiting.
const UNITS: usize = 3;

/// Writes the packet with `tag` whose first byte is that of `body` and whose rest is encrypted.
///
/// A body that fits into one unit is encrypted right here; for the others a thread is started. The
/// caller's stays the one that reads and writes.
pub(crate) fn write_encrypted(
    tag: u8,
    key: &[u8],
    mut body: impl Read,
    output: &mut impl Write,
) -> Result<(), SealError> {
    let first = Unit::read(&mut body, Vec::with_capacity(UNIT))?;
    if first.last {
        return encrypt_here(Encryptor::new(tag, key), first, body, output);
    }
    thread::scope(|scope| {
        let (to_encrypt, plain) = sync_channel(UNITS);
        let (encrypted, to_write) = sync_channel(UNITS);
        let encryptor = || Encryptor::new(tag, key);
        let encrypting =
            thread::Builder::new().spawn_scoped(scope, move || encryptor().run(&plain, &encrypted));
        match encrypting {
            Ok(_) => feed(first, body, &to_encrypt, &to_write, output),
            // No more threads to be had: slower, and the same bytes.
            Err(_) => encrypt_here(encryptor(), first, body, output),
        }
    })
}

fn encrypt_here(
    mut encryptor: Encryptor,
    mut unit: Unit,
    mut body: impl Read,
    output: &mut impl Write,
) -> Result<(), SealError> {
    loop {
        encryptor.encrypt(&mut unit);
        output.write_all(&unit.packet).map_err(SealError::Output)?;
        if unit.last {
            return Ok(());
        }
        unit = Unit { packet: unit.packet, ..Unit::read(&mut body, unit.plain)? };
    }
}

/// The caller's side: reads as far ahead as there are units, and writes what comes back.
fn feed(
    first: Unit,
    mut body: impl Read,
    to_encrypt: &SyncSender<Unit>,
    to_write: &Receiver<Unit>,
    output: &mut impl Write,
) -> Result<(), SealError> {
    const ALIVE: &str = "the other thread ends after this one";
    let mut last = first.last;
    let mut under_way = 1;
    to_encrypt.send(first).expect(ALIVE);
    while under_way > 0 {
        let spare = if last || under_way == UNITS {
            let unit = to_write.recv().expect(ALIVE);
            under_way -= 1;
            output.write_all(&unit.packet).map_err(SealError::Output)?;
            unit
        } else {
            Unit::default()
        };
        if !last {
            let unit = Unit { packet: spare.packet, ..Unit::read(&mut body, spare.plain)? };
            last = unit.last;
            to_encrypt.send(unit).expect(ALIVE);
            under_way += 1;
        }
    }
    Ok(())
}

/// A stretch of the packet's body, before and after.
#[derive(Default)]
struct Unit {
    plain: Vec<u8>,
    last: bool,
    /// With the lengths of its pieces.
    packet: Vec<u8>,
}

impl Unit {
    fn read(body: &mut impl Read, mut plain: Vec<u8>) -> Result<Self, SealError> {
        plain.resize(UNIT, 0);
        let length = read_full(body, &mut plain).map_err(SealError::Input)?;
        plain.truncate(length);
        Ok(Self { plain, last: length < UNIT, packet: Vec::new() })
    }
}

struct Encryptor {
    cipher: StreamingEncryptingKey,
    /// Until the packet has begun.
    tag: Option<u8>,
}

impl Encryptor {
    /// RFC 9580 section 5.13.1: an initialisation vector of zeros.
    fn new(tag: u8, key: &[u8]) -> Self {
        let cipher = UnboundCipherKey::new(&AES_256, key)
            .and_then(|key| {
                StreamingEncryptingKey::less_safe_cfb128(key, EncryptionContext::Iv128([0; 16].into()))
            })
            .expect("AES-256 with a key of 32 bytes");
        Self { cipher, tag: Some(tag) }
    }

    fn run(mut self, plain: &Receiver<Unit>, encrypted: &SyncSender<Unit>) {
        for mut unit in plain {
            self.encrypt(&mut unit);
            if encrypted.send(unit).is_err() {
                // The other side met an error.
                return;
            }
        }
    }

    fn encrypt(&mut self, unit: &mut Unit) {
        let Unit { plain, last, packet } = unit;
        packet.clear();
        packet.reserve(UNIT + UNIT / PIECE + 16);
        let end: &[u8] = &[];
        // A body of whole pieces ends with an empty one.
        let empty = (*last && plain.len().is_multiple_of(PIECE)).then_some(end);
        for piece in plain.chunks(PIECE).chain(empty) {
            let clear = usize::from(self.tag.is_some());
            packet.extend(piece_header(self.tag.take(), piece.len()));
            packet.extend_from_slice(&piece[..clear]);
            self.append(&piece[clear..], packet);
        }
    }

    fn append(&mut self, plain: &[u8], packet: &mut Vec<u8>) {
        let start = packet.len();
        // The cipher asks for room for a block more than it fills.
        packet.resize(start + plain.len() + 15, 0);
        self.cipher.update(plain, &mut packet[start..]).expect("there is room");
        packet.truncate(start + plain.len());
    }
}
