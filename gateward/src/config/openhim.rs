//! The OpenHIM that we are a mediator of.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::upstream::UpstreamUrl;

/// Where it is, how we log in there, and as what it knows us.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenHim {
    /// Its API: `https://host:8080`, or `http://` on this machine.
    pub api: UpstreamUrl,
    /// The certificates that the API's own must lead to or be, PEM; the system's unless named.
    pub ca: Option<PathBuf>,
    /// A user of it who is an administrator: nobody else may register a mediator.
    pub username: String,
    /// The file with their password: its first line.
    pub password_file: PathBuf,
    /// What it knows us by, for good.
    pub urn: String,
    /// What it shows us as.
    #[serde(default = "default_name")]
    pub name: String,
    /// Where it reaches us: `https://host`, with a port where it is not 443.
    pub endpoint: UpstreamUrl,
}

fn default_name() -> String {
    "gateward".into()
}

impl OpenHim {
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.api.is_unread() {
            return Err(
                "api of [openhim] is https, since a password travels there; http only to this machine".into(),
            );
        }
        if self.ca.is_some() && !self.api.is_https() {
            return Err("ca of [openhim] belongs to an api that is https".into());
        }
        if self.username.is_empty()
            || self.username.contains(|letter: char| letter == ':' || letter.is_control())
        {
            return Err(
                "username of [openhim] is neither empty nor has it a colon (RFC 7617 section 2)".into()
            );
        }
        if !is_urn(&self.urn) {
            return Err(format!("{:?} is no urn: urn:mediator:gateward, or the like", self.urn));
        }
        if self.endpoint.path().is_some() {
            return Err("endpoint of [openhim] has no path: the services have theirs".into());
        }
        Ok(())
    }

    pub(super) fn anchor(&mut self, folder: &Path) {
        for path in [Some(&mut self.password_file), self.ca.as_mut()].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }
}

/// RFC 8141 section 2, of its letters those that mean nothing else in the path of a URL.
fn is_urn(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    parts.next().is_some_and(|urn| urn.eq_ignore_ascii_case("urn"))
        && parts.next().is_some_and(|space| (2..=32).contains(&space.len()))
        && parts.next().is_some_and(|name| !name.is_empty())
        && text.len() <= 255
        && text.bytes().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "api = \"https://openhim:8080\"\nusername = \"root@openhim.org\"\npassword_file = \"p\"\n\
        urn = \"urn:mediator:gateward\"\nendpoint = \"https://cr.example.org\"\n";

    fn refusal(text: &str) -> String {
        match toml::from_str::<OpenHim>(text) {
            Ok(openhim) => openhim.check().err().unwrap_or_default(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn an_openhim_is_refused_where_its_password_would_travel_for_all_to_read() {
        assert_eq!(refusal(GOOD), "");
        assert_eq!(refusal(&GOOD.replace("https://openhim", "http://127.0.0.1")), "");
        assert!(refusal(&GOOD.replace("https://openhim", "http://openhim")).contains("https"));
    }

    #[test]
    fn what_openhim_could_not_take_is_refused_with_the_reason() {
        for (right, wrong, why) in [
            ("root@openhim.org", "root:x", "colon"),
            ("urn:mediator:gateward", "gateward", "no urn"),
            ("urn:mediator:gateward", "urn:mediator:a/b", "no urn"),
            ("urn:mediator:gateward", "urn:x:", "no urn"),
            ("https://cr.example.org", "https://cr.example.org/fhir", "no path"),
            ("password_file", "password", "unknown field"),
        ] {
            let refused = refusal(&GOOD.replace(right, wrong));
            assert!(refused.contains(why), "{wrong}: {refused}");
        }
    }
}
