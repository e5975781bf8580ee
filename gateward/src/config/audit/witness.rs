//! Another installation that cosigns our checkpoints, and the logs whose checkpoints are cosigned here.

use std::path::{Path, PathBuf};

use http::Uri;
use serde::{Deserialize, Deserializer, de};
use signed_note::{CosignerKey, VerifierKey};

/// A witness (c2sp.org/tlog-witness), and how it is known that it is the right one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// What `/add-checkpoint` is put behind; without a slash at its end.
    #[serde(rename = "witness", deserialize_with = "base")]
    pub url: String,
    /// The key that its cosignatures are believed by.
    #[serde(deserialize_with = "key")]
    pub key: CosignerKey,
    /// The certificates that its own must lead to or be, PEM; the system's unless named.
    pub ca: Option<PathBuf>,
}

impl Witness {
    pub(super) fn anchor(&mut self, folder: &Path) {
        if let Some(ca) = &mut self.ca {
            *ca = folder.join(&*ca);
        }
    }
}

fn base<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let wrong = || {
        de::Error::custom(format!("{text:?} is no witness: https://HOST/witness, http on this machine alone"))
    };
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host.parse::<std::net::IpAddr>().map_or(host == "localhost", |ip| ip.is_loopback());
    let is_plain = uri.query().is_none() && !text.contains('@');
    match uri.scheme_str() {
        Some("https") if is_plain => {}
        Some("http") if is_plain && is_here => {}
        _ => return Err(wrong()),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn key<'de, D: Deserializer<'de>>(from: D) -> Result<CosignerKey, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(|error| {
        de::Error::custom(format!("{error}: it is what `gateward audit key --witness` prints at the witness"))
    })
}

/// Reads the keys of logs, each under its log's name.
pub(super) fn keys<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<VerifierKey>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let parse = |text: &String| {
        text.parse().map_err(|error| {
            de::Error::custom(format!("{text:?}: {error}: it is what `gateward audit key` prints at the log"))
        })
    };
    texts.iter().map(parse).collect()
}
