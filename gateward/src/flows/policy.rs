//! Who may reach what, as it stands under one value of the revocation counter.
//!
//! The configuration file and commands write grants into the store; this reads them into a form
//! that answers fast, and is read again whenever the counter has moved.

mod rule;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use openpgp::{KeyStatus, TrustedKeys};
use signed_token::Group;

pub use self::rule::{Extent, Granted, NotARule, Rule, Subject, Whom};
use super::grants;
use super::nodes::Nodes;
use super::oidc::OidcIssuers;
use super::record::{Happened, Recorder, What};
use crate::base::name::ServiceName;
use crate::store::grant::{GrantRow, Origin};
use crate::store::revocation::Revision;
use crate::store::{self, Change, Failed, Reader, file_policy, grant, issuer, revocation};

/// Policy under one value of the revocation counter.
#[derive(Debug)]
pub struct Policy {
    /// The value.
    pub revision: Revision,
    /// The issuers of the configuration file, pinned.
    pub issuers: Arc<TrustedKeys>,
    /// The OIDC issuers of the configuration file.
    pub oidc: Arc<OidcIssuers>,
    /// The machines that may come in.
    pub nodes: Nodes,
    revoked_issuers: HashSet<String>,
    grants: HashMap<ServiceName, HashMap<Subject, Vec<Granted>>>,
    groups: HashSet<Group>,
}

impl Policy {
    async fn read(
        reader: &Reader,
        issuers: Arc<TrustedKeys>,
        oidc: Arc<OidcIssuers>,
    ) -> Result<Self, store::Error> {
        // The counter first: rows that are newer than it are caught by the writer, never older ones.
        let revision = revocation::current(reader).await?;
        let mut grants: HashMap<ServiceName, HashMap<Subject, Vec<Granted>>> = HashMap::new();
        let mut groups = HashSet::new();
        for row in grant::all(reader).await? {
            let damaged = || store::Error::Damaged {
                table: "grants",
                reason: format!("grant {} cannot be read", row.id),
            };
            let subject = Subject::from_stored(&row.subject_kind, &row.subject).ok_or_else(damaged)?;
            let service = row.service.parse().map_err(|_| damaged())?;
            if let Subject::Group(group) = &subject {
                groups.insert(group.clone());
            }
            let granted = Granted::read(&row).ok_or_else(damaged)?;
            grants.entry(service).or_default().entry(subject).or_default().push(granted);
        }
        let revoked = issuer::all(reader).await?.into_iter().filter(|issuer| issuer.revoked_at.is_some());
        let revoked_issuers = revoked.map(|issuer| issuer.fingerprint).collect();
        let nodes = Nodes::read(reader).await?;
        Ok(Self { revision, issuers, oidc, nodes, revoked_issuers, grants, groups })
    }

    /// Tells whether a command took this issuer out, which is named by its fingerprint or its URL.
    pub fn is_issuer_revoked(&self, issuer: &str) -> bool {
        self.revoked_issuers.contains(issuer)
    }

    /// Tells whether logins and tokens of this issuer are good: the configuration file names it by its
    /// fingerprint or URL, its OpenPGP key is neither revoked nor expired at `now`, and no command took it
    /// out. Whoever stole a key that was then revoked keeps nothing.
    pub fn believes(&self, issuer: &str, now: Timestamp) -> bool {
        let key = issuer.parse().ok().and_then(|parsed| self.issuers.get(&parsed));
        let is_good = key.is_some_and(|key| matches!(key.status(now), KeyStatus::Usable { .. }));
        (is_good || self.oidc.names(issuer)) && !self.is_issuer_revoked(issuer)
    }

    /// Returns those of `groups` that a grant names.
    pub fn known_groups<'a>(&'a self, groups: impl IntoIterator<Item = &'a Group>) -> BTreeSet<&'a Group> {
        groups.into_iter().filter(|group| self.groups.contains(group)).collect()
    }

