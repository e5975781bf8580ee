//! Which server a certificate makes the stock reader talk to, and whether it will be content with it.

use crate::certificate::ServerCertificate;

/// Why a certificate is not fit for an access token to a host. The host needs another certificate, or
/// the token another host name; with this one, the reader would fail after the token was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The stock reader takes the host from nowhere else.
    #[error("the certificate's subject has no CN of its own, from which the reader takes the server's name")]
    NoCommonName,
    #[error(
        "the certificate's CN {0:?} is not the name of one host, and the reader takes it for the server's name"
    )]
    NotAHost(String),
    #[error("the certificate's CN is {common_name}, not {host}: the reader would talk to {common_name}")]
    OtherHost { common_name: String, host: String },
    /// Where there are alternative names, programs compare with them alone (RFC 9525 section 6).
    #[error(
        "the certificate's CN is {host}, but its alternative names ({}) leave that out, so that programs refuse the server",
        names.join(", ")
    )]
    NotAmongNames { host: String, names: Vec<String> },
}

/// The CN, if it can be a server's name.
pub(crate) fn of(certificate: &ServerCertificate) -> Result<&str, HostError> {
    let common_name = certificate.common_name().ok_or(HostError::NoCommonName)?;
    if is_host(common_name) { Ok(common_name) } else { Err(HostError::NotAHost(common_name.to_owned())) }
}

pub(crate) fn check(certificate: &ServerCertificate, host: &str) -> Result<(), HostError> {
    let common_name = of(certificate)?;
    if !common_name.eq_ignore_ascii_case(host) {
        let common_name = common_name.to_owned();
        return Err(HostError::OtherHost { common_name, host: host.to_owned() });
    }
    let names = certificate.names();
    if !names.is_empty() && !names.iter().any(|name| covers(name, host)) {
        return Err(HostError::NotAmongNames { host: host.to_owned(), names: names.to_vec() });
    }
    Ok(())
}

/// A DNS name (RFC 1123 section 2.1) or an IPv4 address: what stands in a URL without brackets or a port.
fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// RFC 9525 section 6.3: a star stands for one whole label, the leftmost.
fn covers(name: &str, host: &str) -> bool {
    let wild = name.strip_prefix("*.").zip(host.split_once('.'));
    name.eq_ignore_ascii_case(host) || wild.is_some_and(|(name, (_, rest))| name.eq_ignore_ascii_case(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(name: &str) -> ServerCertificate {
        let path = format!("{}/tests/golden/{name}.pem", env!("CARGO_MANIFEST_DIR"));
        ServerCertificate::parse(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn the_cn_is_the_host_whatever_its_case() {
        let server = certificate("server");
        assert_eq!(server.host(), Ok("dcor.example.org"));
        assert_eq!(server.check_host("DCOR.example.org"), Ok(()));
    }

    #[test]
    fn a_cn_unlike_the_host_is_refused_even_if_an_alternative_name_is_like_it() {
        let error = certificate("server").check_host("192.0.2.7").unwrap_err();
        assert!(matches!(error, HostError::OtherHost { .. }), "{error}");
    }

    #[test]
    fn a_certificate_without_cn_is_refused() {
        assert_eq!(certificate("no-cn").check_host("dcor.example.org"), Err(HostError::NoCommonName));
    }

    #[test]
    fn a_cn_behind_a_part_with_two_attributes_is_none_as_the_stock_reader_stops_there() {
        assert_eq!(certificate("multi-valued").host(), Err(HostError::NoCommonName));
    }

    #[test]
    fn a_wildcard_is_no_host() {
        let error = certificate("wildcard").check_host("dcor.example.org").unwrap_err();
        assert_eq!(error, HostError::NotAHost("*.example.org".to_owned()));
    }

    #[test]
    fn alternative_names_that_leave_the_host_out_are_refused() {
        let error = certificate("other-names").check_host("dcor.example.org").unwrap_err();
        assert!(matches!(error, HostError::NotAmongNames { .. }), "{error}");
        assert_eq!(certificate("wild-names").check_host("dcor.example.org"), Ok(()));
        assert_eq!(
            certificate("other").check_host("dcor.example.net"),
            Ok(()),
            "no alternative names at all"
        );
    }

    #[test]
    fn what_cannot_stand_in_a_url_is_no_host() {
        for good in ["localhost", "a-b.example.org", "192.0.2.7"] {
            assert!(is_host(good), "{good}");
        }
        for bad in
            ["", "a..b", "-a.org", "a b", "localhost:5000", "::1", "dcor_x", "a.", "m\u{fc}nchen.de", "a\0b"]
        {
            assert!(!is_host(bad), "{bad:?}");
        }
    }
}
