//! The database of logins: `users`, `credentials` and what groups mean.

mod sql;

use std::collections::HashMap;
use std::sync::Arc;

use self::sql::Sql;
use super::gather::{Connects, Job};
use super::schema::{Does, Wanted, open};
use super::session::{Session, failed};
use super::{Admission, Database, Error, Network};
use crate::base::id::LoginName;
use crate::base::postgres_url::PostgresUrl;
use crate::base::resif::Tables;
use crate::base::secret::Secret;
use crate::base::time::stored;

const DATABASE: Database = Database::Auth;

/// Where it is, and how its tables are called.
#[derive(Debug)]
pub(super) struct Auth {
    url: PostgresUrl,
    tables: Arc<Tables>,
}

/// A connection, and the statements in this installation's names.
pub(super) struct Opened {
    session: Session,
    sql: Sql,
}

/// A temporary login of somebody else.
pub(super) struct Temporary {
    pub login: LoginName,
    pub has_hash: bool,
    /// Its end has passed.
    pub ended: bool,
    /// Whoever made it has had the time to finish.
    pub settled: bool,
}

impl Auth {
    pub fn new(url: PostgresUrl, tables: Arc<Tables>) -> Self {
        Self { url, tables }
    }
}

impl Connects for Auth {
    type Session = Opened;
    const DATABASE: Database = DATABASE;

    /// Connects, and checks that everything is there.
    async fn open(&self) -> Result<Opened, Error> {
        let Tables { users, credentials, epos_fdsn, .. } = &*self.tables;
        let wanted = [
            Wanted {
                option: "users",
                table: &users.table,
                columns: users.columns(),
                does: &[
                    Does::Select,
                    Does::Insert(&["login", "first_name", "last_name", "email", "expires_at"]),
                    Does::Update(&["expires_at"]),
                    Does::Delete,
                ],
            },
            Wanted {
                option: "credentials",
                table: &credentials.table,
                columns: credentials.columns(),
                does: &[
                    Does::Select,
                    Does::Insert(&["user_index", "hash"]),
                    Does::Update(&["hash"]),
                    Does::Delete,
                ],
            },
            Wanted {
                option: "epos_fdsn",
                table: &epos_fdsn.table,
                columns: epos_fdsn.columns(),
                does: &[Does::Select],
            },
        ];
        let (session, [u, c, g]) = open(DATABASE, &self.url, wanted).await?;
        let sql = Sql::of(&self.tables, &u, &c, &g);
        Ok(Opened { session, sql })
    }

    fn is_closed(opened: &Opened) -> bool {
        opened.session.is_closed()
    }
}

fn names(logins: &[LoginName]) -> Vec<&str> {
    logins.iter().map(LoginName::as_str).collect()
}

/// Reads a login; the statements find none that is spelled otherwise.
pub(super) fn parse(text: &str) -> Option<LoginName> {
    text.parse().ok()
}

impl Opened {
    /// Answers by group which networks it means.
    async fn mean(&mut self, groups: &[&str]) -> Result<HashMap<String, Vec<Network>>, Error> {
        let statement = self.session.statement(&self.sql.mean).await?;
        let rows = self.session.client().query(&statement, &[&groups]).await;
        let mut meant: HashMap<String, Vec<Network>> = HashMap::new();
        for row in rows.map_err(|error| failed(DATABASE, &error))? {
            // What is not filled in means nothing.
            let (Some(code), Some(start_year), Some(end_year)) = (row.get(1), row.get(2), row.get(3)) else {
                continue;
            };
            meant.entry(row.get(0)).or_default().push(Network { code, start_year, end_year });
        }
        Ok(meant)
    }

    /// Writes logins and hashes, and answers which of the names stand there now.
    async fn admit(&mut self, admissions: &[Admission]) -> Result<Vec<String>, Error> {
        let mut latest: Vec<&Admission> = admissions.iter().collect();
        // The same login twice in one turn: the later end is the one that counts.
        latest.sort_by(|a, b| (a.login.as_str(), b.ends).cmp(&(b.login.as_str(), a.ends)));
        latest.dedup_by(|later, first| later.login == first.login);
        let logins: Vec<&str> = latest.iter().map(|admission| admission.login.as_str()).collect();
        let hashes: Vec<&str> = latest.iter().map(|admission| admission.hash.expose()).collect();
        let ends: Vec<String> = latest.iter().map(|admission| stored(admission.ends)).collect();
        let statement = self.session.statement(&self.sql.admit).await?;
        let said = |error: tokio_postgres::Error| failed(DATABASE, &error);
        let transaction = self.session.begin(&logins).await?;
        let rows = transaction.query(&statement, &[&logins, &hashes, &ends]).await.map_err(said)?;
        let admitted = rows.iter().map(|row| row.get(0)).collect();
        // A crash before this line leaves privileges of a name that nobody can use, and our own record
        // that it is pending; after it, a login that works and whose password nobody was told.
        transaction.commit().await.map_err(said)?;
        Ok(admitted)
    }

