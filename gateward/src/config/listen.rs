//! Where the public listener listens, and which proxies in front of it are believed.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

use crate::base::address::address_network;

/// Where a listener listens: `IP:PORT`, or `unix:PATH`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Listen {
    /// An address and a port; port 0 is any free one.
    Address(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no place to listen: IP:PORT, as in 0.0.0.0:443, or unix:PATH");
        match text.strip_prefix("unix:") {
            Some("") => Err(wrong()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Address).map_err(|_| wrong()),
        }
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The proxies that are believed about the address of their clients, and about nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct TrustedProxies {
    unix: bool,
    networks: Vec<IpNet>,
}

impl TryFrom<Vec<String>> for TrustedProxies {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        let mut proxies = Self::default();
        for text in texts {
            if text == "unix" {
                proxies.unix = true;
            } else {
                proxies.networks.push(network(&text)?);
            }
        }
        Ok(proxies)
    }
}

/// Reads one address or one network that is believed.
fn network(text: &str) -> Result<IpNet, String> {
    let network = address_network(text).ok_or_else(|| {
        format!("{text:?} is no proxy: \"unix\", an address, or a network as in 10.1.0.0/16")
    })?;
    if network.prefix_len() == 0 {
        return Err(format!("{text:?} is everybody: name the proxies, or anybody could name any address"));
    }
    Ok(network)
}

impl TrustedProxies {
    /// Whether whoever connects to our Unix socket is one of them.
    pub fn has_unix(&self) -> bool {
        self.unix
    }

    /// Whether `address` is one of them.
    pub fn has(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// As they are written in the file.
    pub(super) fn texts(&self) -> Vec<String> {
        let unix = self.unix.then(|| "unix".to_owned());
        unix.into_iter().chain(self.networks.iter().map(ToString::to_string)).collect()
    }

    /// Whether nobody is believed.
    pub fn is_empty(&self) -> bool {
        !self.unix && self.networks.is_empty()
    }
}

/// Says what makes no sense, or would carry passwords through a network in the clear.
pub(super) fn check(
    listen: &Listen,
    has_tls: bool,
    proxies: &TrustedProxies,
    proxy_protocol: bool,
) -> Result<(), String> {
    let can_arrive = match listen {
        Listen::Unix(_) if has_tls => {
            return Err(format!(
                "{listen} stands behind somebody else's TLS and speaks plain HTTP: take tls out, or listen on IP:PORT"
            ));
        }
        Listen::Address(address) if !has_tls && !address.ip().to_canonical().is_loopback() => {
            return Err(format!(
                "without tls, {listen} would speak plain HTTP to the network: add tls = {{ certificate = ..., key = ... }}, \
                 or listen on unix:PATH or a loopback address behind somebody else's TLS"
            ));
        }
        Listen::Unix(_) => proxies.unix,
        Listen::Address(_) => !proxies.networks.is_empty(),
    };
    if proxy_protocol && !can_arrive {
        return Err(format!(
            "proxy_protocol needs trusted_proxies to name who connects to {listen}, as in trusted_proxies = [\"{}\"]",
            match listen {
                Listen::Unix(_) => "unix",
                Listen::Address(_) => "127.0.0.1",
            }
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> Listen {
        text.to_owned().try_into().unwrap()
    }

    fn proxies(texts: &[&str]) -> Result<TrustedProxies, String> {
        texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>().try_into()
    }

    #[test]
    fn a_place_to_listen_reads_back_as_it_was_written() {
        for text in ["127.0.0.1:8443", "[::1]:443", "unix:/run/gateward/http.sock", "unix:http.sock"] {
            assert_eq!(listen(text).to_string(), text);
        }
        for bad in ["", "unix:", "localhost:80", "127.0.0.1", "/run/http.sock", "tcp:127.0.0.1:80"] {
            let refused = Listen::try_from(bad.to_owned()).unwrap_err();
            assert!(refused.contains("unix:PATH"), "{bad:?}: {refused}");
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        let nobody = TrustedProxies::default();
        let checked = |text: &str, has_tls| check(&listen(text), has_tls, &nobody, false);
        for inside in ["unix:/x", "127.0.0.1:80", "127.3.2.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            assert_eq!(checked(inside, false), Ok(()), "{inside}");
        }
        for outside in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "[::ffff:10.0.0.1]:80"] {
            let refused = checked(outside, false).unwrap_err();
            assert!(refused.contains("plain HTTP") && refused.contains("add tls"), "{outside}: {refused}");
            assert_eq!(checked(outside, true), Ok(()), "{outside}");
        }
        assert!(checked("unix:/x", true).unwrap_err().contains("take tls out"));
    }

    #[test]
    fn proxies_are_addresses_and_networks_in_one_spelling() {
        let trusted = proxies(&[
            "127.0.0.1",
            "::ffff:192.0.2.1",
            "::ffff:172.16.0.0/108",
            "10.1.2.3/16",
            "2001:db8::/32",
        ])
        .unwrap();
        let has = |text: &str| trusted.has(text.parse().unwrap());
        assert!(
            has("127.0.0.1")
                && has("192.0.2.1")
                && has("172.31.0.1")
                && has("10.1.255.255")
                && has("2001:db8::1")
        );
        assert!(!has("127.0.0.2") && !has("10.2.0.0") && !has("172.32.0.1") && !has("2001:db9::1"));
        assert!(!trusted.has_unix());
        assert!(proxies(&["unix"]).unwrap().has_unix());
    }

    #[test]
    fn a_proxy_that_nobody_could_mean_is_refused() {
        for bad in ["", "Unix", "unix:", "proxy.example.org", "10.0.0.0/33", "127.0.0.1:80"] {
            assert!(proxies(&[bad]).unwrap_err().contains("is no proxy"), "{bad:?}");
        }
        for everybody in ["0.0.0.0/0", "::/0", "10.0.0.0/0", "::ffff:0.0.0.0/96"] {
            assert!(proxies(&[everybody]).unwrap_err().contains("everybody"), "{everybody}");
        }
    }

    #[test]
    fn a_proxy_header_is_expected_only_where_somebody_may_send_one() {
        let checked =
            |text: &str, trusted: &[&str]| check(&listen(text), false, &proxies(trusted).unwrap(), true);
        assert_eq!(checked("unix:/x", &["unix"]), Ok(()));
        assert_eq!(checked("127.0.0.1:80", &["127.0.0.1"]), Ok(()));
        for (place, trusted) in
            [("unix:/x", &["127.0.0.1"][..]), ("127.0.0.1:80", &["unix"]), ("unix:/x", &[])]
        {
            assert!(checked(place, trusted).unwrap_err().contains("trusted_proxies"), "{place} {trusted:?}");
        }
    }
}
