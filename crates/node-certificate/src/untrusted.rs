//! Why a certificate is not believed, or names nobody.

use jiff::Timestamp;

use crate::certificate::NotACertificate;

/// Why a machine is not known. Who acts is said with each; all of them are recorded under their word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// The machine's, to show one.
    #[error("no certificate was shown")]
    NoCertificate,
    /// The machine's, to show another.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(#[from] NotACertificate),
    /// The machine's, to show one that is believed here; or the operator's, to believe its issuer.
    #[error("no trusted authority vouches for it: {0}")]
    UnknownCa(&'static str),
    /// The machine's, to wait or look at its clock.
    #[error("{what} is not valid before {from}")]
    NotYetValid {
        /// It, or the certificate of one of its authorities.
        what: String,
        /// Since when.
        from: Timestamp,
    },
    /// The machine's, to be renewed; or its authority's.
    #[error("{what} was valid until {until}")]
    Expired {
        /// It, or the certificate of one of its authorities.
        what: String,
        /// The last second.
        until: Timestamp,
    },
    /// Its authority's word, which is final.
    #[error("{by} has revoked {what}")]
    Revoked {
        /// It, or the certificate of one of its authorities.
        what: String,
        /// Which authority.
        by: String,
    },
    /// The machine's, to be given one for clients.
    #[error("the certificate is not for clients: its extended key usage lacks clientAuth")]
    WrongEku,
    /// The operator's, to fetch the newest.
    #[error("the list of revoked certificates of {of} ended at {next_update}")]
    CrlOutdated {
        /// Which authority.
        of: String,
        /// When the next one should have come.
        next_update: Timestamp,
    },
    /// The operator's, to fetch one, or to believe whose list it is; or the machine's, to show its whole chain.
    #[error(
        "no list of revoked certificates is known to be signed by {of}: node_crl needs one, and the certificate of \
         {of} has to be shown, or to stand in node_ca"
    )]
    CrlMissing {
        /// Which authority.
        of: String,
    },
    /// The operator's, to register it.
    #[error("the certificate is believed, and registered for nobody")]
    NotRegistered,
    /// Somebody who pretends, or something that is damaged.
    #[error("a signature is wrong: {0}")]
    BadSignature(&'static str),
}

impl Untrusted {
    /// The word under which it is recorded.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoCertificate => "no-certificate",
            Self::Unreadable(_) => "unreadable",
            Self::UnknownCa(_) => "unknown-ca",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Expired { .. } => "expired",
            Self::Revoked { .. } => "revoked",
            Self::WrongEku => "wrong-eku",
            Self::CrlOutdated { .. } => "crl-outdated",
            Self::CrlMissing { .. } => "crl-missing",
            Self::NotRegistered => "not-registered",
            Self::BadSignature(_) => "bad-signature",
        }
    }
}
