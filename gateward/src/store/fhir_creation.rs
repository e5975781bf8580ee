//! Which node created which resource of a FHIR service, for grants that open only that.

use std::collections::HashSet;

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Statement, Value, values};
use super::{Error, Reader};
use crate::base::identity::NodeName;
use crate::base::name::ServiceName;

/// As it is stored: names have no blank.
fn key(service: &ServiceName, resource: &str) -> String {
    format!("{service} {resource}")
}

/// Returns those of `resources`, as `Type/id`, that `node` created in `service` since it was enrolled: another
/// machine may have had its name before.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn created_by(
    reader: &Reader,
    service: &ServiceName,
    node: &NodeName,
    resources: &[String],
) -> Result<HashSet<String>, Error> {
    if resources.is_empty() {
        return Ok(HashSet::new());
    }
    let places: Vec<_> = (2..=resources.len() + 1).map(|place| format!("?{place}")).collect();
    let sql = format!(
        "SELECT resource FROM fhir_creation JOIN node ON node.name = fhir_creation.node \
         WHERE fhir_creation.node = ?1 AND fhir_creation.created_at >= node.created_at AND resource IN ({})",
        places.join(", ")
    );
    let keys = resources.iter().map(|resource| Value::from(key(service, resource)));
    let values = std::iter::once(Value::from(node.as_str())).chain(keys).collect();
    let rows = reader.all(Query::of("fhir_creation", &sql, values), |row| row.string(0)).await?;
    let prefix = key(service, "");
    Ok(rows.into_iter().filter_map(|row| row.strip_prefix(&prefix).map(str::to_owned)).collect())
}

/// Notes who created a resource: a node, or somebody without one, or nobody since it was deleted. Whoever created
/// one of that id before, it is another one now.
#[derive(Debug)]
pub struct Note {
    /// In which service.
    pub service: ServiceName,
    /// Which, as `Type/id`.
    pub resource: String,
    /// The node.
    pub node: Option<NodeName>,
    /// When.
    pub at: Timestamp,
}

impl Note {
    pub(super) fn statement(&self) -> Statement<'_> {
        let key = key(&self.service, &self.resource);
        match &self.node {
            Some(node) => Statement::one(
                "INSERT INTO fhir_creation (resource, node, created_at) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (resource) DO UPDATE SET node = excluded.node, created_at = excluded.created_at",
                values![key, node.as_str(), self.at],
            ),
            None => Statement::any("DELETE FROM fhir_creation WHERE resource = ?1", values![key]),
        }
    }
}

/// Forgets what a node of this name created: the machine that has it from now on is another one.
#[derive(Debug)]
pub struct Forget {
    /// The node.
    pub node: NodeName,
}

impl Forget {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any("DELETE FROM fhir_creation WHERE node = ?1", values![self.node.as_str()])
    }
}
