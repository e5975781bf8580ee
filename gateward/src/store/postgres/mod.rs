//! What only PostgreSQL does: connecting, migrating, its clock, reading and writing.

mod append;
mod clock;
pub(super) mod connect;
mod durability;
mod engine;
mod held;
mod reader;
mod schema;

use super::Error;
use super::sql::Value;
use crate::base::postgres_url::PostgresUrl;

pub(super) use clock::DatabaseClock;
pub(super) use engine::Engine;
pub(super) use held::Held;
pub(super) use reader::Reader;
pub(super) use schema::{check, migrate, schema};

/// Says that the database at `url` does not answer.
fn unreachable(url: &PostgresUrl, reason: impl std::fmt::Display) -> Error {
    Error::Unreachable { store: url.to_string(), reason: reason.to_string() }
}

impl tokio_postgres::types::ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &tokio_postgres::types::Type,
        out: &mut bytes::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Integer(number) => number.to_sql(kind, out),
            Self::Text(text) => text.as_ref().to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
            Self::Absent => Ok(tokio_postgres::types::IsNull::Yes),
        }
    }

    // The schema has text, 64-bit integers and bytes, and the statements are written for it.
    fn accepts(_: &tokio_postgres::types::Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}
