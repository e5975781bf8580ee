//! What a statement is on both engines: its text, its values, the rows it gives.
//!
//! Statements are written once, with `?1`, `?2` for their values, in the SQL that SQLite and
//! PostgreSQL share. A column holds text, a 64-bit integer or bytes, and nothing else.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::base::time::{self, stored};

/// A value of a statement.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Integer(i64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    /// SQL's NULL.
    Absent,
}

/// Makes the values of a statement, in the order of its placeholders.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::sql::Value::from($value)),*] };
}
pub(super) use values;

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Text(stored(at).into())
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}

/// How many rows a statement must touch for its change to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touches {
    /// Exactly one: the precondition of the change.
    One,
    /// However many there are.
    Any,
}

impl Touches {
    pub fn holds(self, rows: u64) -> bool {
        self == Self::Any || rows == 1
    }
}

/// A statement that changes something.
#[derive(Debug)]
pub(super) struct Statement<'a> {
    pub sql: &'static str,
    pub values: Vec<Value<'a>>,
    pub touches: Touches,
}

impl<'a> Statement<'a> {
    /// A statement that must touch exactly one row.
    pub fn one(sql: &'static str, values: Vec<Value<'a>>) -> Self {
        Self { sql, values, touches: Touches::One }
    }

    /// A statement that touches what there is.
    pub fn any(sql: &'static str, values: Vec<Value<'a>>) -> Self {
        Self { sql, values, touches: Touches::Any }
    }
}

/// A row that a query gives.
pub(super) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

/// Says that a column holds what this program never writes.
#[derive(Debug)]
pub(super) struct Unfit {
    pub column: usize,
    pub reason: String,
}

impl Row<'_> {
    fn unfit(column: usize, error: impl std::fmt::Display) -> Unfit {
        Unfit { column, reason: error.to_string() }
    }

    /// Reads text that may be absent.
    pub fn text_if_any(&self, column: usize) -> Result<Option<&str>, Unfit> {
        match self {
            Self::Sqlite(row) => row
                .get_ref(column)
                .map_err(|error| Self::unfit(column, error))
                .and_then(|value| value.as_str_or_null().map_err(|error| Self::unfit(column, error))),
            Self::Postgres(row) => row.try_get(column).map_err(|error| Self::unfit(column, error)),
        }
    }

    /// Reads text.
    pub fn text(&self, column: usize) -> Result<&str, Unfit> {
        self.text_if_any(column)?.ok_or_else(|| Self::unfit(column, "it is empty"))
    }

    /// Reads text into what holds it.
    pub fn string(&self, column: usize) -> Result<String, Unfit> {
        self.text(column).map(str::to_owned)
    }

    /// Reads text that stands for something else.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, column: usize) -> Result<T, Unfit> {
        self.text(column)?.parse().map_err(|error| Self::unfit(column, error))
    }

    /// Reads text that stands for something else and may be absent.
    pub fn parsed_if_any<T>(&self, column: usize) -> Result<Option<T>, Unfit>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let text = self.text_if_any(column)?;
        text.map(str::parse).transpose().map_err(|error| Self::unfit(column, error))
    }

    /// Reads JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T, Unfit> {
        serde_json::from_str(self.text(column)?).map_err(|error| Self::unfit(column, error))
    }

    /// Reads an instant.
    pub fn time(&self, column: usize) -> Result<Timestamp, Unfit> {
        time::from_stored(self.text(column)?).map_err(|error| Self::unfit(column, error))
    }

    /// Reads an instant that may be absent.
    pub fn time_if_any(&self, column: usize) -> Result<Option<Timestamp>, Unfit> {
        let text = self.text_if_any(column)?;
        text.map(time::from_stored).transpose().map_err(|error| Self::unfit(column, error))
    }

    /// Reads an integer that may be absent.
    pub fn integer_if_any(&self, column: usize) -> Result<Option<i64>, Unfit> {
        match self {
            Self::Sqlite(row) => row.get(column).map_err(|error| Self::unfit(column, error)),
            Self::Postgres(row) => row.try_get(column).map_err(|error| Self::unfit(column, error)),
        }
    }

    /// Reads an integer.
    pub fn integer(&self, column: usize) -> Result<i64, Unfit> {
        self.integer_if_any(column)?.ok_or_else(|| Self::unfit(column, "it is empty"))
    }

    /// Reads bytes that may be absent.
    pub fn bytes_if_any(&self, column: usize) -> Result<Option<&[u8]>, Unfit> {
        match self {
            Self::Sqlite(row) => row
                .get_ref(column)
                .map_err(|error| Self::unfit(column, error))
                .and_then(|value| value.as_blob_or_null().map_err(|error| Self::unfit(column, error))),
            Self::Postgres(row) => row.try_get(column).map_err(|error| Self::unfit(column, error)),
        }
    }

    /// Reads bytes.
    pub fn bytes(&self, column: usize) -> Result<&[u8], Unfit> {
        self.bytes_if_any(column)?.ok_or_else(|| Self::unfit(column, "it is empty"))
    }

    /// Reads bytes of a known length.
    pub fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], Unfit> {
        let bytes = self.bytes(column)?;
        bytes.try_into().map_err(|_| Self::unfit(column, format!("{} bytes, not {N}", bytes.len())))
    }
}
