//! RESIF's own two databases, into which a drop-in for its `eidaws-auth` writes.
//!
//! One has the logins and the hashes that data services compare passwords with, the other one who
//! may have which network; both may be the same database. They are not ours: we may do what its
//! operators grant and no more, write as `eidaws-auth` wrote, and touch nobody whom it did not make.
//!
//! Two databases are two transactions. Whatever stands in either can be written again and taken away
//! again; `store::placement` remembers in our own store how far we came.

mod auth;
mod gather;
mod privileges;
mod schema;
mod session;

use std::collections::HashSet;
use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::id::LoginName;
use crate::base::postgres_url::PostgresUrl;
use crate::base::resif::Tables;
use crate::base::secret::Secret;
use gather::{Connects as _, Gather, TURN, in_time};

/// How long a login may be in the placing, once its networks are known: to be granted and to be
/// admitted each wait for a turn and take one, and a server may go on for a while with what nobody waits
/// for any more.
pub const LONGEST_PLACING: Duration = TURN.saturating_mul(4).saturating_add(session::LONGEST_STATEMENT);

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// Logins and hashes.
    Auth,
    /// Networks and who may have them.
    Privileges,
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auth => "the database of logins",
            Self::Privileges => "the database of privileges",
        })
    }
}

/// Why something does not stand there, or still does.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// It may come back; what was asked may or may not have been done.
    #[error("{database} cannot be reached: {reason}")]
    Unreachable {
        /// Which.
        database: Database,
        /// What the network or the server said.
        reason: String,
    },
    /// The operator's: tables, columns or privileges are missing.
    #[error("{database} is not as it should be: {}", .lacks.join(" "))]
    Unfit {
        /// Which.
        database: Database,
        /// What is missing, each with what mends it.
        lacks: Vec<String>,
    },
    /// The operator's: the database said no.
    #[error("{database} refused: {reason}")]
    Refused {
        /// Which.
        database: Database,
        /// What the server said.
        reason: String,
    },
    /// Somebody who is no temporary login has this name.
    #[error("the login {0} belongs to somebody else")]
    Taken(LoginName),
}

impl Error {
    /// Whether waiting may mend it.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// A network as RESIF names it: a code with its first and last year.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    /// The code.
    pub code: String,
    /// The first year.
    pub start_year: i32,
    /// The last year; 2500 by RESIF's custom while it runs.
    pub end_year: i32,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}-{}", self.code, self.start_year, self.end_year)
    }
}

/// A network that is there, with its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Numbered {
    /// Which.
    pub network: Network,
    /// Its number in `networks`.
    pub id: i64,
}

/// What groups mean.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meant {
    /// Those of the groups that mean anything, each once.
    pub groups: Vec<String>,
    /// The networks that are there, each once.
    pub networks: Vec<Numbered>,
    /// Those that `epos_fdsn` names and `networks` does not have.
    pub unknown: Vec<Network>,
}

/// A login to be placed.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Its name.
    pub login: LoginName,
    /// `md5(login:realm:password)`, in hexadecimal digits.
    pub hash: Secret,
    /// When it ends; an end that stands there already is never moved back.
    pub ends: Timestamp,
}

/// What somebody else left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Orphans {
    /// Temporary logins whose end has passed.
    pub ended: Vec<LoginName>,
    /// Temporary logins without a hash, or without any privilege, that nobody is making just now.
    pub halves: Vec<LoginName>,
    /// Names with privileges that no user has.
    pub nobodies: Vec<LoginName>,
}

impl Orphans {
    /// Drops those that are `ours` after all.
    pub fn retain_others(&mut self, ours: &[LoginName]) {
        let ours: HashSet<&str> = ours.iter().map(LoginName::as_str).collect();
        for found in [&mut self.ended, &mut self.halves, &mut self.nobodies] {
            found.retain(|login| !ours.contains(login.as_str()));
        }
    }
}

/// The two databases.
#[derive(Debug)]
pub struct Resif {
    auth: Arc<auth::Auth>,
    privileges: Arc<privileges::Privileges>,
    groups: Gather<auth::MeanGroups>,
    admissions: Gather<auth::Admit>,
    networks: Gather<privileges::FindNetworks>,
    grants: Gather<privileges::Grant>,
}

impl Resif {
    /// Knows the databases; they are connected to when they are needed.
    pub fn new(auth: PostgresUrl, privileges: PostgresUrl, tables: Tables) -> Self {
        let tables = Arc::new(tables);
        let auth = Arc::new(auth::Auth::new(auth, Arc::clone(&tables)));
        let privileges = Arc::new(privileges::Privileges::new(privileges, tables));
        Self {
            groups: Gather::new(auth::MeanGroups(Arc::clone(&auth))),
            admissions: Gather::new(auth::Admit(Arc::clone(&auth))),
            networks: Gather::new(privileges::FindNetworks(Arc::clone(&privileges))),
            grants: Gather::new(privileges::Grant(Arc::clone(&privileges))),
            auth,
            privileges,
        }
    }

