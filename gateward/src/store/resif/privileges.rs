//! The database of privileges: `networks` and who may have which.

mod sql;

use std::collections::HashMap;
use std::sync::Arc;

use self::sql::Sql;
use super::auth::parse;
use super::gather::{Connects, Job};
use super::schema::{Does, Wanted, open};
use super::session::{Session, failed};
use super::{Database, Error, Network, Numbered};
use crate::base::id::LoginName;
use crate::base::postgres_url::PostgresUrl;
use crate::base::resif::Tables;

const DATABASE: Database = Database::Privileges;

/// Where it is, and how its tables are called.
#[derive(Debug)]
pub(super) struct Privileges {
    url: PostgresUrl,
    tables: Arc<Tables>,
}

/// A connection, and the statements in this installation's names.
pub(super) struct Opened {
    session: Session,
    sql: Sql,
}

impl Privileges {
    pub fn new(url: PostgresUrl, tables: Arc<Tables>) -> Self {
        Self { url, tables }
    }
}

impl Connects for Privileges {
    type Session = Opened;
    const DATABASE: Database = DATABASE;

    /// Connects, and checks that everything is there.
    async fn open(&self) -> Result<Opened, Error> {
        let Tables { networks, privileges, .. } = &*self.tables;
        let wanted = [
            Wanted {
                option: "networks",
                table: &networks.table,
                columns: networks.columns(),
                does: &[Does::Select],
            },
            Wanted {
                option: "privileges",
                table: &privileges.table,
                columns: privileges.columns(),
                does: &[
                    Does::Select,
                    Does::Insert(&["network_id", "network", "start_year", "end_year", "name"]),
                    Does::Delete,
                ],
            },
        ];
        let (session, [n, p]) = open(DATABASE, &self.url, wanted).await?;
        let sql = Sql::of(&self.tables, &n, &p);
        Ok(Opened { session, sql })
    }

    fn is_closed(opened: &Opened) -> bool {
        opened.session.is_closed()
    }
}

impl Opened {
    async fn find(&mut self, networks: &[&Network]) -> Result<HashMap<Network, i64>, Error> {
        let codes: Vec<&str> = networks.iter().map(|network| network.code.as_str()).collect();
        let starts: Vec<i32> = networks.iter().map(|network| network.start_year).collect();
        let ends: Vec<i32> = networks.iter().map(|network| network.end_year).collect();
        let statement = self.session.statement(&self.sql.find).await?;
        let rows = self.session.client().query(&statement, &[&codes, &starts, &ends]).await;
        let found = |row: &tokio_postgres::Row| {
            (Network { code: row.get(0), start_year: row.get(1), end_year: row.get(2) }, row.get(3))
        };
        Ok(rows.map_err(|error| failed(DATABASE, &error))?.iter().map(found).collect())
    }

    /// Gives each login exactly its networks.
    async fn grant(&mut self, grants: &[(LoginName, Vec<Numbered>)]) -> Result<(), Error> {
        let logins: Vec<&str> = grants.iter().map(|(login, _)| login.as_str()).collect();
        let rows = || {
            grants.iter().flat_map(|(login, networks)| networks.iter().map(move |network| (login, network)))
        };
        let names: Vec<&str> = rows().map(|(login, _)| login.as_str()).collect();
        let codes: Vec<&str> = rows().map(|(_, numbered)| numbered.network.code.as_str()).collect();
        let starts: Vec<i32> = rows().map(|(_, numbered)| numbered.network.start_year).collect();
        let ends: Vec<i32> = rows().map(|(_, numbered)| numbered.network.end_year).collect();
        let ids: Vec<i64> = rows().map(|(_, numbered)| numbered.id).collect();
        let add = self.session.statement(&self.sql.add).await?;
        let take = self.session.statement(&self.sql.take_others).await?;
        let said = |error: tokio_postgres::Error| failed(DATABASE, &error);
        let transaction = self.session.begin(&logins).await?;
        transaction.execute(&add, &[&names, &codes, &starts, &ends, &ids]).await.map_err(said)?;
        // What its groups do not mean any more goes.
        transaction.execute(&take, &[&names, &codes, &starts, &ends, &logins]).await.map_err(said)?;
        // A crash before this line leaves our own record that the login is pending, and nothing else;
        // after it, privileges of a name that nobody can use, which the sweep completes or takes away.
        transaction.commit().await.map_err(said)
    }

    /// Takes every privilege of `logins` away; `named` is told whose go before they do.
    pub async fn deprive<E: From<Error>, F: Future<Output = Result<(), E>>>(
        &mut self,
        logins: &[LoginName],
        named: impl FnOnce(Vec<LoginName>) -> F,
    ) -> Result<(), E> {
        let logins: Vec<&str> = logins.iter().map(LoginName::as_str).collect();
        let statement = self.session.statement(&self.sql.take_all).await?;
        let said = |error: tokio_postgres::Error| failed(DATABASE, &error);
        let transaction = self.session.begin(&logins).await?;
        let gone = transaction.query(&statement, &[&logins]).await.map_err(said)?;
        let mut gone: Vec<LoginName> = gone.iter().filter_map(|row| parse(row.get(0))).collect();
        gone.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        gone.dedup();
        named(gone).await?;
        // A crash on either side of this line leaves our own record, by which it is done again.
        Ok(transaction.commit().await.map_err(said)?)
    }

    /// Returns the names of temporary logins that have privileges, without those of `ours`.
    pub async fn names(&mut self, ours: &[LoginName]) -> Result<Vec<LoginName>, Error> {
        let ours: Vec<&str> = ours.iter().map(LoginName::as_str).collect();
        let statement = self.session.statement(&self.sql.names).await?;
        let rows = self.session.client().query(&statement, &[&ours]).await;
        let rows = rows.map_err(|error| failed(DATABASE, &error))?;
        Ok(rows.iter().filter_map(|row| parse(row.get(0))).collect())
    }
}

/// Looks for the numbers of networks.
#[derive(Debug)]
pub(super) struct FindNetworks(pub Arc<Privileges>);

impl Job for FindNetworks {
    type Place = Privileges;
    type Item = Vec<Network>;
    type Answer = Vec<Numbered>;

    fn place(&self) -> &Privileges {
        &self.0
    }

    async fn run(&self, opened: &mut Opened, items: &[Vec<Network>]) -> Result<Vec<Vec<Numbered>>, Error> {
        let mut networks: Vec<&Network> = items.iter().flatten().collect();
        networks.sort();
        networks.dedup();
        let found = opened.find(&networks).await?;
        let numbered =
            |network: &Network| Some(Numbered { id: *found.get(network)?, network: network.clone() });
        Ok(items.iter().map(|networks| networks.iter().filter_map(numbered).collect()).collect())
    }
}

/// Gives logins their networks.
#[derive(Debug)]
pub(super) struct Grant(pub Arc<Privileges>);

impl Job for Grant {
    type Place = Privileges;
    type Item = (LoginName, Vec<Numbered>);
    type Answer = ();

    fn place(&self) -> &Privileges {
        &self.0
    }

    async fn run(&self, opened: &mut Opened, items: &[(LoginName, Vec<Numbered>)]) -> Result<Vec<()>, Error> {
        opened.grant(items).await?;
        Ok(vec![(); items.len()])
    }
}
