//! What a hash of a password costs: Argon2id (RFC 9106), whose text says what it was made with (PHC form).

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, Salt, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::base::random::Random;
use crate::base::secret::Secret;
use crate::store;

/// What one hash takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// How often the memory is gone through.
    pub passes: u32,
}

/// What a passwords' hash must have been: our own.
fn damaged(error: &impl ToString) -> store::Error {
    store::Error::Damaged { table: "users", reason: error.to_string() }
}

impl Cost {
    fn argon2(self) -> Argon2<'static> {
        // One lane: a login is one core's work, and many log in at once.
        let params = Params::new(self.memory_kib, self.passes, 1, None);
        let params = params.expect("the configuration keeps within RFC 9106's limits");
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    }

    /// Hashes a password with a fresh salt; takes a core and the memory, so not on many threads at once.
    pub fn hash(self, password: &Secret, random: &Random) -> String {
        let salt = SaltString::encode_b64(&random.bytes::<16>()).expect("16 bytes are a good salt");
        self.hash_with(password, salt.as_salt())
    }

    /// Hashes a password that `stored` is the hash of at this cost: the salt stays, which tells a hash that was made
    /// anew from another password.
    pub(super) fn raise(self, stored: &str, password: &Secret) -> Result<String, store::Error> {
        let salt = PasswordHash::new(stored).map_err(|error| damaged(&error))?.salt;
        Ok(self.hash_with(password, salt.ok_or_else(|| damaged(&"a hash without salt"))?))
    }

    fn hash_with(self, password: &Secret, salt: Salt<'_>) -> String {
        let hash = self.argon2().hash_password(password.expose().as_bytes(), salt);
        hash.expect("the parameters are good").to_string()
    }

    /// The hash of a password that nobody has (its own bytes are zero): as much work as for somebody.
    fn decoy(self) -> String {
        let (salt, hash) = ("A".repeat(22), "A".repeat(43));
        format!("$argon2id$v=19$m={},t={},p=1${salt}${hash}", self.memory_kib, self.passes)
    }

    /// Finds out whether `password` is what `stored` was made of; `None`, somebody without a password, takes as long
    /// and is wrong. Not on many threads at once.
    pub(super) fn proves(self, stored: Option<&str>, password: &Secret) -> Result<bool, store::Error> {
        let text = stored.map_or_else(|| self.decoy(), str::to_owned);
        let hash = PasswordHash::new(&text).map_err(|error| damaged(&error))?;
        let right = self.argon2().verify_password(password.expose().as_bytes(), &hash).is_ok();
        Ok(right && stored.is_some())
    }

    /// Whether `stored` was made with less.
    pub(super) fn exceeds(self, stored: &str) -> Result<bool, store::Error> {
        let hash = PasswordHash::new(stored).map_err(|error| damaged(&error))?;
        let made_with = Params::try_from(&hash).map_err(|error| damaged(&error))?;
        let work = |memory: u32, passes: u32| u64::from(memory) * u64::from(passes);
        Ok(work(made_with.m_cost(), made_with.t_cost()) < work(self.memory_kib, self.passes)
            || made_with.m_cost() < self.memory_kib)
    }
}

/// What tells one password of a user from the next, without telling anything of either: the salt of its hash.
pub fn salt_of(stored: &str) -> Option<String> {
    Some(PasswordHash::new(stored).ok()?.salt?.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 2 };

    fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    #[test]
    fn the_decoy_is_a_hash_like_any_other_and_proves_nothing() {
        let decoy = CHEAP.decoy();
        assert!(!CHEAP.proves(Some(&decoy), &secret("")).unwrap());
        assert!(!CHEAP.proves(None, &secret("")).unwrap());
        assert!(!CHEAP.exceeds(&decoy).unwrap(), "it costs as much as any other");
    }

    #[test]
    fn a_password_is_proven_by_its_hash_alone_whatever_that_was_made_with() {
        let random = Random::new(|bytes| bytes.fill(5));
        let text = CHEAP.hash(&secret("correct horse"), &random);
        assert!(text.starts_with("$argon2id$v=19$m=64,t=2,p=1$"), "{text}");
        let dearer = Cost { memory_kib: 128, passes: 2 };
        assert!(dearer.proves(Some(&text), &secret("correct horse")).unwrap());
        assert!(!dearer.proves(Some(&text), &secret("other")).unwrap());
    }

    #[test]
    fn a_hash_that_cost_less_is_made_anew_with_the_same_salt() {
        let random = Random::new(|bytes| bytes.fill(5));
        let text = CHEAP.hash(&secret("correct horse"), &random);
        let dearer = Cost { memory_kib: 128, passes: 1 };
        assert!(dearer.exceeds(&text).unwrap() && !CHEAP.exceeds(&text).unwrap());
        let raised = dearer.raise(&text, &secret("correct horse")).unwrap();
        assert!(!dearer.exceeds(&raised).unwrap());
        assert!(dearer.proves(Some(&raised), &secret("correct horse")).unwrap());
        assert_eq!(salt_of(&raised), salt_of(&text));
    }
}