    /// Checks tables, columns and privileges of both.
    pub async fn check(&self) -> Vec<Error> {
        let auth = in_time(Database::Auth, self.auth.open()).await.err();
        let privileges = in_time(Database::Privileges, self.privileges.open()).await.err();
        auth.into_iter().chain(privileges).collect()
    }

    /// Finds out which networks `groups` mean, at this very moment.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn mean(&self, groups: Vec<String>) -> Result<Meant, Error> {
        let rows = self.groups.ask(groups).await?;
        let (mut groups, mut named): (Vec<String>, Vec<Network>) = rows.into_iter().unzip();
        groups.sort();
        groups.dedup();
        named.sort();
        named.dedup();
        if named.is_empty() {
            return Ok(Meant::default());
        }
        let networks = self.networks.ask(named.clone()).await?;
        let is_there = |network: &Network| networks.iter().any(|numbered| numbered.network == *network);
        let unknown = named.into_iter().filter(|network| !is_there(network)).collect();
        Ok(Meant { groups, networks, unknown })
    }

    /// Gives `login` exactly `networks`, whatever it had; committed when this returns.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn grant(&self, login: LoginName, networks: Vec<Numbered>) -> Result<(), Error> {
        self.grants.ask((login, networks)).await
    }

    /// Writes a login and its hash, or moves its end; committed when this returns.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn admit(&self, admission: Admission) -> Result<(), Error> {
        let login = admission.login.clone();
        if self.admissions.ask(admission).await? { Ok(()) } else { Err(Error::Taken(login)) }
    }

    /// Takes logins and hashes away; committed when this returns. Whoever is no temporary login stays.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn dismiss(&self, logins: &[LoginName]) -> Result<(), Error> {
        self.dismiss_named(logins, |_| ready(Ok(()))).await
    }

    /// The same; `named` records who goes before it is committed, and keeps them by its error.
    ///
    /// # Errors
    ///
    /// [`Error`], and those of `named`.
    pub async fn dismiss_named<E: From<Error>, F: Future<Output = Result<(), E>>>(
        &self,
        logins: &[LoginName],
        named: impl FnOnce(Vec<LoginName>) -> F,
    ) -> Result<(), E> {
        let dismissed = async { self.auth.open().await?.dismiss(logins, named).await };
        in_time(Database::Auth, dismissed).await
    }

    /// Takes every privilege of `logins` away; committed when this returns.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn deprive(&self, logins: &[LoginName]) -> Result<(), Error> {
        self.deprive_named(logins, |_| ready(Ok(()))).await
    }

    /// The same; `named` records whose privileges go before it is committed, and keeps them by its error.
    ///
    /// # Errors
    ///
    /// [`Error`], and those of `named`.
    pub async fn deprive_named<E: From<Error>, F: Future<Output = Result<(), E>>>(
        &self,
        logins: &[LoginName],
        named: impl FnOnce(Vec<LoginName>) -> F,
    ) -> Result<(), E> {
        let deprived = async { self.privileges.open().await?.deprive(logins, named).await };
        in_time(Database::Privileges, deprived).await
    }

    /// Returns temporary logins whose end has passed by the database's clock, `most` of them, without
    /// those that are `ours`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn ended(&self, ours: &[LoginName], most: u32) -> Result<Vec<LoginName>, Error> {
        in_time(Database::Auth, async { self.auth.open().await?.ended(ours, most).await }).await
    }

    /// Returns the users whom nobody makes for a day: login, and the hash that stands for the password.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn permanent(&self) -> Result<Vec<(String, Secret)>, Error> {
        in_time(Database::Auth, async { self.auth.open().await?.permanent().await }).await
    }

    /// Looks for what somebody else left behind; nothing of `ours` is among it.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn orphans(&self, ours: &[LoginName]) -> Result<Orphans, Error> {
        let temporary = async { self.auth.open().await?.temporary(ours).await };
        let temporary = in_time(Database::Auth, temporary).await?;
        let named = async { self.privileges.open().await?.names(ours).await };
        let named = in_time(Database::Privileges, named).await?;
        let with_user = async { self.auth.open().await?.users_among(&named).await };
        let with_user = in_time(Database::Auth, with_user).await?;
        let mut orphans = Orphans::default();
        for found in temporary {
            if found.ended {
                orphans.ended.push(found.login);
            } else if found.settled && !(found.has_hash && named.contains(&found.login)) {
                orphans.halves.push(found.login);
            }
        }
        orphans.nobodies = named.into_iter().filter(|name| !with_user.contains(name)).collect();
        Ok(orphans)
    }
}
