//! What can happen, in the words of the log: every kind of event with what it needs.
//!
//! What names a person goes into a part of its own that can be erased later.

use openpgp::Fingerprint;
use serde::Serialize;

use super::backup::BackupWhat;
use super::request::{About, Access, Carried};
use super::syslog::SyslogWhat;
use crate::base::access_token::{Because, Form};
use crate::base::address::ClientAddress;
use crate::base::ckan::CkanUser;
use crate::base::id::{AccessTokenId, ErasureId, HoldId, LoginName, Reference, TransactionId};
use crate::base::identity::{NodeName, UserName};
use crate::base::name::ServiceName;
use crate::flows::nodes::Offer;

/// How it came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// We said no.
    Refused,
    /// It went wrong.
    Failed,
}

impl Outcome {
    /// As it is stored and searched for.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Whether an answer arrived, as far as we can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// All of it was handed to the transport.
    Complete,
    /// The client went away, or stopped reading.
    Cut,
    /// We cut it: the caller's rights ended.
    Revoked,
    /// The upstream stopped in the middle.
    UpstreamFailed,
    /// The program that carried it is gone.
    Unknown,
    /// Recorded before the first byte left: delivery was not observed.
    NotObserved,
}

impl Delivery {
    /// How an answer that ended so came out.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Complete | Self::NotObserved => Outcome::Done,
            Self::Cut | Self::UpstreamFailed | Self::Unknown => Outcome::Failed,
            Self::Revoked => Outcome::Refused,
        }
    }
}

