//! Where databases of a benchmark are: in files, or in a PostgreSQL server of its own.
//!
//! Another benchmark takes it in with `#[path = "../store/engine.rs"] mod engine;`, with `raw.rs`, `row.rs` and the
//! tests' cluster.
#![allow(dead_code, reason = "shared: no benchmark uses all of it")]

use gateward::base::store_address::StoreAddress;
use gateward::store::Store;

use crate::Outcome;
use crate::cluster::Cluster;
use crate::raw::{self, Raw};

/// Where databases are made.
pub enum Engine {
    Sqlite(tempfile::TempDir),
    Postgres(Box<Cluster>),
}

impl Engine {
    pub fn named(name: &str) -> Outcome<Self> {
        match name {
            "sqlite" => Ok(Self::Sqlite(tempfile::tempdir()?)),
            // As an operator gives a database of this size on a machine of this size.
            "postgres" => Ok(Self::Postgres(Box::new(Cluster::with_settings(&[
                ("shared_buffers", "1GB"),
                ("max_wal_size", "2GB"),
            ])))),
            name => Err(format!("there is no engine {name}").into()),
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Makes an empty store.
    pub async fn database(&self, name: &str) -> Outcome<Database> {
        let (address, raw) = match self {
            Self::Sqlite(dir) => {
                let path = dir.path().join(name);
                (StoreAddress::Sqlite(path.clone()), raw::Place::Sqlite(path))
            }
            Self::Postgres(cluster) => {
                let database = cluster.database(name);
                let address = cluster.socket_url(&database).parse()?;
                (address, raw::Place::Postgres(Box::new(raw::config(cluster, &database))))
            }
        };
        drop(Store::create(&address, gateward::server::system::clock()).await?);
        Ok(Database { address, raw })
    }
}

/// A store of our own schema, and how to reach past our code into it.
pub struct Database {
    pub address: StoreAddress,
    raw: raw::Place,
}

impl Database {
    pub async fn open(&self) -> Outcome<Store> {
        Ok(Store::open(&self.address, gateward::server::system::clock()).await?)
    }

    pub async fn raw(&self) -> Outcome<Raw> {
        Raw::open(&self.raw).await
    }
}
