//! The PROXY protocol, versions 1 and 2: how a proxy that carries bytes names its client.
//!
//! The specification is HAProxy's, doc/proxy-protocol.txt. Written here and not taken from a crate:
//! what we need of it is small, and must stop reading at exactly the header's last byte.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

use crate::base::address::ClientAddress;

/// How a header of version 2 begins (section 2.2).
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// How a header of version 1 begins (section 2.1).
const PROXY: &[u8] = b"PROXY ";

/// How long a header of version 1 may be, its line end included (section 2.1).
const LONGEST_LINE: u64 = 107;

/// How much may follow the first 16 bytes of version 2; the format would allow 64 KiB, and what
/// proxies append to the addresses (names, certificates' subjects) is short.
const LONGEST_REST: u16 = 4096;

/// Reads the header that must open a connection from a proxy, and nothing after it.
///
/// `None` where the proxy speaks for itself (`LOCAL`, a health check) or does not know an address
/// (`UNKNOWN`, a Unix socket).
///
/// # Errors
///
/// One that [`is_missing`] tells for what is no header, or one that is too long: the operator's, whose
/// proxy does not send what was agreed. Anything else is the connection's.
pub async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<ClientAddress>> {
    // Shorter than the shortest header of either version.
    let mut begin = [0; SIGNATURE.len()];
    stream.read_exact(&mut begin).await?;
    let named = if begin == SIGNATURE {
        read_version_2(stream).await?
    } else if begin.starts_with(PROXY) {
        let mut line = begin.to_vec();
        let rest = LONGEST_LINE - begin.len() as u64;
        stream.take(rest).read_until(b'\n', &mut line).await?;
        version_1(&line).ok_or_else(|| no_header("a line of version 1 that makes no sense, or no end"))?
    } else {
        return Err(no_header("neither version 1 nor 2"));
    };
    Ok(match named {
        Named::Client(address) => Some(ClientAddress::new(address)),
        Named::Nobody => None,
    })
}

/// Whom a header names.
enum Named {
    Client(IpAddr),
    Nobody,
}

/// Says why bytes are no PROXY header.
#[derive(Debug, thiserror::Error)]
#[error("no PROXY header: {0}")]
struct NoHeader(&'static str);

/// Whether `error` says that a proxy did not send the header that it should.
pub fn is_missing(error: &Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<NoHeader>)
}

fn no_header(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, NoHeader(why))
}

/// Reads a line, `PROXY TCP4 source destination port port` or `PROXY UNKNOWN ...` (section 2.1).
fn version_1(line: &[u8]) -> Option<Named> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
    let mut words = line.strip_prefix("PROXY ")?.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(Named::Nobody);
    }
    let (source, destination) = (words.next()?, words.next()?);
    let ports = [words.next()?, words.next()?];
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok();
    if words.next().is_some() || !ports.into_iter().all(is_port) {
        return None;
    }
    let source = match family {
        "TCP4" => destination.parse::<Ipv4Addr>().and(source.parse().map(IpAddr::V4)),
        "TCP6" => destination.parse::<Ipv6Addr>().and(source.parse().map(IpAddr::V6)),
        _ => return None,
    };
    source.ok().map(Named::Client)
}