/// What happened; the name of the variant, in snake case, is the event's `kind`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "docs/formats.md describes each kind and field")]
pub enum What {
    Started {
        version: &'static str,
        mode: String,
    },
    Stopped {
        reason: &'static str,
    },
    PolicyLoaded {
        issuers: Vec<String>,
    },
    Exchanged(Box<Exchanged>),
    /// A token was looked at for its holder, and would be exchanged; nothing was made.
    TokenChecked(Box<Exchanged>),
    ExchangeRefused {
        reason: String,
        detail: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        token_id: Option<String>,
    },
    AuthenticationFailed {
        reason: &'static str,
        detail: String,
    },
    Admitted(Access),
    Released {
        #[serde(flatten)]
        access: Access,
        #[serde(flatten)]
        carried: Carried,
    },
    Ended(Carried),
    /// One entry of a request that has several.
    EntryAdmitted {
        entry: u64,
        #[serde(flatten)]
        access: Access,
    },
    /// Patients are named in what leaves now.
    Disclosed {
        patients: u64,
        /// The request that it answers.
        #[serde(flatten)]
        access: Access,
    },
    /// A service said that it made these.
    ResourcesCreated {
        resources: Vec<String>,
    },
    /// A proxy asked whether a request is permitted, and carries it itself.
    Verified {
        #[serde(flatten)]
        access: Access,
        /// Which proxy: `node:NAME`, or `unix:UID`.
        proxy: String,
        delivery: Delivery,
        detail: &'static str,
    },
    /// What is behind a service sent what nobody asked it for.
    UpstreamOverstepped {
        detail: String,
    },
    /// The inventory that restrictions are read from is another one now.
    InventoryLoaded {
        sha256: String,
        epochs: u64,
        restricted: u64,
    },
    /// A machine's certificate was not accepted, or it showed none where one is needed.
    NodeAuthenticationFailed {
        reason: &'static str,
        detail: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        fingerprint: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        offer: Option<Offer>,
        #[serde(skip_serializing_if = "Option::is_none")]
        request: Option<String>,
    },
    /// No connection came about.
    HandshakeFailed {
        reason: &'static str,
        detail: String,
        offer: Offer,
    },
    NodeEnrolled(NodeChanged),
    NodeReplaced {
        #[serde(flatten)]
        node: NodeChanged,
        previous_ends_at: String,
    },
    NodeRevoked {
        node: NodeName,
    },
    RequestRefused {
        method: String,
        path: String,
        reason: &'static str,
        detail: String,
    },
    FailuresSummarised {
        reason: String,
    },
    FailuresCounted {
        reason: String,
        count: u64,
        since: String,
        until: String,
    },
    Gap {
        refused: u64,
        since: String,
        until: String,
        reason: String,
    },
    LoginRevoked {
        login: LoginName,
        token_ids: Vec<String>,
        token_blocked: bool,
    },
    TokenBlocked {
        token_id: String,
    },
    TokenAllowedAgain {
        token_id: String,
    },
    LoginsCleanedUp {
        logins: Vec<LoginName>,
    },
    /// Temporary logins of others that ended in a database that logins are written to, or were left there.
    OthersLoginsCleanedUp {
        logins: Vec<LoginName>,
    },
    GrantCreated(Granted),
    GrantRevoked(Granted),
    IssuerRevoked {
        issuer: String,
    },
    UserCreated {
        user: String,
        role: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        role_service: Option<ServiceName>,
        /// Where their Digest verifier comes from.
        #[serde(skip_serializing_if = "Option::is_none")]
        digest: Option<&'static str>,
    },
    UserDisabled {
        user: String,
    },
    UserEnabled {
        user: String,
    },
    UserDeleted {
        user: String,
    },
    UserPasswordChanged {
        user: String,
        /// Where their Digest verifier comes from.
        #[serde(skip_serializing_if = "Option::is_none")]
        digest: Option<&'static str>,
    },
    /// The hash of a password was made anew at a higher cost, when its owner logged in.
    UserHashRaised {
        user: String,
    },
    /// What somebody held was ended; their temporary logins and access tokens have events of their own.
    UserEnded {
        user: String,
        api_tokens: Vec<String>,
        sessions: u64,
    },
    LoggedIn,
    LoggedOut,
    ApiTokenCreated {
        api_token: String,
        user: UserName,
        services: Vec<ServiceName>,
        read_only: bool,
        expires_at: String,
    },
    ApiTokenRevoked {
        api_token: String,
        user: UserName,
    },
    KeyRotated {
        key: String,
    },
    KeyRetired {
        key: String,
    },
    /// The keyring got what checkpoints of the log are signed with.
    LogKeyAdded,
    /// The store had fallen behind what others had seen: a new log goes on from what is left of the old one.
    LogRecovered {
        origin: String,
        took_over: u64,
        old_origin: String,
        old_size: u64,
        old_root: String,
    },
    /// A log that is cosigned here showed a history beside the one that was cosigned.
    LogForked {
        log: String,
        detail: String,
        /// The checkpoint that was cosigned last.
        cosigned: String,
        /// The other one, under which the log's signature is good; none where it is far longer than any.
        #[serde(skip_serializing_if = "Option::is_none")]
        shown: Option<String>,
    },
    OperatorRequest {
        method: String,
        path: String,
        status: u16,
    },
    /// A machine sent an event of its own.
    EventReceived {
        node: NodeName,
        /// What it calls it.
        #[serde(skip_serializing_if = "Option::is_none")]
        received_id: Option<String>,
        sha256: String,
    },
    /// Somebody read the log; what they asked for stands in the personal part.
    LogRead {
        how: LogReading,
        /// How many events they were shown, or that went into what they were shown.
        events: u64,
    },
    /// A key is about to be asked for, or taken, for somebody's access token.
    AccessTokenBegun {
        access_token: AccessTokenId,
        host: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        ckan: Option<String>,
    },
    CkanUserCreated {
        access_token: AccessTokenId,
        ckan: String,
    },
    AccessTokenCreated(Box<MadeAccessToken>),
    AccessTokenFailed {
        access_token: AccessTokenId,
        reason: &'static str,
    },
    /// A file was opened with its passphrase, by a command.
    AccessTokenOpened {
        file_sha256: String,
        /// Where it was made here.
        #[serde(skip_serializing_if = "Option::is_none")]
        access_token: Option<AccessTokenId>,
    },
    /// Its end was decided.
    AccessTokenRevoked {
        access_token: AccessTokenId,
        because: Because,
    },
    /// Its key is gone.
    AccessTokenEnded {
        access_token: AccessTokenId,
        key: KeyEnd,
    },
    /// The key of ours in it lives from now on.
    AccessTokenActivated {
        access_token: AccessTokenId,
    },
    /// Another one takes its place; until then both are good.
    AccessTokenRenewed {
        access_token: AccessTokenId,
        by: AccessTokenId,
        until: String,
    },
    /// Events lost parts because their time was over.
    LogExpired {
        erasure: ErasureId,
        before: String,
        #[serde(flatten)]
        gone: Gone,
    },
    /// Events lost parts because they named a person.
    PersonErased {
        erasure: ErasureId,
        person: String,
        #[serde(flatten)]
        gone: Gone,
    },
    HoldCreated {
        hold: HoldId,
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<String>,
    },
    HoldReleased {
        hold: HoldId,
    },
    /// All that stands before was copied here from another store.
    StoreCopied {
        from: String,
        to: String,
        events: u64,
    },
    /// Something about messages of others.
    #[serde(untagged)]
    Syslog(SyslogWhat),
    /// Something about backups.
    #[serde(untagged)]
    Backup(BackupWhat),
}

/// A signed token became (or prolonged) a temporary login, or would.
#[derive(Debug, Clone, Serialize)]
pub struct Exchanged {
    /// The same token had a living login already.
    pub repeated: bool,
    /// Fingerprint of the issuer.
    pub issuer: String,
    /// The token's id as SeisComP counts it.
    pub token_id: String,
    /// The hash that was signed.
    pub hash: String,
    /// The token's own end.
    pub valid_until: String,
    /// The login's end.
    pub expires_at: String,
    /// Groups in the token.
    pub groups: Vec<String>,
    /// Those that a grant here names.
    pub groups_known: Vec<String>,
    /// Pseudonym of the person.
    pub subject: String,
    /// The networks that other databases are told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<String>>,
    /// Those that its groups mean and that are not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks_unknown: Vec<String>,
}

