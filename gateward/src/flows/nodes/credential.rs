//! What a node is known by, between its row and its key.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use node_certificate::{Authority, Fingerprint, Key, Named};

use crate::base::identity::{NodeName, NodeRole};
use crate::base::sha256::Sha256;
use crate::store;
use crate::store::node::CredentialRow;

/// Whom a key means.
#[derive(Debug)]
pub struct Known {
    pub(super) id: String,
    pub(super) node: NodeName,
    pub(super) roles: Arc<[NodeRole]>,
    pub(super) ends_at: Option<Timestamp>,
}

/// A row that no key can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it names neither a certificate nor an authority with a name")]
pub struct NotStored;

impl Known {
    pub(super) fn read(row: &CredentialRow, roles: Arc<[NodeRole]>) -> Result<(Key, Self), store::Error> {
        let key = key(row).map_err(|why| store::Error::Damaged {
            table: "node_credential",
            reason: format!("{} cannot be read: {why}", row.id),
        })?;
        Ok((key, Self { id: row.id.clone(), node: row.node.clone(), roles, ends_at: row.ends_at }))
    }

    pub(super) fn is_in_force(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| end > now)
    }
}

/// Reads the key of a row.
fn key(row: &CredentialRow) -> Result<Key, NotStored> {
    let bytes = |hex: &str| {
        let bytes = HEXLOWER.decode(hex.as_bytes()).map_err(|_| NotStored)?;
        bytes.try_into().map_err(|_| NotStored)
    };
    match (&row.fingerprint, &row.issuer, &row.subject, &row.san) {
        (Some(hex), None, ..) => Ok(Key::Certificate(Fingerprint::from_bytes(bytes(hex)?))),
        (None, Some(issuer), Some(subject), None) => {
            let named = Named::Subject(subject.parse().map_err(|_| NotStored)?);
            Ok(Key::Issued { by: Authority::from_bytes(bytes(issuer)?), named })
        }
        (None, Some(issuer), None, Some(san)) => {
            let named = Named::San(san.parse().map_err(|_| NotStored)?);
            Ok(Key::Issued { by: Authority::from_bytes(bytes(issuer)?), named })
        }
        _ => Err(NotStored),
    }
}

/// Writes a key into the columns of its row: certificate, authority, subject, alternative name.
pub(super) fn columns(key: &Key) -> [Option<String>; 4] {
    match key {
        Key::Certificate(fingerprint) => [Some(HEXLOWER.encode(fingerprint.as_bytes())), None, None, None],
        Key::Issued { by, named } => {
            let by = Some(HEXLOWER.encode(by.as_bytes()));
            match named {
                Named::Subject(subject) => [None, by, Some(subject.to_string()), None],
                Named::San(san) => [None, by, None, Some(san.to_string())],
            }
        }
    }
}

/// Names what a node is known by; the same for the same key, whoever registers it.
pub fn row_id(key: &Key) -> String {
    let content = columns(key).map(Option::unwrap_or_default).join("\0");
    let hash = Sha256::of(content.as_bytes());
    format!("c-{}", HEXLOWER.encode(&hash.0[..5]))
}
