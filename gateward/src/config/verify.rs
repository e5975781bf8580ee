//! Who may ask at `/verify` on behalf of their clients.

use serde::Deserialize;

/// Where they ask, on the public listener.
pub const VERIFY: &str = "/verify";

/// The users of this machine that are believed as proxies at our Unix socket, nodes have a role for it; and what
/// proxies are believed about.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// Their numbers, or their names as the system knows them.
    #[serde(default)]
    pub uids: Vec<SystemUser>,
    /// Every proxy says in `X-SSL-Client-Cert` which certificate its client showed, also that it showed none; a proxy
    /// that leaves the field alone passes on whatever its clients claim.
    #[serde(default)]
    pub client_certificate: bool,
}

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum SystemUser {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

impl std::fmt::Display for SystemUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}