    /// Returns the grants by which whoever is one of `subjects` may reach `service`.
    pub fn grants(&self, service: &ServiceName, subjects: &[Subject]) -> Vec<&Granted> {
        let Some(grants) = self.grants.get(service) else {
            return Vec::new();
        };
        subjects.iter().filter_map(|subject| grants.get(subject)).flatten().collect()
    }

    /// Returns the services that whoever is one of `subjects` may reach.
    pub fn granted_services(&self, subjects: &[Subject]) -> BTreeSet<&ServiceName> {
        self.grants.keys().filter(|service| !self.grants(service, subjects).is_empty()).collect()
    }
}

/// The policy in force, read again when the counter has moved.
#[derive(Debug)]
pub struct PolicyCache {
    reader: Reader,
    current: ArcSwap<Policy>,
    /// Digest of what this server's configuration file says; `None` for commands.
    own: ArcSwapOption<String>,
    /// Why it, or the counter, could not be read last time.
    trouble: ArcSwapOption<String>,
    /// One reads it for all who wait: a policy of many grants takes long.
    reading: tokio::sync::Mutex<()>,
}

impl PolicyCache {
    /// Reads the policy; `issuers` and `oidc` are those of the configuration file.
    ///
    /// # Errors
    ///
    /// [`store::Error`].
    pub async fn load(reader: Reader, issuers: TrustedKeys, oidc: OidcIssuers) -> Result<Self, store::Error> {
        let policy = Policy::read(&reader, Arc::new(issuers), Arc::new(oidc)).await?;
        let current = ArcSwap::from_pointee(policy);
        let (own, trouble) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        Ok(Self { reader, current, own, trouble, reading: tokio::sync::Mutex::default() })
    }

    /// Goes only by the policy of the configuration file with this digest from now on: once another
    /// server states another one, this one decides nothing.
    pub fn follow(&self, digest: String) {
        self.own.store(Some(Arc::new(digest)));
    }

    /// Whether this goes only by the policy that servers follow; a command's file may say something else.
    pub fn is_in_force(&self) -> bool {
        self.own.load().is_some()
    }

    /// Why the policy could not be read last time; `None` when it could.
    pub fn trouble(&self) -> Option<Arc<String>> {
        self.trouble.load_full()
    }

    /// Returns the policy as last read; what is decided under an old one, the writer refuses.
    pub fn current(&self) -> Arc<Policy> {
        self.current.load_full()
    }

    /// Returns the policy as it stands now: reads it again if the counter has moved, or it could not be read
    /// last time. However many ask at once, it is read once.
    ///
    /// # Errors
    ///
    /// [`store::Error`]; the old one stays.
    pub async fn up_to_date(&self) -> Result<Arc<Policy>, store::Error> {
        let revision = revocation::current(&self.reader).await.inspect_err(|error| self.note(Some(error)))?;
        if let Some(current) = self.read_since(revision) {
            return Ok(current);
        }
        let _turn = self.reading.lock().await;
        match self.read_since(revision) {
            Some(current) => Ok(current),
            None => self.read_and_keep().await,
        }
    }

    /// Reads the policy again, whether or not the counter has moved.
    ///
    /// # Errors
    ///
    /// [`store::Error`]; the old one stays.
    pub async fn refresh(&self) -> Result<Arc<Policy>, store::Error> {
        let _turn = self.reading.lock().await;
        self.read_and_keep().await
    }

    /// Returns the policy if it was read under `revision` or later, and all was well then.
    fn read_since(&self, revision: Revision) -> Option<Arc<Policy>> {
        let current = self.current();
        (current.revision >= revision && self.trouble.load().is_none()).then_some(current)
    }

    async fn read_and_keep(&self) -> Result<Arc<Policy>, store::Error> {
        let read = self.read().await;
        self.note(read.as_ref().err());
        let policy = Arc::new(read?);
        self.current.store(Arc::clone(&policy));
        Ok(policy)
    }

