//! The kinds of service there are, and what is decided about each; what a kind knows of its requests
//! is in `flows::kind`.

/// A kind of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Anything that is read by path.
    Plain,
    /// An FDSN web service: dataselect, availability or station.
    Fdsn,
    /// A FHIR R4 server.
    Fhir,
    /// A CKAN, as DCOR has it.
    Ckan,
}

impl Kind {
    /// As what the log of events itself is granted: its actions are those of a FHIR server.
    pub const OF_THE_LOG: Self = Self::Fhir;
}

/// What happens to CKAN's own keys, which were given out before there were any of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExistingKeys {
    /// They pass as they are, and are listed.
    Pass,
    /// They open nothing any more.
    Refuse,
}

/// Who checks HTTP Digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestCheckedBy {
    /// We do; what is behind us believes whom we let through.
    Gateward,
    /// The data service behind us; we pass on its questions and the answers to them.
    Upstream,
}

/// What happens to data that the inventory does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unlisted {
    /// They count as restricted.
    Refuse,
    /// They are open.
    Open,
}

/// The path at the upstream that `queryauth` (and `extentauth`) is asked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueryauthTo {
    /// `query`: nothing behind us asks for a login.
    Query,
    /// `queryauth`: the upstream has it.
    Queryauth,
}
