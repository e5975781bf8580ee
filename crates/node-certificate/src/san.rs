//! Alternative names of a subject (RFC 5280 section 4.2.1.6): one line each.

use core::net::IpAddr;
use std::fmt;
use std::str::FromStr;

use x509_parser::extensions::GeneralName;

/// One alternative name of a certificate, in a form that can be compared.
///
/// A wildcard is a name like any other here: `*.example.org` means only a certificate that says so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum San {
    /// A host name, in lower case.
    Dns(String),
    /// An address.
    Ip(IpAddr),
    /// A URI, as it is written.
    Uri(String),
    /// A mail address, as it is written.
    Mail(String),
}

/// Why a text is no alternative name. Whoever wrote it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotASan {
    /// It does not say what it is.
    #[error("an alternative name begins with DNS:, IP:, URI: or email:, as in DNS:openhim.example.org")]
    Kind,
    /// It holds what no such name holds.
    #[error("an alternative name has no blanks and control characters, and is not empty")]
    Letters,
    /// It is no address.
    #[error("what follows IP: is no address")]
    Address,
}

impl San {
    /// Kinds that nobody registers (directory names, other names) are passed over.
    pub(crate) fn of(name: &GeneralName<'_>) -> Option<Self> {
        let text = |text: &str| fits(text).then(|| text.to_owned());
        match name {
            GeneralName::DNSName(name) => text(name).map(|name| Self::Dns(name.to_ascii_lowercase())),
            GeneralName::URI(uri) => text(uri).map(Self::Uri),
            GeneralName::RFC822Name(mail) => text(mail).map(Self::Mail),
            GeneralName::IPAddress(bytes) => match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| Self::Ip(bytes.into())),
                16 => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| Self::Ip(bytes.into())),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Such names are ASCII (RFC 5280 section 4.2.1.6: IA5String).
fn fits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// As OpenSSL writes them.
impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Ip(address) => write!(f, "IP:{address}"),
            Self::Uri(uri) => write!(f, "URI:{uri}"),
            Self::Mail(mail) => write!(f, "email:{mail}"),
        }
    }
}

impl FromStr for San {
    type Err = NotASan;

    fn from_str(text: &str) -> Result<Self, NotASan> {
        let (kind, name) = text.trim().split_once(':').ok_or(NotASan::Kind)?;
        let made = match kind.to_ascii_lowercase().as_str() {
            "dns" => Self::Dns(name.to_ascii_lowercase()),
            // OpenSSL prints `IP Address:` and takes `IP:`.
            "ip" | "ip address" => return name.parse().map(Self::Ip).map_err(|_| NotASan::Address),
            "uri" => Self::Uri(name.to_owned()),
            "email" | "mail" => Self::Mail(name.to_owned()),
            _ => return Err(NotASan::Kind),
        };
        if fits(name) { Ok(made) } else { Err(NotASan::Letters) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_again() {
        for text in
            ["DNS:a.example.org", "IP:192.0.2.7", "IP:2001:db8::1", "URI:urn:x:1?a=b", "email:a@example.org"]
        {
            assert_eq!(text.parse::<San>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn host_names_are_one_in_any_case_and_addresses_in_any_spelling() {
        assert_eq!("dns:A.Example.ORG".parse::<San>(), "DNS:a.example.org".parse());
        assert_eq!("IP:2001:DB8:0::1".parse::<San>(), "IP Address:2001:db8::1".parse());
    }

    #[test]
    fn what_is_no_alternative_name_is_refused_with_the_reason() {
        assert_eq!("a.example.org".parse::<San>(), Err(NotASan::Kind));
        assert_eq!("CN:a".parse::<San>(), Err(NotASan::Kind));
        assert_eq!("DNS:".parse::<San>(), Err(NotASan::Letters));
        assert_eq!("DNS:a\u{1b}b".parse::<San>(), Err(NotASan::Letters));
        assert_eq!("IP:300.1.1.1".parse::<San>(), Err(NotASan::Address));
    }
}