/// Reads what follows the signature (section 2.2).
async fn read_version_2(stream: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Named> {
    let mut fixed = [0; 4];
    stream.read_exact(&mut fixed).await?;
    let [version_and_command, family, length @ ..] = fixed;
    let length = u16::from_be_bytes(length);
    if length > LONGEST_REST {
        return Err(no_header("longer than 4 KiB"));
    }
    let mut rest = vec![0; length.into()];
    stream.read_exact(&mut rest).await?;
    version_2(version_and_command, family, &rest).ok_or_else(|| no_header("a version 2 that makes no sense"))
}

fn version_2(version_and_command: u8, family: u8, rest: &[u8]) -> Option<Named> {
    match version_and_command {
        // LOCAL: whatever else it says is to be ignored.
        0x20 => return Some(Named::Nobody),
        0x21 => {}
        _ => return None,
    }
    // Addresses and ports of both ends; the client's address first. What follows is not for us.
    match family {
        0x00 => Some(Named::Nobody),
        0x11 => rest.get(..12)?.first_chunk::<4>().map(|source| Named::Client((*source).into())),
        0x21 => rest.get(..36)?.first_chunk::<16>().map(|source| Named::Client((*source).into())),
        // A Unix socket has no address.
        0x31 => rest.get(..216).map(|_| Named::Nobody),
        // Datagrams, and what the specification has us reject.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a header says, and what of `bytes` is left after it.
    fn parse(bytes: &[u8]) -> std::io::Result<(Option<String>, usize)> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut left = bytes;
        let named = runtime.block_on(read(&mut left))?;
        Ok((named.map(|address| address.to_string()), left.len()))
    }

    fn version_2_header(version_and_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version_and_command, family], &length, rest].concat()
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 127, 0, 0, 1, 1, 2, 3, 4];

    #[test]
    fn a_client_is_named_and_what_follows_is_left_alone() {
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        let with_more = [&V4[..], &[4, 0, 3, 1, 2, 3]].concat();
        for (header, client) in [
            (b"PROXY TCP4 192.0.2.1 127.0.0.1 567 443\r\n".to_vec(), "192.0.2.1"),
            (b"PROXY TCP6 2001:db8::1 ::1 567 443\r\n".to_vec(), "2001:db8::1"),
            (version_2_header(0x21, 0x11, &V4), "192.0.2.1"),
            (version_2_header(0x21, 0x11, &with_more), "192.0.2.1"),
            (version_2_header(0x21, 0x21, &v6), "2001:db8::1"),
        ] {
            let said = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(parse(&said).unwrap(), (Some(client.to_owned()), 16), "{header:?}");
        }
    }

    #[test]
    fn a_proxy_that_speaks_for_itself_names_nobody() {
        for header in [
            b"PROXY UNKNOWN\r\n".to_vec(),
            b"PROXY UNKNOWN whatever it says, it is ignored \xc3\xa9\r\n".to_vec(),
            version_2_header(0x20, 0x11, &V4),
            version_2_header(0x20, 0x00, &[]),
            version_2_header(0x21, 0x00, &[]),
            version_2_header(0x21, 0x31, &[0; 216]),
        ] {
            assert_eq!(parse(&[&header[..], b"GET"].concat()).unwrap(), (None, 3), "{header:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_header() {
        let too_long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(92));
        assert_eq!(too_long.len(), 108);
        let long_rest = [&SIGNATURE[..], &[0x21, 0x11, 0x10, 0x01]].concat();
        for header in [
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            b"proxy TCP4 192.0.2.1 127.0.0.1 567 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 567 443\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 567\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 567 443 1\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 567 70000\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 567 +443\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::1 ::1 567 443\r\n".to_vec(),
            b"PROXY TCP6 192.0.2.1 127.0.0.1 567 443\r\n".to_vec(),
            b"PROXY UDP4 192.0.2.1 127.0.0.1 567 443\r\n".to_vec(),
            b"PROXY TCP4  192.0.2.1 127.0.0.1 567 443\r\n".to_vec(),
            too_long.into_bytes(),
            long_rest,
            version_2_header(0x11, 0x11, &V4),
            version_2_header(0x22, 0x11, &V4),
            version_2_header(0x21, 0x12, &V4),
            version_2_header(0x21, 0x11, &V4[..11]),
            version_2_header(0x21, 0x21, &V4),
            version_2_header(0x21, 0x31, &[0; 215]),
        ] {
            let refused = parse(&header).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidData, "{header:?}: {refused}");
        }
    }

    #[test]
    fn half_a_header_is_no_header() {
        for header in
            [b"PROXY TCP4 192.0.2.1 127.0.0.1 567 443\r\n".to_vec(), version_2_header(0x21, 0x11, &V4)]
        {
            for half in 0..header.len() {
                assert!(parse(&header[..half]).is_err(), "{half} of {header:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_stumble(
            begin in prop::sample::select(vec![&b""[..], b"PROXY ", b"PROXY TCP4 ", &SIGNATURE]),
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let said = [begin, &bytes].concat();
            if let Ok((_, left)) = parse(&said) {
                prop_assert!(left < said.len());
            }
        }

        #[test]
        fn every_address_is_read_back(v4: Ipv4Addr, v6: Ipv6Addr, port: u16) {
            let line = |family, address: IpAddr| {
                format!("PROXY {family} {address} {address} {port} {port}\r\n").into_bytes()
            };
            let binary = |family, address: &[u8]| {
                let ports = port.to_be_bytes();
                version_2_header(0x21, family, &[address, address, &ports, &ports].concat())
            };
            for (header, address) in [
                (line("TCP4", v4.into()), IpAddr::V4(v4)),
                (line("TCP6", v6.into()), IpAddr::V6(v6)),
                (binary(0x11, &v4.octets()), IpAddr::V4(v4)),
                (binary(0x21, &v6.octets()), IpAddr::V6(v6)),
            ] {
                let client = ClientAddress::new(address).to_string();
                prop_assert_eq!(parse(&header).unwrap(), (Some(client), 0));
            }
        }
    }
}