/// An access token as it left.
#[derive(Debug, Clone, Serialize)]
pub struct MadeAccessToken {
    /// Its id.
    pub access_token: AccessTokenId,
    /// The host that it opens.
    pub host: String,
    /// What its key is.
    pub key_kind: &'static str,
    /// SHA-256 of the certificate in it.
    pub certificate: String,
    /// How it travels.
    pub form: Form,
    /// Fingerprint of the OpenPGP key that it is encrypted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// SHA-256 of the file.
    pub file_sha256: String,
    /// Its end.
    pub expires_at: String,
    /// The key in it is one of ours, and dead until it is activated.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub opaque: bool,
}

/// How the log was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogReading {
    /// A list of events.
    Search,
    /// What stands under one name.
    Show,
    /// A stretch of the log, carried away.
    Export,
    /// What concerns one person.
    Report,
    /// A proof that an event stands there.
    Prove,
    /// The FHIR interface.
    Fhir,
}

/// Which events lost what: positions as `7`, or as `7-12` from the first to the last.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Gone {
    /// Everything but position, id, times and hashes.
    pub whole: Vec<String>,
    /// Their personal part.
    pub personal: Vec<String>,
    /// How many events that are.
    pub events: u64,
    /// How many stayed, of those that were looked at, because they are held.
    pub held: u64,
}

/// What became of the key of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyEnd {
    /// It was revoked where it was made.
    Revoked,
    /// It was not there (any more).
    WasGone,
    /// No CKAN that we know of made it: it goes on opening what it opens, until its owner revokes it.
    NotOurs,
}

/// What a node is known by from now on.
#[derive(Debug, Clone, Serialize)]
pub struct NodeChanged {
    /// Its name.
    pub node: NodeName,
    /// The id of what it is known by.
    pub credential: String,
    /// SHA-256 of the certificate, in hex, where exactly this one is registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The authority that vouches for it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The certificate's end, where it was at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
}

/// A grant that was made or taken away.
#[derive(Debug, Clone, Serialize)]
pub struct Granted {
    /// Its id.
    pub grant: String,
    /// `file` or `command`.
    pub origin: &'static str,
    /// `group`, `mail`, `mail-domain`, `user`, `node` or `oidc`.
    pub granted_to_kind: String,
    /// The group, domain, user or node; a mail address and what an OIDC issuer calls somebody stand in the
    /// personal part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted_to: Option<String>,
    /// JSON array of networks; empty: the whole service.
    pub networks: String,
    /// JSON array of actions; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<String>,
    /// JSON array of types of resources; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<String>,
    /// Only what the same node created.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
}

/// What names a person or where they are; kept apart, so that it can be erased.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Personal {
    /// Where the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The mail address of the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// What went wrong, in words that can name somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The CKAN user whose access token it is, or what an OIDC issuer calls the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The name that somebody gave to the upstream, which nobody here has verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
    /// The subject of the certificate that was shown or enrolled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// What was asked, where that can name somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The key that `target` is sealed to; it stands in the body.
    #[serde(skip)]
    pub sealed_to: Option<Fingerprint>,
    /// The patients that are named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patients: Vec<String>,
    /// What was created.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<String>,
    /// The message of somebody else, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The same, where its bytes are no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_base64: Option<String>,
    /// Whom a hold is about, by whatever was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// What another machine sent, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

impl Personal {
    /// The same, about whom a request names.
    #[must_use]
    pub fn naming(self, about: &About) -> Self {
        let About { target, patients } = about.clone();
        Self { target, patients, ..self }
    }

    /// From this address, nobody named.
    pub fn at(address: ClientAddress) -> Self {
        Self { address: Some(address.to_string()), ..Self::default() }
    }

    /// About this CKAN user.
    pub fn about(user: &CkanUser) -> Self {
        Self { user: Some(user.to_string()), ..Self::default() }
    }
}

/// An event to be written.
#[derive(Debug, Clone)]
pub struct Happened {
    /// What.
    pub what: What,
    /// How it came out.
    pub outcome: Outcome,
    /// Which service it concerns.
    pub service: Option<ServiceName>,
    /// Temporary login, user, or `os:NAME`.
    pub who: Option<String>,
    /// The request's id.
    pub transaction: Option<TransactionId>,
    /// What the caller was given.
    pub reference: Option<Reference>,
    /// Who and where, in person.
    pub personal: Personal,
}

impl Happened {
    /// Says that `what` was done; the fields that concern it are set by name.
    pub fn done(what: What) -> Self {
        Self {
            what,
            outcome: Outcome::Done,
            service: None,
            who: None,
            transaction: None,
            reference: None,
            personal: Personal::default(),
        }
    }
}
