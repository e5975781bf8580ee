//! Whose request it is: the peer's own, or that of a client behind a proxy that is believed.
//!
//! A proxy is believed about one thing, the address of its client, and in one way: by the PROXY
//! header that opens a connection, or by `X-Forwarded-For` in each request. Everybody else may
//! send either and is not listened to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;

use crate::base::address::ClientAddress;
use crate::base::once::Once;
use crate::config::TrustedProxies;

/// Appended to by each proxy on the way, the nearest last.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Set by a proxy that a client came to over TLS.
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Who connected to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Somebody on this machine who may open our Unix socket, as this user where the system says so.
    Unix(Option<u32>),
    /// Somebody with an address.
    Ip(IpAddr),
}

impl Peer {
    /// Returns the peer's own address; who comes by the Unix socket counts as the loopback address.
    pub fn address(self) -> ClientAddress {
        ClientAddress::new(match self {
            Self::Unix(_) => Ipv4Addr::LOCALHOST.into(),
            Self::Ip(address) => address,
        })
    }

    /// The user that they run as, where they came by our Unix socket.
    pub fn uid(self) -> Option<u32> {
        match self {
            Self::Unix(uid) => uid,
            Self::Ip(_) => None,
        }
    }
}

/// How a connection tells whose requests it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Not at all: they are the peer's own.
    Nothing,
    /// By a PROXY header, once and first of all.
    AtTheStart,
    /// By `X-Forwarded-For` in each request.
    ByEachRequest,
}

/// The proxies of a listener, and how they tell.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    trusted: Arc<TrustedProxies>,
    proxy_protocol: bool,
}

impl Proxies {
    /// Believes `trusted`, by the PROXY protocol or else by `X-Forwarded-For`.
    pub fn new(trusted: TrustedProxies, proxy_protocol: bool) -> Self {
        Self { trusted: Arc::new(trusted), proxy_protocol }
    }

    /// Says how a connection from `peer` tells whose requests it carries.
    pub fn told_by(&self, peer: Peer) -> Told {
        let trusted = match peer {
            Peer::Unix(_) => self.trusted.has_unix(),
            Peer::Ip(_) => self.trusted.has(peer.address().ip()),
        };
        match (trusted, self.proxy_protocol) {
            (false, _) => Told::Nothing,
            (true, true) => Told::AtTheStart,
            (true, false) => Told::ByEachRequest,
        }
    }

    /// Says that the requests of a connection come from whom their `X-Forwarded-For` names, or else
    /// from `peer`.
    pub fn origin(&self, peer: Peer) -> Origin {
        Origin::Proxy(peer.address(), Arc::clone(&self.trusted))
    }
}

/// Where the requests of one connection come from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// All from one client.
    Client(ClientAddress),
    /// From clients of the proxy at this address.
    Proxy(ClientAddress, Arc<TrustedProxies>),
}

impl Origin {
    /// Returns the client's address for a request with these `fields`.
    pub fn address(&self, fields: &HeaderMap) -> ClientAddress {
        match self {
            Self::Client(address) => *address,
            Self::Proxy(proxy, trusted) => behind(*proxy, trusted, fields),
        }
    }

    /// Tells whether a proxy that is believed says that its client came over TLS.
    pub fn says_secure(&self, fields: &HeaderMap) -> bool {
        let said = Once::of(fields, X_FORWARDED_PROTO).one();
        matches!(self, Self::Proxy(..)) && said.is_some_and(|proto| proto == "https")
    }
}

/// Finds who stands behind `proxy`, which is believed.
///
/// Walks back along `X-Forwarded-For`, all its fields in order, while proxies that are believed say
/// who came to them; returns the first address that is none of theirs.
///
/// What is no address ends the walk: whatever stands left of it, nobody who is believed wrote.
pub fn behind(proxy: ClientAddress, trusted: &TrustedProxies, fields: &HeaderMap) -> ClientAddress {
    let mut farthest = proxy;
    let named = fields.get_all(X_FORWARDED_FOR).iter().rev();
    for element in named.flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b',')) {
        let Some(address) = address(element) else { break };
        farthest = address;
        if !trusted.has(address.ip()) {
            break;
        }
    }
    farthest
}

