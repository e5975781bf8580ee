//! What the operator decided about a service, before its kind has taken it.

use jiff::SignedDuration;

use crate::base::kind::{DigestCheckedBy, ExistingKeys, QueryauthTo, Unlisted};
use crate::base::name::UrlPath;
use crate::flows::admit::Require;

/// What the operator decided about a service; its kind says what it takes and what it needs.
#[derive(Debug, Clone)]
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
    /// What only FDSN web services know of.
    pub fdsn: FdsnSettings,
    /// The upstream is told who asks, by a credential of ours or in a header.
    pub upstream_is_told: ToldUpstream,
    /// What happens to CKAN's own keys.
    pub existing_keys: Option<ExistingKeys>,
}

/// What was decided that only FDSN web services know of.
#[derive(Debug, Clone, Default)]
pub struct FdsnSettings {
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
    /// Paths that pass as they are.
    pub pass: Vec<UrlPath>,
}

impl FdsnSettings {
    /// Tells whether nothing of it was decided.
    pub(super) fn is_empty(&self) -> bool {
        // Without `..`, so that whoever adds a decision has the other kinds refuse it, too.
        let Self {
            digest,
            inventory,
            unlisted,
            restrictions,
            restrict_metadata,
            verify_stream,
            queryauth_to,
            pass,
        } = self;
        digest.is_none()
            && inventory.is_none()
            && unlisted.is_none()
            && restrictions.is_empty()
            && !restrict_metadata
            && verify_stream.is_none()
            && queryauth_to.is_none()
            && pass.is_empty()
    }
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

impl Unfit {
    /// What [`FdsnSettings`] holds stands at a service of another kind.
    pub(super) const OF_FDSN: Self = Self(
        "digest, inventory, unlisted, restriction, restrict_metadata, verify_stream, queryauth_to and pass belong to \
         kind fdsn",
    );

    /// `existing_keys` stands at a service of another kind.
    pub(super) const OF_CKAN: Self = Self("existing_keys belongs to kind ckan");
}