    fn note(&self, trouble: Option<&store::Error>) {
        self.trouble.store(trouble.map(|error| Arc::new(error.to_string())));
    }

    async fn read(&self) -> Result<Policy, store::Error> {
        let current = self.current();
        let (issuers, oidc) = (Arc::clone(&current.issuers), Arc::clone(&current.oidc));
        let policy = Policy::read(&self.reader, issuers, oidc).await?;
        let Some(own) = self.own.load_full() else { return Ok(policy) };
        match file_policy::stated(&self.reader).await? {
            Some(stated) if stated.digest != *own => {
                Err(store::Error::PolicyDiffers { stated_by: stated.by })
            }
            _ => Ok(policy),
        }
    }
}

/// Writes what the configuration file says about grants and issuers to the store: the file wins
/// over what an earlier file said, and leaves alone what commands made. `digest` stands for all that
/// the file says about who may reach what, `believed` for whose tokens it believes.
///
/// # Errors
///
/// [`Failed`]; nothing was changed then. [`store::CommitError::Stale`]: somebody else changed policy; again.
pub async fn write_file_rules(
    reader: &Reader,
    recorder: &Recorder,
    rules: &[Rule],
    believed: &Policy,
    digest: &str,
    now: Timestamp,
) -> Result<(), Failed> {
    // Two that start at once with different files do not mix them: the later one looks again.
    let decided_under = Some(revocation::current(reader).await?);
    let wanted: HashMap<String, GrantRow> =
        rules.iter().map(|rule| rule.row(Origin::File, None)).map(|row| (row.id.clone(), row)).collect();
    let present: HashMap<String, GrantRow> = grant::all(reader)
        .await?
        .into_iter()
        .filter(|row| row.origin == Origin::File)
        .map(|row| (row.id.clone(), row))
        .collect();
    let removed: Vec<_> = present.values().filter(|row| !wanted.contains_key(&row.id)).collect();
    let added: Vec<_> = wanted.values().filter(|row| !present.contains_key(&row.id)).collect();
    let mut happened: Vec<Happened> = removed.iter().map(|row| grants::revoked(row, None)).collect();
    happened.extend(added.iter().map(|row| grants::created(row, None)));

    let noted = issuer::all(reader).await?;
    let trusted = believed.issuers.iter().map(|key| key.fingerprint().to_string());
    let trusted: BTreeSet<String> =
        trusted.chain(believed.oidc.iter().map(|issuer| issuer.issuer().to_owned())).collect();

    let removed = removed.iter().map(|row| Change::DeleteGrant(grant::Delete { id: row.id.clone() }));
    let added = added.iter().map(|row| Change::CreateGrant(grant::Create { grant: (*row).clone(), at: now }));
    let new_issuers = trusted.iter().filter(|one| noted.iter().all(|row| row.fingerprint != **one));
    let gone_issuers =
        noted.iter().filter(|row| !trusted.contains(&row.fingerprint) && row.revoked_at.is_none());
    let new_issuers = new_issuers.map(|one| Change::NoteIssuer(issuer::Note { fingerprint: one.clone() }));
    let gone_issuers =
        gone_issuers.map(|row| Change::ForgetIssuer(issuer::Forget { fingerprint: row.fingerprint.clone() }));

    let mut changes: Vec<Change> = removed.chain(added).chain(new_issuers).chain(gone_issuers).collect();
    let in_force = file_policy::stated(reader).await?;
    if changes.is_empty() && in_force.is_some_and(|stated| stated.digest == digest) {
        return Ok(());
    }
    let by = recorder.instance();
    changes.push(Change::StateFilePolicy(file_policy::State { digest: digest.to_owned(), at: now, by }));
    changes.push(Change::AdvanceRevocation(revocation::Advance));
    happened.push(Happened::done(What::PolicyLoaded { issuers: trusted.into_iter().collect() }));
    // A crash before the commit leaves the policy of the last start; after it, the file's.
    recorder.commit(decided_under, changes, &happened, now).await?;
    Ok(())
}
