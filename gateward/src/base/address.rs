//! Where a caller comes from, and the block of addresses that counts as one caller.

use std::net::{IpAddr, Ipv6Addr};

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
}
