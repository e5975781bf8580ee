//! Where a caller comes from, and the block of addresses that counts as one caller.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

/// The address of the client: the peer's own, or the one that a trusted proxy named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Takes an address; an IPv4 address that came in through an IPv6 socket counts as IPv4.
    pub fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// Returns the address.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// Returns the block that limits count by.
    pub fn block(self) -> AddressBlock {
        match self.0 {
            v4 @ IpAddr::V4(_) => AddressBlock(v4),
            IpAddr::V6(v6) => {
                let mut bytes = v6.octets();
                bytes[8..].fill(0);
                AddressBlock(IpAddr::V6(Ipv6Addr::from(bytes)))
            }
        }
    }

    /// Returns the range that a key is bound to, which is larger: people move within a house.
    pub fn range(self) -> AddressRange {
        match self.0 {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                AddressRange(IpAddr::V4([a, b, c, 0].into()))
            }
            IpAddr::V6(v6) => {
                let mut bytes = v6.octets();
                bytes[6..].fill(0);
                AddressRange(IpAddr::V6(bytes.into()))
            }
        }
    }
}

impl std::fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One IPv4 address, or one IPv6 /64: what one subscriber usually has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressBlock(IpAddr);

impl std::fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

/// An IPv4 /24 or an IPv6 /48: what a house usually has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange(IpAddr);

/// Says that a text is no range of addresses.
#[derive(Debug, thiserror::Error)]
#[error("this is no IPv4 /24 and no IPv6 /48")]
pub struct NotARange;

impl std::fmt::Display for AddressRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bits = if self.0.is_ipv4() { 24 } else { 48 };
        write!(f, "{}/{bits}", self.0)
    }
}

impl std::str::FromStr for AddressRange {
    type Err = NotARange;

    fn from_str(text: &str) -> Result<Self, NotARange> {
        let address = text.split_once('/').and_then(|(address, _)| address.parse().ok()).ok_or(NotARange)?;
        let range = ClientAddress::new(address).range();
        if range.to_string() == text { Ok(range) } else { Err(NotARange) }
    }
}

/// Reads one address or one network; an IPv4 address written as IPv6 counts as IPv4.
pub fn address_network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>()).ok()?;
    Some(match network {
        // 96 bits say that the rest is an IPv4 address (RFC 4291 section 2.5.5.2).
        IpNet::V6(v6) if v6.prefix_len() >= 96 => v6
            .addr()
            .to_ipv4_mapped()
            .and_then(|v4| Ipv4Net::new(v4, v6.prefix_len() - 96).ok())
            .map_or(network, IpNet::V4),
        _ => network,
    })
}

/// Networks of addresses that may come; none named, all may.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Whence(Vec<IpNet>);

impl Whence {
    /// Tells whether whoever comes from `address` may.
    pub fn allows(&self, address: ClientAddress) -> bool {
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&address.ip()))
    }

    /// As they are written.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl TryFrom<Vec<String>> for Whence {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        let read = |text: &String| {
            address_network(text)
                .ok_or_else(|| format!("{text:?} is nowhere: an address, or a network as in 10.10.0.0/16"))
        };
        texts.iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_cannot_dodge_a_limit_with_another_address_of_the_same_64() {
        let block = |text: &str| ClientAddress::new(text.parse().unwrap()).block();
        assert_eq!(block("2001:db8::1"), block("2001:db8::ffff:1"));
        assert_ne!(block("2001:db8::1"), block("2001:db8:0:1::1"));
        assert_ne!(block("192.0.2.1"), block("192.0.2.2"));
        assert_eq!(block("::ffff:192.0.2.1"), block("192.0.2.1"));
        assert_eq!(block("2001:db8::1").to_string(), "2001:db8::/64");
    }

    #[test]
    fn a_house_is_one_range_and_its_neighbour_another() {
        let range = |text: &str| ClientAddress::new(text.parse().unwrap()).range();
        assert_eq!(range("192.0.2.1"), range("192.0.2.254"));
        assert_ne!(range("192.0.2.1"), range("192.0.3.1"));
        assert_eq!(range("2001:db8:1::1"), range("2001:db8:1:ffff::1"));
        assert_ne!(range("2001:db8:1::1"), range("2001:db8:2::1"));
        for text in ["192.0.2.0/24", "2001:db8:1::/48"] {
            assert_eq!(text.parse::<AddressRange>().unwrap().to_string(), text);
        }
        for bad in ["192.0.2.1/24", "192.0.2.0/25", "192.0.2.0", "x/24"] {
            assert!(bad.parse::<AddressRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_who_comes_from_a_named_network_may() {
        let from =
            |texts: &[&str]| Whence::try_from(texts.iter().map(|&text| text.into()).collect::<Vec<String>>());
        let may = |whence: &Whence, text: &str| whence.allows(ClientAddress::new(text.parse().unwrap()));
        let inside = from(&["10.10.0.0/16", "::ffff:192.0.2.7", "2001:db8::/32"]).unwrap();
        for good in ["10.10.255.1", "::ffff:10.10.0.1", "192.0.2.7", "2001:db8:1::1"] {
            assert!(may(&inside, good), "{good}");
        }
        for bad in ["10.11.0.1", "192.0.2.8", "2001:db9::1", "127.0.0.1"] {
            assert!(!may(&inside, bad), "{bad}");
        }
        assert!(may(&Whence::default(), "192.0.2.1"));
        assert!(from(&["10.10.0.0/33"]).is_err() && from(&["here"]).is_err());
    }
}
