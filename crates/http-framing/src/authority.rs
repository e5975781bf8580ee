//! A host with an optional port, as `Host` and absolute URLs have it.

/// Longest host name that is taken, in bytes (RFC 1035 section 2.3.4), and room for a port.
const LONGEST: usize = 255 + 6;

/// Tells whether `text` is a host with an optional port, in the spelling that every parser knows.
///
/// RFC 3986 section 3.2.2 allows more in a name (percent-encoding, `;`, `=`); no host has it, and
/// routers disagree on it. User information is refused with it.
pub fn is_authority(text: &[u8]) -> bool {
    if text.len() > LONGEST {
        return false;
    }
    let (host_is_good, port) = if let Some(bracketed) = text.strip_prefix(b"[") {
        let Some(end) = memchr::memchr(b']', bracketed) else { return false };
        (is_ipv6(&bracketed[..end]), &bracketed[end + 1..])
    } else {
        let end = memchr::memchr(b':', text).unwrap_or(text.len());
        (is_name(&text[..end]), &text[end..])
    };
    host_is_good && (port.is_empty() || is_port(port))
}

fn is_name(host: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !host.is_empty() && host.iter().all(letter) && !host.starts_with(b".")
}

fn is_ipv6(address: &[u8]) -> bool {
    std::str::from_utf8(address).is_ok_and(|text| text.parse::<core::net::Ipv6Addr>().is_ok())
}

/// A colon and one to five digits.
fn is_port(text: &[u8]) -> bool {
    text.strip_prefix(b":")
        .is_some_and(|digits| (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_spelling_or_is_none() {
        for good in ["a", "cr.example.org", "cr.example.org.", "127.0.0.1:8080", "[::1]", "[2001:db8::1]:443"]
        {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        let long = "a".repeat(300);
        for bad in [
            "", ":80", "a:", "a:x", "a:123456", "a b", "user@a", "a,b", "a/b", "[::1", "[::1]x", "[x]", "[]",
            "%61", ".a", "a:80:80", "::1", "a\tb", "ä", &long,
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }
}
