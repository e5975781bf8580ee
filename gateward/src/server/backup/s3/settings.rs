//! Where an object store is, and who asks, from what the operator wrote.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::signature::Credentials;
use crate::base::secret::Secret;
use crate::config::S3;
use crate::server::{boot, trust};

/// Why an object store cannot be asked: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    /// A file cannot be read, or can be read by everybody.
    #[error(transparent)]
    File(#[from] boot::Error),
    /// There is something else in the file of the credentials.
    #[error("{path} holds no credentials: the key's id in the first line, its secret in the second, no more", path = .0.display())]
    Credentials(PathBuf),
    /// The address cannot be one.
    #[error("{text:?} is no address of an object store: {why}")]
    Endpoint {
        /// As it was written; without a login.
        text: String,
        /// What would be right.
        why: &'static str,
    },
    /// A name cannot be one.
    #[error("{text:?} is no {what} of an object store: {why}")]
    Name {
        /// Of what.
        what: &'static str,
        /// As it was written.
        text: String,
        /// What would be right.
        why: &'static str,
    },
    /// Whom to believe is not known.
    #[error(transparent)]
    Trust(#[from] trust::Error),
    /// The system has no room for what waits for answers.
    #[error("preparing to wait for answers: {0}")]
    System(std::io::Error),
}

/// Where the objects are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) is_https: bool,
    /// The host, with its port where it is not the usual one: as a client says it in `Host`.
    pub(super) authority: String,
    pub(super) bucket: String,
    /// Without a slash at either end.
    pub(super) prefix: String,
    pub(super) region: String,
}

impl Address {
    /// Reads what the operator wrote.
    ///
    /// # Errors
    ///
    /// [`Unready::Endpoint`], [`Unready::Name`].
    pub(super) fn new(s3: &S3) -> Result<Self, Unready> {
        let (is_https, authority) = endpoint(&s3.endpoint)?;
        let wrong = |what, text: &str, why| Err(Unready::Name { what, text: text.to_owned(), why });
        // AWS' own rules ("Bucket naming rules"), and the letters that other servers allow besides.
        let in_bucket = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !(3..=63).contains(&s3.bucket.len())
            || !s3.bucket.bytes().all(in_bucket)
            || s3.bucket.contains("..")
        {
            return wrong("bucket", &s3.bucket, "3 to 63 letters, digits, '-', '.', '_'");
        }
        let prefix = s3.prefix.trim_matches('/');
        let is_plain = |segment: &str| {
            !segment.is_empty()
                && !matches!(segment, "." | "..")
                && segment.chars().all(|letter| letter.is_alphanumeric() || " -_.+=@:~".contains(letter))
        };
        if prefix.len() > 512 || !prefix.is_empty() && !prefix.split('/').all(is_plain) {
            return wrong("prefix", &s3.prefix, "names with '/' between them, at most 512 bytes");
        }
        let in_region = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=64).contains(&s3.region.len()) || !s3.region.bytes().all(in_region) {
            return wrong("region", &s3.region, "as the server calls it: letters, digits, '-', '_'");
        }
        let (bucket, prefix, region) = (s3.bucket.clone(), prefix.to_owned(), s3.region.clone());
        Ok(Self { is_https, authority, bucket, prefix, region })
    }

    /// The host alone, without the brackets of an IPv6 address.
    pub(super) fn host(&self) -> &str {
        let host = match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => &self.authority,
        };
        host.trim_matches(['[', ']'])
    }

    /// Names the place: no two are one, though their buckets have one name.
    pub(super) fn place(&self) -> String {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        format!("s3://{}{slash}{} at {}", self.bucket, self.prefix, self.authority)
    }
}

fn endpoint(text: &str) -> Result<(bool, String), Unready> {
    let wrong = |why| Unready::Endpoint { text: text.chars().take(200).collect(), why };
    if text.contains('@') {
        // Nobody reads a password in an error.
        let text = "(with a login)".to_owned();
        return Err(Unready::Endpoint { text, why: "the credentials stand in a file of their own" });
    }
    let uri: http::Uri = text.trim_end_matches('/').parse().map_err(|_| wrong("no URL"))?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong("https://host, with the port where it has one"));
    };
    if authority.host().is_empty() || uri.path() != "/" || uri.query().is_some() || text.contains('#') {
        return Err(wrong("https://host, with the port where it has one, and nothing after it"));
    }
    let is_https = scheme == "https";
    let host = authority.host().trim_matches(['[', ']']);
    let stays_here = host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback());
    if !is_https && !stays_here {
        return Err(wrong("https, so that nobody on the way can change anything; http only to this machine"));
    }
    let usual = if is_https { 443 } else { 80 };
    let port = authority.port_u16().filter(|port| *port != usual);
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Ok((is_https, format!("{}{port}", authority.host())))
}

