//! People with an account: making one, and proving a password (Argon2id, RFC 9106).

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;

use super::record::{Happened, Recorder, What};
use crate::base::random::Random;
use crate::base::secret::Secret;
use crate::store::user::{self, UserRow};
use crate::store::{self, Change, CommitError};

/// Why there is no such account.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's.
    #[error("the name {0:?} is taken")]
    NameTaken(String),
    /// The operator's.
    #[error("{0:?} is no user name: 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.', '@'")]
    NotAName(String),
    /// The operator's.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
}

impl Role {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
        }
    }
}

/// OWASP's second choice for Argon2id: 19 MiB, two passes, one lane; some 30 ms here.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("the parameters are within RFC 9106's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Makes a password that nobody guesses: 128 bits in base32, in groups that can be read aloud.
pub fn generate_password(random: &Random) -> Secret {
    let letters = BASE32_NOPAD.encode(&random.bytes::<16>());
    let groups: Vec<&str> =
        letters.as_bytes().chunks(5).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    Secret::new(groups.join("-"))
}

/// Hashes a password for the store.
pub fn hash(password: &Secret, random: &Random) -> String {
    let salt = SaltString::encode_b64(&random.bytes::<16>()).expect("16 bytes are a good salt");
    argon2().hash_password(password.expose().as_bytes(), &salt).expect("the parameters are good").to_string()
}

/// Checks that a user may have this name.
///
/// # Errors
///
/// [`Error::NotAName`].
pub fn check_name(name: &str) -> Result<(), Error> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(good) {
        Ok(())
    } else {
        Err(Error::NotAName(name.to_owned()))
    }
}

/// Creates a user with a password that was hashed before.
///
/// # Errors
///
/// [`Error`].
pub async fn create(
    recorder: &Recorder,
    name: &str,
    password_hash: String,
    role: Role,
    by: &str,
    now: Timestamp,
) -> Result<(), Error> {
    check_name(name)?;
    let user = UserRow {
        name: name.to_owned(),
        password_hash,
        role: role.as_str().to_owned(),
        role_service: None,
        disabled_at: None,
    };
    let what = What::UserCreated { user: name.to_owned(), role: role.as_str().to_owned() };
    let happened = Happened { who: Some(by.to_owned()), ..Happened::done(what) };
    match recorder
        .commit(None, vec![Change::CreateUser(user::Create { user, at: now })], &[happened], now)
        .await
    {
        Ok(()) => Ok(()),
        Err(CommitError::Precondition) => Err(Error::NameTaken(name.to_owned())),
        Err(error) => Err(error.into()),
    }
}

/// Proves the password of `user`; takes some 30 ms of one core and 19 MiB, so call it on a thread
/// that may block, and not on many at once. The same work is done for `None`, a name that there is
/// not.
///
/// # Errors
///
/// [`store::Error::Damaged`].
pub fn prove(user: Option<UserRow>, password: &Secret) -> Result<Option<UserRow>, store::Error> {
    let stored = user.as_ref().map_or(DECOY, |user| user.password_hash.as_str());
    let hash = PasswordHash::new(stored)
        .map_err(|error| store::Error::Damaged { table: "users", reason: error.to_string() })?;
    let right = argon2().verify_password(password.expose().as_bytes(), &hash).is_ok();
    Ok(user.filter(|_| right))
}

/// The hash of a password that nobody has (its own hash bytes are zero), with our parameters.
const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoy_is_a_hash_like_any_other_and_proves_nothing() {
        let decoy = PasswordHash::new(DECOY).unwrap();
        assert!(argon2().verify_password(b"", &decoy).is_err());
    }

    #[test]
    fn a_password_is_proven_by_its_hash_alone() {
        let random = Random::new(|bytes| bytes.fill(5));
        let password = generate_password(&random);
        let text = hash(&password, &random);
        let parsed = PasswordHash::new(&text).unwrap();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(argon2().verify_password(password.expose().as_bytes(), &parsed).is_ok());
        assert!(argon2().verify_password(b"other", &parsed).is_err());
    }
}
