//! Where the store is: a file of SQLite's, or a database of PostgreSQL's.

use std::fmt;
use std::path::{Path, PathBuf};

use super::postgres_url::PostgresUrl;

/// Where the store is, as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAddress {
    /// A SQLite file: one machine.
    Sqlite(PathBuf),
    /// A PostgreSQL database: any number of machines.
    Postgres(PostgresUrl),
}

impl StoreAddress {
    /// Takes a relative path from `folder`.
    pub fn anchor(&mut self, folder: &Path) {
        match self {
            Self::Sqlite(path) => *path = folder.join(&*path),
            Self::Postgres(_) => {}
        }
    }

    /// The SQLite file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl std::str::FromStr for StoreAddress {
    type Err = String;

    /// Takes a path, `sqlite:PATH` or `postgres://...`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return text
                .parse()
                .map(Self::Postgres)
                .map_err(|error: super::postgres_url::Error| error.to_string());
        }
        let path = text.strip_prefix("sqlite:").unwrap_or(text);
        if path.is_empty() || path.contains("://") {
            return Err(format!(
                "{text:?} is no store: the path of a file, sqlite:PATH, or postgres://USER@HOST/DATABASE"
            ));
        }
        Ok(Self::Sqlite(path.into()))
    }
}

impl<'de> serde::Deserialize<'de> for StoreAddress {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}
