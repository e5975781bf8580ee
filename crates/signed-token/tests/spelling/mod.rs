//! Re-spells a signed token without its issuer, packet by packet (RFC 9580 section 4.2): what an
//! attacker, or a mail program, could do to it.

use base64::{Engine, engine::general_purpose::STANDARD};

/// The signature packet of a cleartext-signed token, as it lies in the armor.
pub fn signature_packet(form_a: &str) -> Vec<u8> {
    let (_, armor) = form_a.split_once("-----BEGIN PGP SIGNATURE-----").unwrap();
    dearmored(armor)
}

/// The bytes between an armor's blank line and its checksum or end.
pub fn dearmored(armor: &str) -> Vec<u8> {
    let mut lines = armor.lines().skip_while(|line| !line.is_empty()).skip(1);
    let mut first = lines.next();
    while first == Some("") {
        first = lines.next();
    }
    let body: String = first
        .into_iter()
        .chain(lines)
        .take_while(|line| !line.starts_with('=') && !line.starts_with('-'))
        .collect();
    STANDARD.decode(body).unwrap()
}

/// The text of a cleartext-signed token without the line end that belongs to the armor.
pub fn text(form_a: &str) -> &str {
    let (_, rest) = form_a.split_once("\n\n").unwrap();
    rest.split_once("\n-----BEGIN PGP SIGNATURE-----").unwrap().0
}

pub fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0xC0 | tag, 0xFF], &length[..], body].concat()
}

/// A text without a file name or a date.
pub fn literal(mode: u8, text: &[u8]) -> Vec<u8> {
    packet(11, &[&[mode, 0, 0, 0, 0, 0], text].concat())
}

/// Announces `signature`, a version 4 packet in the old or new format.
pub fn one_pass(signature: &[u8], fingerprint: &[u8], last: u8) -> Vec<u8> {
    let header = match signature[0] {
        old if old & 0x40 == 0 => 1 + (1 << (old & 3)),
        _ => match signature[1] {
            0..=191 => 2,
            192..=254 => 3,
            255 => 6,
        },
    };
    let [4, kind, algorithm, hash] = signature[header..header + 4] else {
        panic!("not a version 4 signature");
    };
    let key_id = &fingerprint[12..20];
    packet(4, &[&[3, kind, hash, algorithm], key_id, &[last]].concat())
}

/// Packed, but with the method "not compressed".
pub fn stored(packets: &[u8]) -> Vec<u8> {
    packet(8, &[&[0], packets].concat())
}

pub fn armored(packets: &[u8]) -> String {
    let body = STANDARD.encode(packets);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "-----BEGIN PGP MESSAGE-----\n\n{}\n={}\n-----END PGP MESSAGE-----\n",
        lines.join("\n"),
        STANDARD.encode(checksum(packets))
    )
}

/// CRC-24 of RFC 9580 section 6.1.1. GnuPG cannot read armor without it.
fn checksum(bytes: &[u8]) -> [u8; 3] {
    let mut crc: u32 = 0x00B7_04CE;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4CFB;
            }
        }
    }
    let [_, high, middle, low] = crc.to_be_bytes();
    [high, middle, low]
}
