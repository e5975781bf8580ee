//! What a client offers in its first message (RFC 8446 section 4.1.2), for the record alone.
//!
//! The TLS library reads the message for itself, and tells nobody what was in one that it refuses. Nothing is
//! decided by what is read here: it ends where the bytes do, or make no sense.

use crate::flows::nodes::Offer;

/// How many of each are named.
const NAMED: usize = 8;

/// Reads what can be read of the first bytes that came.
pub fn read(first: &[u8]) -> Offer {
    let mut offer = Offer::default();
    read_into(&mut offer, first).unwrap_or_default();
    offer
}

/// `None` where the bytes end.
fn read_into(offer: &mut Offer, first: &[u8]) -> Option<()> {
    let mut rest = Bytes(first);
    // A record of a handshake: type, version, length; a message: type, length.
    if rest.take(1)? != [0x16] || rest.take(4)?.first() != Some(&3) || rest.take(4)?.first() != Some(&1) {
        return None;
    }
    let legacy = version(rest.take(2)?)?;
    offer.versions = vec![legacy];
    rest.take(32)?;
    rest.short()?;
    rest.long()?;
    rest.short()?;
    rest.take(2)?;
    while let Some((number, content)) = rest.take(2).and_then(|number| Some((number, rest.partly_long()?))) {
        match number {
            [0, 0] => offer.server_name = server_name(content),
            [0, 16] => offer.alpn = alpn(content),
            [0, 43] => offer.versions = versions(content),
            _ => {}
        }
    }
    Some(())
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A field whose length is one byte.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = *self.take(1)?.first()?;
        self.take(length.into())
    }

    /// A field whose length is two bytes.
    fn long(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        self.take(length.into())
    }

    /// As [`long`](Self::long), and what there is of it where the bytes end before.
    fn partly_long(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        self.take(usize::from(length).min(self.0.len()))
    }
}

fn version(bytes: &[u8]) -> Option<String> {
    Some(match bytes {
        [3, 0] => "SSL 3.0".into(),
        [3, minor @ 1..=4] => format!("1.{}", minor - 1),
        // Values that mean nothing, so that nobody relies on knowing all (RFC 8701).
        [one, other] if one == other && one & 0x0f == 0x0a => return None,
        [one, other] => format!("0x{one:02x}{other:02x}"),
        _ => return None,
    })
}

fn versions(content: &[u8]) -> Vec<String> {
    let listed = Bytes(content).short().unwrap_or_default();
    let mut versions: Vec<String> = listed.chunks_exact(2).filter_map(version).take(NAMED).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions
}

/// RFC 6066 section 3.
fn server_name(content: &[u8]) -> Option<String> {
    let mut names = Bytes(Bytes(content).long()?);
    (names.take(1)? == [0]).then(|| names.long().map(readable))?
}

/// RFC 7301 section 3.1.
fn alpn(content: &[u8]) -> Vec<String> {
    let mut protocols = Bytes(Bytes(content).long().unwrap_or_default());
    std::iter::from_fn(|| protocols.short().map(readable)).take(NAMED).collect()
}

/// Strangers choose it: letters that can be seen, and not too many.
fn readable(bytes: &[u8]) -> String {
    let text: String = bytes.iter().take(128).copied().map(char::from).collect();
    text.chars().map(|letter| if letter.is_ascii_graphic() { letter } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    /// What the TLS library itself sends first.
    fn hello(versions: &[&'static rustls::SupportedProtocolVersion]) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = "node.example.org".try_into().unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_a_client_offers_is_read() {
        let offer = read(&hello(&[&rustls::version::TLS13, &rustls::version::TLS12]));
        assert_eq!(offer.versions, ["1.3", "1.2"]);
        assert_eq!(offer.server_name.as_deref(), Some("node.example.org"));
        assert_eq!(offer.alpn, ["h2", "http/1.1"]);
        assert_eq!(read(&hello(&[&rustls::version::TLS12])).versions, ["1.2"]);
    }

    #[test]
    fn a_client_that_is_too_old_is_seen_to_be() {
        let mut old = hello(&[&rustls::version::TLS12]);
        // The version that clients before TLS 1.3 offer; theirs have no extension that says more.
        old[10] = 2;
        assert_eq!(read(&old[..60]).versions, ["1.1"]);
        assert_eq!(read(b"GET / HTTP/1.1\r\n"), Offer::default());
        assert_eq!(read(b""), Offer::default());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..300, at in 0_usize..300, with: u8) {
            read(&bytes);
            bytes.splice(..0, [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]);
            read(&bytes);
            let mut real = hello(&[&rustls::version::TLS13]);
            if let Some(byte) = real.get_mut(at) { *byte = with; }
            read(&real[..cut.min(real.len())]);
        }
    }
}
