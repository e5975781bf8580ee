//! The name of a host that services are for.

/// Says why a name is none.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no host: a name or an address, without a port")]
pub struct NotAHost(String);

/// A host's name, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

impl HostName {
    /// Tells whether `authority`, as a request names it, is this host on whatever port.
    pub fn is_named_by(&self, authority: &str) -> bool {
        // An IPv6 address has colons of its own, within brackets.
        let end = match authority.rfind(']') {
            Some(bracket) => bracket + 1,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        // A name may end with the root's dot (RFC 1034 section 3.1).
        let host = &authority[..end];
        host.strip_suffix('.').unwrap_or(host).eq_ignore_ascii_case(&self.0)
    }
}

impl TryFrom<String> for HostName {
    type Error = NotAHost;

    fn try_from(text: String) -> Result<Self, NotAHost> {
        let has_port = !text.starts_with('[') && text.contains(':') || text.contains("]:");
        if !http_framing::is_authority(text.as_bytes()) || has_port || text.ends_with('.') {
            return Err(NotAHost(text));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl From<HostName> for String {
    fn from(host: HostName) -> Self {
        host.0
    }
}

impl std::fmt::Display for HostName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_same_in_any_case_and_on_any_port() {
        let host = HostName::try_from("CR.example.org".to_owned()).unwrap();
        for same in ["cr.example.org", "CR.Example.ORG:8443", "cr.example.org."] {
            assert!(host.is_named_by(same), "{same}");
        }
        for another in ["example.org", "cr.example.org.evil", "xcr.example.org", ""] {
            assert!(!host.is_named_by(another), "{another}");
        }
        assert!(HostName::try_from("[::1]".to_owned()).unwrap().is_named_by("[::1]:443"));
    }

    #[test]
    fn what_is_no_plain_host_is_refused() {
        for bad in ["", "a:80", "[::1]:80", "https://a", "a/b", "a b", "a.", "*.example.org"] {
            assert!(HostName::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
