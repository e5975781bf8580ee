//! What the operator decided about a service, before its kind has taken it.

use jiff::SignedDuration;

use crate::base::kind::{DigestCheckedBy, ExistingKeys, QueryauthTo, Unlisted};
use crate::base::name::UrlPath;
use crate::flows::admit::Require;

/// What the operator decided about a service; its kind says what it takes and what it needs.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a decision of its own in the configuration")]
pub struct Settings {
    /// Where the service stands.
    pub path: UrlPath,
    /// It stands at other paths, too.
    pub stands_elsewhere_too: bool,
    /// Behind it is a folder, not a server.
    pub reads_folder: bool,
    /// The server behind it has it at another path.
    pub upstream_has_path: bool,
    /// Who must be known, whatever is asked.
    pub require: Require,
    /// Who checks Digest.
    pub digest: Option<DigestCheckedBy>,
    /// There is an inventory, and for how long its last reading is believed.
    pub inventory: Option<SignedDuration>,
    /// What happens to data that it does not know.
    pub unlisted: Option<Unlisted>,
    /// What is restricted whatever it says.
    pub restrictions: Vec<Restriction>,
    /// Metadata follow the restrictions, too.
    pub restrict_metadata: bool,
    /// Answers are compared with what was permitted.
    pub verify_stream: Option<bool>,
    /// Where `queryauth` is asked at.
    pub queryauth_to: Option<QueryauthTo>,
    /// The upstream is told who asks, by a credential of ours or in a header.
    pub upstream_is_told: ToldUpstream,
    /// Paths that pass as they are.
    pub pass: Vec<UrlPath>,
    /// What happens to CKAN's own keys.
    pub existing_keys: Option<ExistingKeys>,
}

/// What the upstream is told of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ToldUpstream {
    /// A fixed credential.
    pub credential: bool,
    /// A header that names the caller.
    pub identity: bool,
}

/// Something that is restricted, with what callers are told.
#[derive(Debug, Clone)]
pub struct Restriction {
    /// What.
    pub what: ::fdsn::Restriction,
    /// Why.
    pub reason: Option<String>,
}

/// Why a service cannot be as it was decided: the operator's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub &'static str);
