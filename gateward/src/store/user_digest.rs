//! What answers of users to HTTP Digest challenges are compared with.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader};

/// Where one comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Made here, with a generated password.
    Generated,
    /// Imported from a file of Apache's `htdigest`.
    Htdigest,
    /// Imported from RESIF's databases.
    Resif,
}

impl Origin {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Htdigest => "htdigest",
            Self::Resif => "resif",
        }
    }
}

impl std::str::FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let all = [Self::Generated, Self::Htdigest, Self::Resif];
        all.into_iter().find(|origin| origin.as_str() == text).ok_or("no origin of a Digest verifier")
    }
}

/// One user's.
#[derive(Debug, Clone)]
pub struct UserDigest {
    /// Whose.
    pub user: String,
    /// For which realm.
    pub realm: String,
    /// MD5 of name, realm and password (RFC 7616 section 3.4.2), in hex, sealed to this row.
    pub sealed_ha1: Vec<u8>,
    /// Where it comes from.
    pub origin: Origin,
    /// When it was set.
    pub set_at: Timestamp,
}

const TABLE: &str = "user_digest";

fn row(row: &Row<'_>) -> Result<UserDigest, Unfit> {
    Ok(UserDigest {
        user: row.string(0)?,
        realm: row.string(1)?,
        sealed_ha1: row.bytes(2)?.to_vec(),
        origin: row.parsed(3)?,
        set_at: row.time(4)?,
    })
}

/// Finds that of one user.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn find(reader: &Reader, user: &str) -> Result<Option<UserDigest>, Error> {
    let sql = "SELECT user_name, realm, sealed_ha1, origin, set_at FROM user_digest WHERE user_name = ?1";
    reader.first(Query::of(TABLE, sql, values![user]), row).await
}

/// Returns how many there are, and how many of them are for another realm than `realm`.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn count(reader: &Reader, realm: &str) -> Result<(i64, i64), Error> {
    let sql = "SELECT count(*), count(CASE WHEN realm <> ?1 THEN 1 END) FROM user_digest";
    let counted =
        reader.first(Query::of(TABLE, sql, values![realm]), |row| Ok((row.integer(0)?, row.integer(1)?)));
    Ok(counted.await?.unwrap_or((0, 0)))
}

/// Returns the ids of the keys that they are sealed with.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn key_ids(reader: &Reader) -> Result<Vec<String>, Error> {
    // What is sealed begins with its key's id: its length in one byte, then as many. The next byte differs in each row, so
    // the database is asked for no more than the ids, of however many users.
    let lengths = "SELECT DISTINCT substr(sealed_ha1, 1, 1) FROM user_digest";
    let lengths = reader.all(Query::of(TABLE, lengths, Vec::new()), |row| row.array::<1>(0)).await?;
    let mut ids = Vec::new();
    for length in lengths {
        let sql = format!(
            "SELECT DISTINCT substr(sealed_ha1, 2, {}) FROM user_digest WHERE substr(sealed_ha1, 1, 1) = ?1",
            length[0]
        );
        let named = reader.all(Query::of(TABLE, &sql, values![&length]), |row| {
            let unfit = |_| Unfit { column: 0, reason: "it names no key".into() };
            std::str::from_utf8(row.bytes(0)?).map(str::to_owned).map_err(unfit)
        });
        ids.extend(named.await?);
    }
    Ok(ids)
}

/// Sets that of a user, in the stead of any that was there.
#[derive(Debug)]
pub struct Put(pub UserDigest);

impl Put {
    pub(super) fn statement(&self) -> Statement<'_> {
        let UserDigest { user, realm, sealed_ha1, origin, set_at } = &self.0;
        Statement::one(
            "INSERT INTO user_digest (user_name, realm, sealed_ha1, origin, set_at) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (user_name) DO UPDATE SET realm = ?2, sealed_ha1 = ?3, origin = ?4, set_at = ?5",
            values![user, realm, sealed_ha1.as_slice(), origin.as_str(), *set_at],
        )
    }
}

/// Takes that of a user away, if there is one.
#[derive(Debug)]
pub struct Forget {
    /// Whose.
    pub user: String,
}

impl Forget {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any("DELETE FROM user_digest WHERE user_name = ?1", values![&self.user])
    }
}
