//! What a request to a service means, in the words of grants.
//!
//! A kind is one file: it turns a parsed request into a [`Meaning`]. Admission sees only that,
//! and no other file asks which kind a service has.

mod plain;

use http::Method;

pub use crate::base::kind::Kind;

/// What a request means: so far, always reading something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// What it concerns, below the service's path: what the upstream is asked for.
    pub what: String,
}

/// Why a request means nothing to a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// The caller's: another method.
    #[error("{method} is not served here, only {allowed}")]
    Method {
        /// The one that was used.
        method: String,
        /// The value of `Allow` (RFC 9110 section 10.2.1).
        allowed: &'static str,
    },
    /// The caller's: a path that two parsers could read differently.
    #[error("the path cannot be read in one way only: {0}")]
    Path(&'static str),
}

impl NotUnderstood {
    /// The reason in one word, as events and floods count it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Method { .. } => "method",
            Self::Path(_) => "path",
        }
    }
}

impl Kind {
    /// Tells whether grants of such a service can be restricted to seismological networks.
    pub fn has_networks(self) -> bool {
        match self {
            Self::Plain => false,
        }
    }

    /// Turns a request into its meaning; `path` is what follows the service's own path, not decoded.
    ///
    /// # Errors
    ///
    /// [`NotUnderstood`], whoever asks.
    pub fn meaning(self, method: &Method, path: &str) -> Result<Meaning, NotUnderstood> {
        match self {
            Self::Plain => plain::meaning(method, path),
        }
    }
}