    /// Takes logins and hashes away, in one transaction; `named` is told who goes before they do.
    pub async fn dismiss<E: From<Error>, F: Future<Output = Result<(), E>>>(
        &mut self,
        logins: &[LoginName],
        named: impl FnOnce(Vec<LoginName>) -> F,
    ) -> Result<(), E> {
        let logins = names(logins);
        let hashes = self.session.statement(&self.sql.forget_hashes).await?;
        let users = self.session.statement(&self.sql.forget_users).await?;
        let said = |error: tokio_postgres::Error| failed(DATABASE, &error);
        let transaction = self.session.begin(&logins).await?;
        transaction.execute(&hashes, &[&logins]).await.map_err(said)?;
        let gone = transaction.query(&users, &[&logins]).await.map_err(said)?;
        named(gone.iter().filter_map(|row| parse(row.get(0))).collect()).await?;
        // A crash before this line leaves all as it was, named or not; after it, privileges of a name that nobody can
        // use. Our own record goes last, so either is taken up again.
        Ok(transaction.commit().await.map_err(said)?)
    }

    /// Returns temporary logins whose end has passed, by the clock that others judge them by.
    pub async fn ended(&mut self, ours: &[LoginName], most: u32) -> Result<Vec<LoginName>, Error> {
        let statement = self.session.statement(&self.sql.ended).await?;
        let rows = self.session.client().query(&statement, &[&names(ours), &i64::from(most)]).await;
        let rows = rows.map_err(|error| failed(DATABASE, &error))?;
        Ok(rows.iter().filter_map(|row| parse(row.get(0))).collect())
    }

    /// Returns all temporary logins of others.
    pub async fn temporary(&mut self, ours: &[LoginName]) -> Result<Vec<Temporary>, Error> {
        let statement = self.session.statement(&self.sql.temporary).await?;
        let rows = self.session.client().query(&statement, &[&names(ours)]).await;
        let found = |row: &tokio_postgres::Row| {
            let login = parse(row.get(0))?;
            Some(Temporary { login, has_hash: row.get(1), ended: row.get(2), settled: row.get(3) })
        };
        Ok(rows.map_err(|error| failed(DATABASE, &error))?.iter().filter_map(found).collect())
    }

    /// Returns the users who are no temporary logins and whose end has not passed, each with their hash.
    pub async fn permanent(&mut self) -> Result<Vec<(String, Secret)>, Error> {
        let statement = self.session.statement(&self.sql.permanent).await?;
        let rows = self.session.client().query(&statement, &[]).await;
        let rows = rows.map_err(|error| failed(DATABASE, &error))?;
        let text =
            |row: &tokio_postgres::Row, column| row.get::<_, Option<String>>(column).unwrap_or_default();
        Ok(rows.iter().map(|row| (text(row, 0), Secret::new(text(row, 1)))).collect())
    }

    /// Returns those of `logins` that are users, static ones among them.
    pub async fn users_among(&mut self, logins: &[LoginName]) -> Result<Vec<LoginName>, Error> {
        let statement = self.session.statement(&self.sql.among).await?;
        let rows = self.session.client().query(&statement, &[&names(logins)]).await;
        let rows = rows.map_err(|error| failed(DATABASE, &error))?;
        Ok(rows.iter().filter_map(|row| parse(row.get(0))).collect())
    }
}

/// Asks what groups mean.
#[derive(Debug)]
pub(super) struct MeanGroups(pub Arc<Auth>);

impl Job for MeanGroups {
    type Place = Auth;
    type Item = Vec<String>;
    type Answer = Vec<(String, Network)>;

    fn place(&self) -> &Auth {
        &self.0
    }

    async fn run(
        &self,
        opened: &mut Opened,
        items: &[Vec<String>],
    ) -> Result<Vec<Vec<(String, Network)>>, Error> {
        let mut groups: Vec<&str> = items.iter().flatten().map(String::as_str).collect();
        groups.sort_unstable();
        groups.dedup();
        let meant = opened.mean(&groups).await?;
        let networks = |group: &String| {
            let networks = meant.get(group).into_iter().flatten();
            networks.map(|network| (group.clone(), network.clone())).collect::<Vec<_>>()
        };
        let of = |groups: &Vec<String>| groups.iter().flat_map(networks).collect();
        Ok(items.iter().map(of).collect())
    }
}

/// Writes logins; answers whether the name is ours now.
#[derive(Debug)]
pub(super) struct Admit(pub Arc<Auth>);

impl Job for Admit {
    type Place = Auth;
    type Item = Admission;
    type Answer = bool;

    fn place(&self) -> &Auth {
        &self.0
    }

    async fn run(&self, opened: &mut Opened, items: &[Admission]) -> Result<Vec<bool>, Error> {
        let admitted: std::collections::HashSet<String> = opened.admit(items).await?.into_iter().collect();
        Ok(items.iter().map(|item| admitted.contains(item.login.as_str())).collect())
    }
}
