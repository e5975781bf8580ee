//! Grants: who may reach what.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader};

/// Where a grant comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file: follows it at every start.
    File,
    /// `gateward grant create`: stays until revoked.
    Command,
}

impl Origin {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Command => "command",
        }
    }
}

/// One grant, as text; `flows::policy` makes sense of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// Its id.
    pub id: String,
    /// Where it comes from.
    pub origin: Origin,
    /// `group`, `mail`, `mail-domain`, `user`, `node` or `oidc`.
    pub subject_kind: String,
    /// The group's path, the address, the domain, the name; of `oidc` the issuer, a blank and its subject.
    pub subject: String,
    /// The service's name.
    pub service: String,
    /// JSON array of networks; empty for the whole service.
    pub networks: String,
    /// JSON array of actions; empty for all.
    pub actions: String,
    /// JSON array of types of resources; empty for all.
    pub resources: String,
    /// Only what the same node created.
    pub own: bool,
}

fn row(row: &Row<'_>) -> Result<GrantRow, Unfit> {
    Ok(GrantRow {
        id: row.string(0)?,
        origin: if row.text(1)? == Origin::File.as_str() { Origin::File } else { Origin::Command },
        subject_kind: row.string(2)?,
        subject: row.string(3)?,
        service: row.string(4)?,
        networks: row.string(5)?,
        actions: row.string(6)?,
        resources: row.string(7)?,
        own: row.integer(8)? != 0,
    })
}

/// Returns every grant, in a stable order.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn all(reader: &Reader) -> Result<Vec<GrantRow>, Error> {
    let sql = "SELECT id, origin, subject_kind, subject, service, networks, actions, resources, own FROM grants \
               ORDER BY service, subject_kind, subject, id";
    reader.all(Query::of("grants", sql, Vec::new()), row).await
}

/// Adds a grant; one with the same id is refused.
#[derive(Debug)]
pub struct Create {
    /// The grant.
    pub grant: GrantRow,
    /// When.
    pub at: Timestamp,
}

impl Create {
    pub(super) fn statement(&self) -> Statement<'_> {
        let grant = &self.grant;
        Statement::one(
            "INSERT INTO grants (id, origin, subject_kind, subject, service, networks, created_at, actions, \
             resources, own) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
            values![
                &grant.id,
                grant.origin.as_str(),
                &grant.subject_kind,
                &grant.subject,
                &grant.service,
                &grant.networks,
                self.at,
                &grant.actions,
                &grant.resources,
                i64::from(grant.own)
            ],
        )
    }
}

/// Takes a grant away; one that is gone already is refused.
#[derive(Debug)]
pub struct Delete {
    /// The grant's id.
    pub id: String,
}

impl Delete {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one("DELETE FROM grants WHERE id = ?1", values![&self.id])
    }
}