/// Reads the file of the credentials.
///
/// # Errors
///
/// [`Unready::File`], [`Unready::Credentials`].
pub(super) fn credentials(path: &Path) -> Result<Credentials, Unready> {
    let text = boot::secret_text("credentials", path)?;
    let mut lines = text.expose().trim_end().lines().map(str::trim);
    let is_word = |word: &&str| (1..=256).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_graphic());
    // What separates the parts of a signature cannot stand in an id.
    let id = lines.next().filter(is_word).filter(|id| !id.contains(['/', ',', '=']));
    match (id, lines.next().filter(is_word), lines.next()) {
        (Some(id), Some(secret), None) => {
            Ok(Credentials { id: id.to_owned(), secret: Secret::new(secret.to_owned()) })
        }
        _ => Err(Unready::Credentials(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn address(endpoint: &str, bucket: &str, prefix: &str) -> Result<Address, Unready> {
        let (endpoint, bucket, prefix) = (endpoint.into(), bucket.into(), prefix.into());
        let (region, credentials) = ("us-east-1".into(), "c".into());
        Address::new(&S3 { endpoint, bucket, prefix, region, credentials, ca: None })
    }

    #[test]
    fn an_address_is_a_host_and_nothing_after_it() {
        for (text, authority, host) in [
            ("https://s3.example.org", "s3.example.org", "s3.example.org"),
            ("https://s3.example.org:443/", "s3.example.org", "s3.example.org"),
            ("https://s3.example.org:9000", "s3.example.org:9000", "s3.example.org"),
            ("http://127.0.0.1:80", "127.0.0.1", "127.0.0.1"),
            ("http://[::1]:9000", "[::1]:9000", "::1"),
            ("https://[2001:db8::1]", "[2001:db8::1]", "2001:db8::1"),
        ] {
            let address = address(text, "bucket", "").unwrap();
            assert_eq!((address.authority.as_str(), address.host()), (authority, host), "{text}");
        }
        for bad in [
            "http://s3.example.org",
            "s3.example.org",
            "https://s3.example.org/bucket",
            "https://s3.example.org?x",
            "ftp://s3.example.org",
            "https://",
            "",
        ] {
            assert!(address(bad, "bucket", "").is_err(), "{bad}");
        }
        let refused = address("https://ann:opensesame@s3.example.org", "bucket", "").unwrap_err().to_string();
        assert!(!refused.contains("opensesame"), "{refused}");
    }

    #[test]
    fn a_bucket_and_a_prefix_are_names() {
        let of = |bucket, prefix| address("https://a", bucket, prefix);
        assert_eq!(of("dcor-backup", "/a/b 1/").unwrap().place(), "s3://dcor-backup/a/b 1 at a");
        assert_eq!(of("dcor-backup", "").unwrap().place(), "s3://dcor-backup at a");
        for (bucket, prefix) in
            [("a", ""), ("a/b", ""), ("a..b", ""), ("abc", "a//b"), ("abc", "../b"), ("abc", "a\n")]
        {
            assert!(of(bucket, prefix).is_err(), "{bucket} {prefix:?}");
        }
    }

    #[test]
    fn buckets_of_one_name_on_two_servers_are_two_places() {
        let at = |endpoint| address(endpoint, "dcor-backup", "machine").unwrap().place();
        assert_ne!(at("https://one.example.org"), at("https://two.example.org"));
        assert_ne!(at("https://one.example.org"), at("https://one.example.org:9000"));
        assert_eq!(at("https://one.example.org"), at("https://one.example.org:443/"));
    }

    #[test]
    fn credentials_are_two_lines_that_not_everybody_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        let lay = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            credentials(&path)
        };
        let read = lay("AKIA1\r\nopen/sesame+=\n", 0o640).unwrap();
        assert_eq!((read.id.as_str(), read.secret.expose()), ("AKIA1", "open/sesame+="));
        assert!(!format!("{read:?}").contains("sesame"));
        let refused = lay("AKIA1\nopensesame\n", 0o644).unwrap_err().to_string();
        assert!(refused.contains("chmod"), "{refused}");
        for bad in [
            "",
            "AKIA1\n",
            "AKIA1\nopensesame\nmore\n",
            "\nopensesame\n",
            "AK IA\nopensesame",
            "A=1\nopensesame",
        ] {
            let refused = lay(bad, 0o600).unwrap_err().to_string();
            assert!(refused.contains("first line") && !refused.contains("opensesame"), "{refused}");
        }
    }
}
