//! What is asked of CKAN, and what it may answer; `server/ckan` asks it, by its API or by its own command.

use crate::base::ckan::CkanUser;
use crate::base::secret::Secret;

/// A CKAN that makes and revokes API tokens.
pub trait Ckan {
    /// Where it is, in words for people and for the record: an address, or a file.
    fn place(&self) -> String;

    /// Finds out whether the user is there and active.
    fn has_user(&self, user: &CkanUser) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Makes the user, with a password that nobody knows: they set their own by mail.
    fn create_user(&self, new: &NewUser) -> impl Future<Output = Result<(), Error>> + Send;

    /// Makes an API token that CKAN lists under `name`.
    ///
    /// After an error that [is of unknown end](Error::is_of_unknown_end) it may be there all the same.
    fn create_key(&self, user: &CkanUser, name: &str) -> impl Future<Output = Result<Secret, Error>> + Send;

    /// Lists the API tokens of a user.
    fn keys(&self, user: &CkanUser) -> impl Future<Output = Result<Vec<Listed>, Error>> + Send;

    /// Revokes an API token by its id; `false` if there is none of it (any more).
    fn revoke(&self, user: &CkanUser, jti: &str) -> impl Future<Output = Result<bool, Error>> + Send;
}

/// A user to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name.
    pub name: CkanUser,
    /// The mail address: CKAN wants one.
    pub mail: String,
    /// The person's own name.
    pub full_name: Option<String>,
}

/// An API token as CKAN lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id: CKAN's word, and the token's claim (RFC 7519 section 4.1.7).
    pub jti: String,
    /// The name that it was made with.
    pub name: String,
}

/// Why CKAN did not do it. Texts of CKAN's are passed on, short and without control characters.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's: CKAN said no, and why.
    #[error("CKAN refuses: {0}")]
    Refused(String),
    /// The operator's: the key is not one of an administrator, or is no key any more.
    #[error("CKAN does not let this key do that ({0}): it takes the API token of a sysadmin")]
    NotPermitted(String),
    /// The operator's: there is no such user.
    #[error("CKAN has no user {0}: `--create-user` makes one by its API, `ckan user add` on its own machine")]
    NoSuchUser(CkanUser),
    /// The operator's: it is not a CKAN that answers there.
    #[error("{place} does not answer as a CKAN does: {why}")]
    NotCkan {
        /// Where.
        place: String,
        /// What it said instead.
        why: String,
    },
    /// The operator's: its certificate cannot be believed.
    #[error("{place}: {why}")]
    Tls {
        /// Where.
        place: String,
        /// What is wrong, and what would mend it.
        why: String,
    },
    /// It was not reached: nothing was done. It may come back.
    #[error("{place} cannot be reached: {why}")]
    Unreachable {
        /// Where.
        place: String,
        /// What the system said.
        why: String,
    },
    /// It was asked, and its answer is missing or broken: nobody knows whether it was done.
    #[error("{place} broke off: {why}")]
    BrokenOff {
        /// Where.
        place: String,
        /// What came, or how long was waited.
        why: String,
    },
}

impl Error {
    /// The reason in one word.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Refused(_) => "ckan-refused",
            Self::NotPermitted(_) => "ckan-not-permitted",
            Self::NoSuchUser(_) => "ckan-no-such-user",
            Self::NotCkan { .. } => "not-ckan",
            Self::Tls { .. } => "ckan-tls",
            Self::Unreachable { .. } => "ckan-unreachable",
            Self::BrokenOff { .. } => "ckan-broken-off",
        }
    }

    /// Whether what was asked may have been done all the same.
    pub fn is_of_unknown_end(&self) -> bool {
        match self {
            Self::BrokenOff { .. } | Self::NotCkan { .. } => true,
            Self::Refused(_)
            | Self::NotPermitted(_)
            | Self::NoSuchUser(_)
            | Self::Tls { .. }
            | Self::Unreachable { .. } => false,
        }
    }
}
