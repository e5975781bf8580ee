//! Nodes are enrolled, renewed and revoked by command, with effect within a second.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use node_certificate::{Certificate, Key};

use super::credential::{columns, row_id};
use crate::base::identity::{NodeName, NodeRole};
use crate::base::time::stored;
use crate::flows::door::Door;
use crate::flows::grants;
use crate::flows::record::{Happened, NodeChanged, Personal, What};
use crate::store::grant::{self, Origin};
use crate::store::node::{self, CredentialRow, NodeRow};
use crate::store::{self, Change, CommitError, fhir_creation, revocation};

/// What a node is to be known by.
#[derive(Debug, Clone)]
pub struct Credential {
    /// What it is found by.
    pub key: Key,
    /// The certificate itself, where it is at hand.
    pub certificate: Option<Certificate>,
    /// Who issues, as people read it, where an authority does.
    pub issuer: Option<String>,
}

impl Credential {
    fn row(&self, node: &NodeName, by: &str, now: Timestamp) -> CredentialRow {
        let [fingerprint, issuer, subject, san] = columns(&self.key);
        CredentialRow {
            id: row_id(&self.key),
            node: node.clone(),
            fingerprint,
            issuer,
            subject,
            san,
            certificate: self.certificate.as_ref().map(|own| own.der().to_vec()),
            not_after: self.certificate.as_ref().map(Certificate::not_after),
            added_at: now,
            added_by: by.to_owned(),
            ends_at: None,
        }
    }
}

/// A node to be enrolled.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// Its name.
    pub name: NodeName,
    /// What it is believed to be besides a client.
    pub roles: Vec<NodeRole>,
    /// What it is known by.
    pub credential: Credential,
}

/// What becomes of what a node was known by before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is good for so long beside the new one.
    Overlaps(SignedDuration),
    /// It ends at once.
    Ends,
}

/// Why nodes stay as they are. The operator acts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two would have one name.
    #[error("there is a node {0} already: `gateward node replace` gives it another certificate")]
    Taken(NodeName),
    /// A certificate means one node, for good.
    #[error("what node {wanted} is to be known by means node {node} already{}", if *ended { ", and has ended there: a certificate that was taken out stays out" } else { "" })]
    Known {
        /// Who wants it.
        wanted: NodeName,
        /// Whom it means.
        node: NodeName,
        /// It was replaced, or the node revoked.
        ended: bool,
    },
    /// There is none, or no more.
    #[error("there is no node {0}: `gateward node list` shows those there are")]
    NoSuchNode(NodeName),
    /// Somebody else changed nodes meanwhile.
    #[error("somebody else has just changed nodes: look at `gateward node list` and try again")]
    Changed,
    /// The operator's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Enrolls all of `enrolled`, or none of them.
