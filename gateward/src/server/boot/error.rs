//! Why the door cannot be opened, and whether waiting may mend it.

use std::path::PathBuf;

use super::Need;
use crate::base::name::ServiceName;
use crate::base::time::Unbelieved;
use crate::config::Anchor;
use crate::flows::access_token::letter;
use crate::flows::anchor::Behind;
use crate::flows::keyring;
use crate::flows::policy::NotARule;
use crate::flows::record::NotASeal;
use crate::server::ckan::Unready;
use crate::server::{htdigest, tls, trust};
use crate::store;
use crate::store::resif;

/// Why the door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that is not there, or not readable; it may come.
    #[error("{what} {path}: {source}", path = .path.display())]
    File {
        /// What it is.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store; it may come back.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's: the keyring.
    #[error("{path}: {source}", path = .path.display())]
    Keyring {
        /// The keyring's file.
        path: PathBuf,
        /// What is wrong.
        source: keyring::Error,
    },
    /// The operator's: others could read the keys.
    #[error("{path} can be read by everybody on this machine: chmod o-rwx it", path = .0.display())]
    Exposed(PathBuf),
    /// The operator's: what is alive needs a key that is gone.
    #[error("the keyring {path} lacks key {key}, which {need}: put it back, or end them with `{remedy}`", path = .path.display(), remedy = .need.remedy())]
    KeyMissing {
        /// The keyring's file.
        path: PathBuf,
        /// The key's id.
        key: String,
        /// What needs it.
        need: Need,
    },
    /// The operator's: a keyring from before checkpoints were signed.
    #[error("the keyring {path} has no key for the log's checkpoints: `gateward key log` adds it", path = .0.display())]
    NoLogKey(PathBuf),
    /// The operator's: the store was restored from an older backup, or another one was put in its place.
    #[error(
        "the store is not what {anchor} has seen: {behind}; restore a newer backup, or begin a new log with \
         `gateward audit recover`"
    )]
    Behind {
        /// Who has seen it.
        anchor: Anchor,
        /// What is missing.
        behind: Behind,
    },
    /// The operator's: Digest verifiers of users are MD5, and good for that alone.
    #[error(
        "{count} users log in by HTTP Digest, which stands for them in MD5 alone: take digest_sha256 = true out, or give \
         them other passwords (`gateward user list` shows whom, `gateward user password NAME`)"
    )]
    DigestBySha256 {
        /// How many.
        count: i64,
    },
    /// The operator's: no key, or another one, in an issuer's file.
    #[error("issuer {path}: {reason}", path = .path.display())]
    Issuer {
        /// The key's file.
        path: PathBuf,
        /// What is wrong, and what would mend it.
        reason: String,
    },
    /// The operator's: nothing can be sealed to the auditor's key.
    #[error("[audit] seal {path}: {why}", path = .path.display())]
    Seal {
        /// The key's file.
        path: PathBuf,
        /// What is wrong, and what would mend it.
        why: NotASeal,
    },
    /// The operator's: a file that should hold a login and its password.
    #[error("{path} holds no credential: one line, login:password", path = .0.display())]
    Credential(PathBuf),
    /// The operator's: a file that should hold certificates.
    #[error("{path} holds no certificates that can be read", path = .0.display())]
    Ca(PathBuf),
    /// The operator's: a certificate of ours that an upstream is to be shown.
    #[error(transparent)]
    Certificate(#[from] tls::Error),
    /// The operator's: a file that should hold the keys of an OIDC issuer.
    #[error("jwks {path}: {why}", path = .path.display())]
    Jwks {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: id_token::NotAKeySet,
    },
    /// The operator's: nothing says whom to believe about an OIDC issuer.
    #[error(
        "this machine believes no authority: install Debian's ca-certificates, or name the certificate of {0} as ca"
    )]
    NoAuthorities(String),
    /// The operator's: files of authorities, or of what they revoke.
    #[error("{what}{}{}: {why}", if path.as_os_str().is_empty() { "" } else { " " }, path.display())]
    Authorities {
        /// Which option names it.
        what: &'static str,
        /// The file; empty where it is about all of them.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The operator's: a service that cannot be as it is written.
    #[error("service {service}: {why}")]
    Service {
        /// Which.
        service: ServiceName,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// The operator's: somebody whom this machine does not know.
    #[error("verify.uids: this machine has no user {0}")]
    NoUser(String),
    /// The operator's: a grant that makes no sense.
    #[error("a grant in the configuration: {0}")]
    Grant(#[from] NotARule),
    /// The clock cannot be believed; it may come right.
    #[error(transparent)]
    Clock(#[from] Unbelieved),
    /// The operator's: RESIF's databases are not as they should be.
    #[error(transparent)]
    Resif(#[from] resif::Error),
    /// The file that living logins are written to; its folder may come.
    #[error("exchange.htdigest: {0}")]
    Htdigest(#[from] htdigest::Error),
    /// The operator's: CKAN cannot be asked as the configuration names it.
    #[error("[ckan]: {0}")]
    Ckan(Box<Unready>),
    /// The operator's: it is not known whom to believe to be OpenHIM.
    #[error("[openhim]: {0}")]
    OpenHim(Box<trust::Error>),
    /// The operator's: a letter of their own.
    #[error("letters: {0}")]
    Letter(#[from] letter::Error),
    /// The store does not take what the start has to write; it may later.
    #[error(transparent)]
    Failed(#[from] store::Failed),
}

impl From<Unready> for Error {
    fn from(unready: Unready) -> Self {
        Self::Ckan(Box::new(unready))
    }
}

impl From<trust::Error> for Error {
    fn from(error: trust::Error) -> Self {
        match error {
            trust::Error::File(error) => error,
            error @ trust::Error::NoAuthorities => Self::OpenHim(Box::new(error)),
        }
    }
}

impl Error {
    /// Whether waiting may mend it: a file or database that is not there yet.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::File { .. }
            | Self::Htdigest(_)
            | Self::Clock(_)
            | Self::Failed(store::Failed::Write(_)) => true,
            Self::Store(error) | Self::Failed(store::Failed::Read(error)) => error.may_pass(),
            Self::Keyring { .. }
            | Self::Exposed(_)
            | Self::KeyMissing { .. }
            | Self::NoLogKey(_)
            | Self::Behind { .. }
            | Self::DigestBySha256 { .. }
            | Self::Seal { .. }
            | Self::Credential(_)
            | Self::Ca(_)
            | Self::Certificate(_)
            | Self::Jwks { .. }
            | Self::NoAuthorities(_)
            | Self::Authorities { .. }
            | Self::Service { .. }
            | Self::NoUser(_)
            | Self::Issuer { .. }
            | Self::Resif(_)
            | Self::Ckan(_)
            | Self::OpenHim(_)
            | Self::Letter(_)
            | Self::Grant(_) => false,
        }
    }
}
