//! Names of tables and columns in databases that are not ours.
//!
//! They come from the configuration and go into statements, so they are quoted, always: a name
//! can be spelled wrongly, but never be anything else than a name.

use std::fmt;

/// Says why a name cannot be one of a table or a column.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no name of a {1}: 1 to 63 bytes, none of them zero")]
pub struct NotASqlName(String, &'static str);

/// The name of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct ColumnName(String);

/// The name of a table, with its schema where the search path does not lead to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct TableName {
    schema: Option<String>,
    table: String,
}

/// The longest name that PostgreSQL tells from a longer one, in bytes (NAMEDATALEN - 1).
const LONGEST: usize = 63;

fn is_name(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && !text.contains('\0')
}

impl ColumnName {
    /// As the database has it, unquoted.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a statement has it.
    pub fn quoted(&self) -> String {
        quoted(&self.0)
    }
}

impl TryFrom<String> for ColumnName {
    type Error = NotASqlName;

    fn try_from(text: String) -> Result<Self, NotASqlName> {
        if is_name(&text) { Ok(Self(text)) } else { Err(NotASqlName(text, "column")) }
    }
}

impl TableName {
    /// As a statement has it.
    pub fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(&self.table)),
            None => quoted(&self.table),
        }
    }
}

impl TryFrom<String> for TableName {
    type Error = NotASqlName;

    /// A dot stands between schema and table.
    fn try_from(text: String) -> Result<Self, NotASqlName> {
        let (schema, table) =
            text.split_once('.').map_or((None, text.as_str()), |(schema, table)| (Some(schema), table));
        if is_name(table) && schema.is_none_or(is_name) {
            Ok(Self { schema: schema.map(str::to_owned), table: table.to_owned() })
        } else {
            Err(NotASqlName(text, "table"))
        }
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.table)
    }
}

/// Quotes a name as SQL has it: between double quotes, each of its own twice.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name_whatever_is_in_it() {
        let column = |text: &str| ColumnName::try_from(text.to_owned()).unwrap().quoted();
        assert_eq!(column("user_index"), "\"user_index\"");
        assert_eq!(column("x\"; DROP TABLE users; --"), "\"x\"\"; DROP TABLE users; --\"");
        let table = |text: &str| TableName::try_from(text.to_owned()).unwrap();
        assert_eq!(table("public.aut user").quoted(), "\"public\".\"aut user\"");
        assert_eq!(table("public.users").to_string(), "public.users");
    }

    #[test]
    fn what_postgresql_would_cut_or_misread_is_refused() {
        for bad in ["", "a\0b", &"x".repeat(64)] {
            assert!(ColumnName::try_from(bad.to_owned()).is_err(), "{bad:?}");
            assert!(TableName::try_from(bad.to_owned()).is_err(), "{bad:?}");
            assert!(TableName::try_from(format!("{bad}.users")).is_err(), "{bad:?}");
        }
        assert!(ColumnName::try_from("x".repeat(63)).is_ok());
    }
}