///
/// # Errors
///
/// [`Error`], one for each that stands against it; nothing was done then.
pub async fn enroll(door: &Door, enrolled: &[Enrolled], by: &str, now: Timestamp) -> Result<(), Vec<Error>> {
    let mut standing = Standing::read(door).await.map_err(|error| vec![error.into()])?;
    let mut refused = Vec::new();
    let (mut changes, mut happened) = (Vec::new(), Vec::new());
    for one in enrolled {
        if !standing.names.insert(one.name.clone()) {
            refused.push(Error::Taken(one.name.clone()));
        }
        let row = one.credential.row(&one.name, by, now);
        if let Some((node, ended)) = standing.known(&row.id, now) {
            refused.push(Error::Known { wanted: one.name.clone(), node, ended });
        }
        standing.known.insert(row.id.clone(), (row.node.clone(), row.ends_at));
        let roles = serde_json::to_string(&one.roles).expect("roles are text");
        let node = NodeRow {
            name: one.name.clone(),
            roles: one.roles.clone(),
            created_at: now,
            created_by: by.to_owned(),
            revoked_at: None,
        };
        happened.push(event(by, &row, &one.credential, What::NodeEnrolled));
        changes.push(Change::ForgetCreations(fhir_creation::Forget { node: node.name.clone() }));
        changes.push(Change::EnrollNode(node::Create { node, roles }));
        changes.push(Change::AddNodeCredential(Box::new(node::AddCredential(row))));
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    changes.push(Change::AdvanceRevocation(revocation::Advance));
    // A crash leaves all of them with their events, or none.
    commit(door, changes, &happened, now).await.map_err(|error| vec![error])
}

/// How often a command looks again while somebody else changes what it goes by.
const ATTEMPTS: usize = 8;

/// Gives a node something else to be known by; what it was known by before ends as `fate` says.
///
/// # Errors
///
/// [`Error`]; nothing was done then.
pub async fn replace(
    door: &Door,
    name: &NodeName,
    credential: &Credential,
    (fate, by): (Fate, &str),
    now: Timestamp,
) -> Result<(), Error> {
    let row = credential.row(name, by, now);
    let ends_at = match fate {
        Fate::Overlaps(time) => crate::base::time::later(now, time),
        Fate::Ends => now,
    };
    let happened = Happened {
        what: What::NodeReplaced { node: changed(&row, credential), previous_ends_at: stored(ends_at) },
        ..event(by, &row, credential, What::NodeEnrolled)
    };
    for _ in 0..ATTEMPTS {
        // The counter first: a node that is revoked meanwhile is given nothing.
        let decided_under = revocation::current(&door.store.reader).await?;
        let standing = Standing::read(door).await?;
        if !standing.names.contains(name) {
            return Err(Error::NoSuchNode(name.clone()));
        }
        if let Some((node, ended)) = standing.known(&row.id, now) {
            return Err(Error::Known { wanted: name.clone(), node, ended });
        }
        let changes = vec![
            Change::EndNodeCredentials(node::EndCredentials { node: name.clone(), ends_at }),
            Change::AddNodeCredential(Box::new(node::AddCredential(row.clone()))),
            Change::AdvanceRevocation(revocation::Advance),
        ];
        // A crash leaves the old one alone, or both with their ends.
        match door.recorder.commit(Some(decided_under), changes, std::slice::from_ref(&happened), now).await {
            Err(CommitError::Stale(_) | CommitError::Precondition) => {}
            done => return Ok(done?),
        }
    }
    Err(Error::Changed)
}

/// What went with a node.
#[derive(Debug, Default)]
pub struct Revoked {
    /// Grants by command that named it.
    pub grants: Vec<String>,
    /// Grants of the configuration file that still do.
    pub grants_in_file: Vec<String>,
}

/// Revokes a node: it cannot come in any more, and its connections end within a second. Grants by command go
/// with it: another machine of its name is another.
///
/// # Errors
///
/// [`Error`].
pub async fn revoke(door: &Door, name: &NodeName, by: &str, now: Timestamp) -> Result<Revoked, Error> {
    for _ in 0..ATTEMPTS {
        if !Standing::read(door).await?.names.contains(name) {
            return Err(Error::NoSuchNode(name.clone()));
        }
        let what = What::NodeRevoked { node: name.clone() };
        let mut happened = vec![Happened { who: Some(by.to_owned()), ..Happened::done(what) }];
        let mut changes = vec![
            Change::RevokeNode(node::Revoke { node: name.clone(), at: now }),
            Change::EndNodeCredentials(node::EndCredentials { node: name.clone(), ends_at: now }),
            Change::AdvanceRevocation(revocation::Advance),
        ];
        let mut revoked = Revoked::default();
        for row in grant::all(&door.store.reader).await? {
            if row.subject_kind != "node" || row.subject != name.as_str() {
                continue;
            }
            if row.origin == Origin::File {
                revoked.grants_in_file.push(row.id);
                continue;
            }
            happened.push(grants::revoked(&row, Some(by)));
            changes.push(Change::DeleteGrant(grant::Delete { id: row.id.clone() }));
            revoked.grants.push(row.id);
        }
        // A crash leaves the node as it was, or revoked with its events.
        match door.recorder.commit(None, changes, &happened, now).await {
            // It, or one of its grants, is gone: look again.
            Err(CommitError::Precondition) => {}
            done => return Ok(done.map(|()| revoked)?),
        }
    }
    Err(Error::Changed)
}

async fn commit(
    door: &Door,
    changes: Vec<Change>,
    happened: &[Happened],
    now: Timestamp,
) -> Result<(), Error> {
    match door.recorder.commit(None, changes, happened, now).await {
        Err(CommitError::Precondition) => Err(Error::Changed),
        done => Ok(done?),
    }
}

/// Who there is before anything changes.
struct Standing {
    /// Nodes that may come in.
    names: HashSet<NodeName>,
    /// By its id, what nodes are or were known by: whose it is, and when it ends.
    known: HashMap<String, (NodeName, Option<Timestamp>)>,
}

impl Standing {
    async fn read(door: &Door) -> Result<Self, store::Error> {
        let reader = &door.store.reader;
        let living = node::all(reader).await?.into_iter().filter(|node| node.revoked_at.is_none());
        let known = node::credentials(reader).await?.into_iter();
        Ok(Self {
            names: living.map(|node| node.name).collect(),
            known: known.map(|row| (row.id, (row.node, row.ends_at))).collect(),
        })
    }

    /// Whom a credential means, and whether that has ended.
    fn known(&self, id: &str, now: Timestamp) -> Option<(NodeName, bool)> {
        let (node, ends_at) = self.known.get(id)?;
        Some((node.clone(), ends_at.is_some_and(|end| end <= now)))
    }
}

fn changed(row: &CredentialRow, credential: &Credential) -> NodeChanged {
    NodeChanged {
        node: row.node.clone(),
        credential: row.id.clone(),
        fingerprint: row.fingerprint.clone(),
        issuer: credential.issuer.clone(),
        not_after: row.not_after.map(stored),
    }
}

/// A subject can name a person, so it goes into the personal part.
fn event(
    by: &str,
    row: &CredentialRow,
    credential: &Credential,
    what: impl FnOnce(NodeChanged) -> What,
) -> Happened {
    let own = credential.certificate.as_ref().map(|own| own.subject().to_string());
    let certificate = own.or_else(|| row.subject.clone()).or_else(|| row.san.clone());
    Happened {
        who: Some(by.to_owned()),
        personal: Personal { certificate, ..Personal::default() },
        ..Happened::done(what(changed(row, credential)))
    }
}
