//! Machines that may come in, and what each is known by.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader};
use crate::base::identity::{NodeName, NodeRole};

/// One node.
#[derive(Debug, Clone)]
pub struct NodeRow {
    /// Its name.
    pub name: NodeName,
    /// What it may be besides a client.
    pub roles: Vec<NodeRole>,
    /// When it was enrolled.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was revoked; `None` while it may come in.
    pub revoked_at: Option<Timestamp>,
}

/// What a node is known by: a certificate, or an authority and what stands in the certificates it makes for it.
#[derive(Debug, Clone)]
pub struct CredentialRow {
    /// Its id.
    pub id: String,
    /// Whose.
    pub node: NodeName,
    /// SHA-256 of the certificate, in hex: it is trusted directly.
    pub fingerprint: Option<String>,
    /// SHA-256 of the name and public key of the authority that vouches, both DER, in hex.
    pub issuer: Option<String>,
    /// The subject that the certificate has (RFC 4514).
    pub subject: Option<String>,
    /// A subject alternative name that it has: `DNS:`, `URI:`, `IP:` or `email:` and the name.
    pub san: Option<String>,
    /// The certificate, DER, where it was given.
    pub certificate: Option<Vec<u8>>,
    /// Its end, where it was given.
    pub not_after: Option<Timestamp>,
    /// When it was added.
    pub added_at: Timestamp,
    /// By whom.
    pub added_by: String,
    /// When it ends because another one took its place.
    pub ends_at: Option<Timestamp>,
}

fn node(row: &Row<'_>) -> Result<NodeRow, Unfit> {
    Ok(NodeRow {
        name: row.parsed(0)?,
        roles: row.json(1)?,
        created_at: row.time(2)?,
        created_by: row.string(3)?,
        revoked_at: row.time_if_any(4)?,
    })
}

fn credential(row: &Row<'_>) -> Result<CredentialRow, Unfit> {
    let text = |column| Ok::<_, Unfit>(row.text_if_any(column)?.map(str::to_owned));
    Ok(CredentialRow {
        id: row.string(0)?,
        node: row.parsed(1)?,
        fingerprint: text(2)?,
        issuer: text(3)?,
        subject: text(4)?,
        san: text(5)?,
        certificate: row.bytes_if_any(6)?.map(<[u8]>::to_vec),
        not_after: row.time_if_any(7)?,
        added_at: row.time(8)?,
        added_by: row.string(9)?,
        ends_at: row.time_if_any(10)?,
    })
}

/// Returns every node, revoked or not, by name.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn all(reader: &Reader) -> Result<Vec<NodeRow>, Error> {
    let sql = "SELECT name, roles, created_at, created_by, revoked_at FROM node ORDER BY name";
    reader.all(Query::of("node", sql, Vec::new()), node).await
}

/// Returns every credential, of whatever node, in a stable order.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn credentials(reader: &Reader) -> Result<Vec<CredentialRow>, Error> {
    let sql = "SELECT id, node, fingerprint, issuer, subject, san, certificate, not_after, added_at, added_by, \
               ends_at FROM node_credential ORDER BY node, added_at, id";
    reader.all(Query::of("node_credential", sql, Vec::new()), credential).await
}

/// Enrolls a node; a name that is taken is refused, unless its node was revoked.
#[derive(Debug)]
pub struct Create {
    /// The node.
    pub node: NodeRow,
    /// Its roles, as JSON.
    pub roles: String,
}

impl Create {
    pub(super) fn statement(&self) -> Statement<'_> {
        let node = &self.node;
        Statement::one(
            "INSERT INTO node (name, roles, created_at, created_by) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) \
             DO UPDATE SET roles = ?2, created_at = ?3, created_by = ?4, revoked_at = NULL \
             WHERE node.revoked_at IS NOT NULL",
            values![node.name.as_str(), &self.roles, node.created_at, &node.created_by],
        )
    }
}

/// Adds what a node is known by; a certificate that is somebody's already is refused.
#[derive(Debug)]
pub struct AddCredential(pub CredentialRow);

impl AddCredential {
    pub(super) fn statement(&self) -> Statement<'_> {
        let row = &self.0;
        Statement::one(
            "INSERT INTO node_credential (id, node, fingerprint, issuer, subject, san, certificate, not_after, \
             added_at, added_by, ends_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT DO NOTHING",
            values![
                &row.id,
                row.node.as_str(),
                row.fingerprint.as_ref(),
                row.issuer.as_ref(),
                row.subject.as_ref(),
                row.san.as_ref(),
                row.certificate.as_deref(),
                row.not_after,
                row.added_at,
                &row.added_by,
                row.ends_at
            ],
        )
    }
}

/// Revokes a node; one that is revoked already is refused.
#[derive(Debug)]
pub struct Revoke {
    /// The node.
    pub node: NodeName,
    /// When.
    pub at: Timestamp,
}

impl Revoke {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE node SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL",
            values![self.node.as_str(), self.at],
        )
    }
}

/// Lets end what a node is known by, where it does not end sooner.
#[derive(Debug)]
pub struct EndCredentials {
    /// The node.
    pub node: NodeName,
    /// When.
    pub ends_at: Timestamp,
}

impl EndCredentials {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any(
            "UPDATE node_credential SET ends_at = ?2 WHERE node = ?1 AND (ends_at IS NULL OR ends_at > ?2)",
            values![self.node.as_str(), self.ends_at],
        )
    }
}