/// Reads an address, also with a port or in brackets.
fn address(element: &[u8]) -> Option<ClientAddress> {
    let text = std::str::from_utf8(element).ok()?.trim_matches([' ', '\t']);
    let bracketed = || text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
        .or_else(|| bracketed().and_then(|text| text.parse().ok()).map(IpAddr::V6))?;
    Some(ClientAddress::new(address))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn trusted(texts: &[&str]) -> TrustedProxies {
        texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>().try_into().unwrap()
    }

    /// Whose request it is that came by the Unix socket with these fields.
    #[track_caller]
    fn client(proxies: &[&str], fields: &[&str]) -> String {
        let mut head = HeaderMap::new();
        for field in fields {
            head.append(X_FORWARDED_FOR, HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        Proxies::new(trusted(proxies), false).origin(Peer::Unix(None)).address(&head).to_string()
    }

    #[test]
    fn what_a_client_wrote_itself_is_not_believed() {
        assert_eq!(client(&["unix"], &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(client(&["unix"], &["203.0.113.9, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(client(&["unix"], &["203.0.113.9", "192.0.2.1"]), "192.0.2.1");
        assert_eq!(client(&["unix", "10.0.0.0/8"], &["203.0.113.9, 192.0.2.1, 10.1.1.1"]), "192.0.2.1");
        assert_eq!(
            client(&["unix", "10.0.0.0/8"], &["10.9.9.9, 192.0.2.1", "10.1.1.1,10.1.1.2"]),
            "192.0.2.1"
        );
    }

    #[test]
    fn behind_trusted_proxies_alone_the_leftmost_of_them_asked() {
        assert_eq!(client(&["unix", "10.0.0.0/8"], &["10.1.1.1, 10.1.1.2"]), "10.1.1.1");
    }

    #[test]
    fn what_is_no_address_ends_the_walk_at_the_last_trusted_proxy() {
        let ends =
            ["unknown", "", "unix:", "192.0.2", "192.0.2.1:", "192.0.2.1:70000", "[192.0.2.1]", "_x", "é"];
        for end in ends {
            assert_eq!(client(&["unix"], &[&format!("203.0.113.9, {end}")]), "127.0.0.1", "{end:?}");
            let after_one = format!("203.0.113.9, {end}, 10.1.1.1");
            assert_eq!(client(&["unix", "10.0.0.0/8"], &[&after_one]), "10.1.1.1", "{end:?}");
        }
    }

    #[test]
    fn without_the_field_the_proxy_itself_asked() {
        assert_eq!(client(&["unix"], &[]), "127.0.0.1");
    }

    #[test]
    fn an_address_is_read_in_every_form_that_proxies_write() {
        for (text, meant) in [
            ("192.0.2.1", "192.0.2.1"),
            (" \t192.0.2.1 ", "192.0.2.1"),
            ("192.0.2.1:567", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:567", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(client(&["unix"], &[text]), meant, "{text:?}");
        }
    }

    #[test]
    fn only_who_is_trusted_is_asked_whose_connection_it_is() {
        let inside = Peer::Ip("10.0.0.1".parse().unwrap());
        let mapped = Peer::Ip("::ffff:10.0.0.1".parse().unwrap());
        let outside = Peer::Ip("192.0.2.1".parse().unwrap());
        for (proxy_protocol, asked) in [(false, Told::ByEachRequest), (true, Told::AtTheStart)] {
            let networks = Proxies::new(trusted(&["10.0.0.0/8", "127.0.0.1"]), proxy_protocol);
            for (peer, told) in [
                (inside, asked),
                (mapped, asked),
                (outside, Told::Nothing),
                (Peer::Unix(None), Told::Nothing),
            ] {
                assert_eq!(networks.told_by(peer), told, "{peer:?}");
            }
            let unix = Proxies::new(trusted(&["unix"]), proxy_protocol);
            assert_eq!((unix.told_by(Peer::Unix(None)), unix.told_by(inside)), (asked, Told::Nothing));
        }
        assert_eq!(Proxies::default().told_by(inside), Told::Nothing);
    }
}
