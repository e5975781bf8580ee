//! The keys that lie outside the database, and what each is for.
//!
//! One file, the same on all replicas. Every key has an id that rows made with it carry; for each
//! purpose a sub-key is derived (HKDF-SHA-256, RFC 5869), so no key serves two ends.

mod file;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use backup_manifest::{Signer, VerifierKey};
use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER};
use http_digest::{NonceKey, NonceKeys};
use jiff::Timestamp;
use serde::Serialize;
use signed_note::Cosigner;
use zeroize::Zeroizing;

use self::file::{FileKey, FileLogKey};
pub use self::file::{add_log_key, generate, retire, rotate};
use crate::base::random::Random;
use crate::base::secret::Secret;

/// Why a keyring cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator edited it, or it was cut.
    #[error("the keyring cannot be read: {0}")]
    Syntax(String),
    /// It has no key that new logins could be made with.
    #[error("the keyring has no key in use: `gateward key rotate` adds one")]
    NoActiveKey,
    /// The operator asked for a key that is not there.
    #[error("the keyring has no key {0:?}: `gateward key list` shows those it has")]
    NoSuchKey(String),
    /// The last active key cannot go before another took its place.
    #[error("{0:?} is the only key in use: run `gateward key rotate` first")]
    LastActiveKey(String),
    /// It is there, and whoever keeps checkpoints goes by it: it is never made anew.
    #[error("the keyring has a key for the log already: `gateward audit key` shows what others need of it")]
    HasLogKey,
}

/// Says that a sealed value was not sealed by this keyring for this place.
#[derive(Debug, thiserror::Error)]
#[error("a sealed value in {table} cannot be opened: damaged, moved, or its key is missing")]
pub struct CannotOpen {
    table: &'static str,
}

/// Where a sealed value stands; a value moved elsewhere does not open.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// What names the row.
    pub row: &'a str,
    /// The column.
    pub column: &'static str,
}

impl Place<'_> {
    /// Says that what stands there is not what was sealed.
    pub fn cannot_open(&self) -> CannotOpen {
        CannotOpen { table: self.table }
    }

    fn binding(&self) -> Vec<u8> {
        format!("{}\0{}\0{}", self.table, self.row, self.column).into_bytes()
    }
}

/// What may be shown of a key.
#[derive(Debug, Clone, Serialize)]
pub struct KeyDescription {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created: Timestamp,
    /// Since when nothing new is made with it; `None` while in use.
    pub retired: Option<Timestamp>,
}

struct Key {
    description: KeyDescription,
    login: hmac::Key,
    seal: LessSafeKey,
    pseudonym: hmac::Key,
    index: hmac::Key,
    nonce: Zeroizing<[u8; 32]>,
    manifest: Signer,
}

/// What signatures beside backups are made under.
const MANIFEST_SIGNER: &str = "gateward-backup";

/// What the log's checkpoints are signed with; a key of its own, so that whoever has only what the database needs
/// cannot sign.
struct LogKey {
    seed: Zeroizing<[u8; 32]>,
    created: Timestamp,
}

/// The keys, ready for use.
pub struct Keyring {
    /// As in the file, oldest first.
    keys: Vec<Key>,
    log: Option<LogKey>,
    /// The newest that is not retired.
    active: usize,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.description)).finish()
    }
}

/// Fits all the sub-keys.
struct Bytes32;

impl hkdf::KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

fn derive(secret: &[u8; 32], purpose: &str) -> Zeroizing<[u8; 32]> {
    let mut derived = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"gateward keyring v1")
        .extract(secret)
        .expand(&[purpose.as_bytes()], Bytes32)
        .and_then(|okm| okm.fill(derived.as_mut()))
        .expect("32 bytes are below HKDF's limit of 255 hashes");
    derived
}

fn decode(secret: &str) -> Result<Zeroizing<[u8; 32]>, &'static str> {
    let decoded = Zeroizing::new(BASE64.decode(secret.as_bytes()).map_err(|_| "its secret is not base64")?);
    let secret = <[u8; 32]>::try_from(decoded.as_slice()).map_err(|_| "its secret has not 32 bytes")?;
    Ok(Zeroizing::new(secret))
}

impl LogKey {
    fn prepare(file: &FileLogKey) -> Result<Self, Error> {
        let seed =
            decode(&file.secret).map_err(|reason| Error::Syntax(format!("the key of the log: {reason}")))?;
        Ok(Self { seed, created: file.created })
    }
}

impl Key {
    fn prepare(file: &FileKey) -> Result<Self, Error> {
        let syntax = |reason: &str| Error::Syntax(format!("key {:?}: {reason}", file.id));
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !(1..=32).contains(&file.id.len()) || !file.id.bytes().all(good) {
            return Err(syntax("its id has other letters than a-z, A-Z, 0-9 and '-', or more than 32"));
        }
        let secret = decode(&file.secret).map_err(syntax)?;
        let hmac_key = |purpose| hmac::Key::new(hmac::HMAC_SHA256, derive(&secret, purpose).as_ref());
        let seal = UnboundKey::new(&AES_256_GCM, derive(&secret, "sealing").as_ref())
            .expect("AES-256 takes 32 bytes");
        Ok(Self {
            description: KeyDescription { id: file.id.clone(), created: file.created, retired: file.retired },
            login: hmac_key("temporary logins"),
            seal: LessSafeKey::new(seal),
            pseudonym: hmac_key("pseudonyms"),
            index: hmac_key("audit index"),
            nonce: derive(&secret, "nonces"),
            manifest: Signer::from_seed(MANIFEST_SIGNER, &derive(&secret, "backup manifest"))
                .expect("a word is a name"),
        })
    }
}

impl Keyring {
    /// Reads a keyring from the text of its file.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`], [`Error::NoActiveKey`]: the operator's to mend.
    pub fn parse(text: &Secret) -> Result<Self, Error> {
        let file = file::read(text)?;
        let keys = file.key.iter().map(Key::prepare).collect::<Result<Vec<_>, _>>()?;
        let log = file.log.as_ref().map(LogKey::prepare).transpose()?;
        let active =
            keys.iter().rposition(|key| key.description.retired.is_none()).ok_or(Error::NoActiveKey)?;
        Ok(Self { keys, log, active })
    }

    /// Returns what may be shown, oldest key first.
    pub fn descriptions(&self) -> impl Iterator<Item = &KeyDescription> {
        self.keys.iter().map(|key| &key.description)
    }

    /// Returns the id of the key that new logins are made with.
    pub fn active_id(&self) -> &str {
        &self.keys[self.active].description.id
    }

    /// Tells whether the key `id` is here.
    pub fn has(&self, id: &str) -> bool {
        self.key(id).is_some()
    }

    fn key(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.description.id == id)
    }

    /// Makes the password of a temporary login: 26 letters of base32, 130 bits.
    ///
    /// It is a keyed hash over the login's salt and its token's identity: neither the database nor
    /// the keyring alone suffices to know it. `None` when the key `id` is missing.
    pub fn login_password(&self, id: &str, salt: &[u8; 16], identity: &[u8; 32]) -> Option<Secret> {
        let mut context = hmac::Context::with_key(&self.key(id)?.login);
        context.update(b"password of a temporary login v1");
        context.update(salt);
        context.update(identity);
        let mut text = BASE32_NOPAD.encode(&context.sign().as_ref()[..17]);
        text.truncate(26);
        Some(Secret::new(text))
    }

    /// Makes the pseudonym of a person: the same for the same issuer and mail address, on every
    /// login, and worth nothing without the keyring. The oldest key makes it, so that rotation
    /// does not tear one person in two.
    pub fn pseudonym(&self, issuer: &str, mail: &str) -> String {
        let mut context = hmac::Context::with_key(&self.keys[0].pseudonym);
        context.update(issuer.as_bytes());
        context.update(b"\0");
        context.update(mail.as_bytes());
        HEXLOWER.encode(&context.sign().as_ref()[..16])
    }

    /// Makes what stands in the index of the log for a parameter and its value: worth nothing without the
    /// keyring. The oldest key makes it, so that rotation leaves the index as it is.
    pub fn index_term(&self, parameter: &str, value: &str) -> i64 {
        let mut context = hmac::Context::with_key(&self.keys[0].index);
        context.update(parameter.as_bytes());
        context.update(b"\0");
        context.update(value.as_bytes());
        let tag = context.sign();
        let first = tag.as_ref().first_chunk().expect("a hash of SHA-256 has 32 bytes");
        // Six bytes of it: SQLite writes these in six.
        i64::from_be_bytes(*first) >> 16
    }

    /// Seals `plain` for `place` with the active key (AES-256-GCM): key id, nonce, ciphertext.
    pub fn seal(&self, place: Place<'_>, plain: &str, random: &Random) -> Vec<u8> {
        let key = &self.keys[self.active];
        let nonce = random.bytes::<NONCE_LEN>();
        let id = key.description.id.as_bytes();
        let mut sealed = vec![u8::try_from(id.len()).expect("ids have at most 32 bytes")];
        sealed.extend_from_slice(id);
        sealed.extend_from_slice(&nonce);
        let mut text = plain.as_bytes().to_vec();
        key.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.binding()),
                &mut text,
            )
            .expect("a mail address is below AES-GCM's limit");
        sealed.append(&mut text);
        sealed
    }

    /// Opens what [`Keyring::seal`] sealed for the same `place`.
    ///
    /// # Errors
    ///
    /// [`CannotOpen`].
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Secret, CannotOpen> {
        let open = || {
            let (length, rest) = sealed.split_first()?;
            let (id, rest) = rest.split_at_checked(usize::from(*length))?;
            let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
            let key = self.key(std::str::from_utf8(id).ok()?)?;
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut text = Zeroizing::new(text.to_vec());
            let plain = key.seal.open_in_place(nonce, Aad::from(place.binding()), &mut text).ok()?;
            Some(Secret::new(std::str::from_utf8(plain).ok()?.to_owned()))
        };
        open().ok_or_else(|| place.cannot_open())
    }

    /// Returns the keys of Digest nonces: the active one signs, all are believed.
    pub fn nonce_keys(&self) -> NonceKeys {
        let key = |key: &Key| NonceKey::new(*key.nonce);
        let others = self.keys.iter().enumerate().filter(|(at, _)| *at != self.active);
        NonceKeys::new(key(&self.keys[self.active]), others.map(|(_, other)| key(other)).collect())
    }

    /// When the key that signs the log's checkpoints was made; `None` while there is none.
    pub fn log_key_made_at(&self) -> Option<Timestamp> {
        self.log.as_ref().map(|key| key.created)
    }

    /// Returns what signs the checkpoints of the log `origin` (c2sp.org/tlog-checkpoint: the key has the log's name);
    /// `None` while the keyring has no key for it.
    ///
    /// # Errors
    ///
    /// [`signed_note::NotAName`]: no log is called so.
    pub fn log_signer(&self, origin: &str) -> Result<Option<Signer>, signed_note::NotAName> {
        self.log.as_ref().map(|key| Signer::from_seed(origin, &key.seed)).transpose()
    }

    /// Returns what cosigns the checkpoints of others (c2sp.org/tlog-cosignature), under `name`; `None` while the keyring has
    /// no key for the log, which it is made from.
    ///
    /// # Errors
    ///
    /// [`signed_note::NotAName`]: no key is called so.
    pub fn cosigner(&self, name: &str) -> Result<Option<Cosigner>, signed_note::NotAName> {
        let seed = self.log.as_ref().map(|key| derive(&key.seed, "cosignatures"));
        seed.map(|seed| Cosigner::from_seed(name, &seed)).transpose()
    }

    /// Returns what signs whatever lies beside a backup.
    pub fn manifest_signer(&self) -> &Signer {
        &self.keys[self.active].manifest
    }

    /// Returns whose signatures beside backups count, oldest first: those of retired keys, too, since backups
    /// outlive them.
    pub fn manifest_verifiers(&self) -> Vec<VerifierKey> {
        self.keys.iter().map(|key| key.manifest.verifier_key().clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    fn random() -> Random {
        let count = AtomicU8::new(1);
        Random::new(move |bytes| bytes.fill(count.fetch_add(1, Ordering::Relaxed)))
    }

    const PLACE: Place<'_> = Place { table: "temporary_login", row: "A", column: "sealed_mail" };

    #[test]
    fn a_sealed_value_opens_only_where_it_was_sealed() {
        let random = random();
        let keyring = Keyring::parse(&generate(Timestamp::UNIX_EPOCH, &random)).unwrap();
        let sealed = keyring.seal(PLACE, "a@example.org", &random);
        assert_eq!(keyring.open(PLACE, &sealed).unwrap().expose(), "a@example.org");
        assert!(keyring.open(Place { row: "B", ..PLACE }, &sealed).is_err());
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(keyring.open(PLACE, &damaged).is_err(), "byte {at}");
            assert!(keyring.open(PLACE, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_retired_key_still_makes_the_passwords_of_its_logins() {
        let random = random();
        let first = generate(Timestamp::UNIX_EPOCH, &random);
        let id = Keyring::parse(&first).unwrap().active_id().to_owned();
        let before = Keyring::parse(&first).unwrap().login_password(&id, &[1; 16], &[2; 32]).unwrap();
        let both = rotate(&first, Timestamp::UNIX_EPOCH, &random).unwrap();
        let after = Keyring::parse(&retire(&both, &id, Timestamp::UNIX_EPOCH).unwrap()).unwrap();
        assert_ne!(after.active_id(), id);
        assert_eq!(after.login_password(&id, &[1; 16], &[2; 32]).unwrap().expose(), before.expose());
        assert_eq!(before.expose().len(), 26);
    }

    #[test]
    fn the_last_key_in_use_cannot_be_retired() {
        let random = random();
        let text = generate(Timestamp::UNIX_EPOCH, &random);
        let id = Keyring::parse(&text).unwrap().active_id().to_owned();
        assert!(matches!(retire(&text, &id, Timestamp::UNIX_EPOCH), Err(Error::LastActiveKey(_))));
    }

    #[test]
    fn a_keyring_from_before_there_were_checkpoints_gets_its_key_for_the_log_once() {
        assert!(frozen().log_signer("gateward/a").unwrap().is_none());
        let old = Secret::new(FROZEN.into());
        let with = add_log_key(&old, Timestamp::UNIX_EPOCH, &random()).unwrap();
        let keyring = Keyring::parse(&with).unwrap();
        let signer = keyring.log_signer("gateward/a").unwrap().unwrap();
        assert_eq!(signer.verifier_key().id().name, "gateward/a");
        assert_ne!(signer.verifier_key().public(), keyring.manifest_signer().verifier_key().public());
        assert_eq!(keyring.descriptions().count(), frozen().descriptions().count());
        let again = add_log_key(&with, Timestamp::UNIX_EPOCH, &random());
        assert!(matches!(again, Err(Error::HasLogKey)), "a second key would not fit what others keep");
        let rotated = Keyring::parse(&rotate(&with, Timestamp::UNIX_EPOCH, &random()).unwrap()).unwrap();
        let same = rotated.log_signer("gateward/a").unwrap().unwrap();
        assert_eq!(same.verifier_key(), signer.verifier_key());
    }

    #[test]
    fn an_error_about_the_keyring_never_quotes_a_secret() {
        let text = Secret::new("[[key]]\nid = \"k\"\nsecret = \"c2VjcmV0\ncreated = 1\n".into());
        assert_eq!(Keyring::parse(&text).unwrap_err().to_string(), "the keyring cannot be read: line 3");
    }

    /// A keyring as version 1 writes it; the active key's secret is the bytes 0 to 31.
    const FROZEN: &str = r#"# Gateward's keyring. Whoever has it and the database can log in as every temporary login.
# Back it up apart from the database; without it nobody can log in any more.

[[key]]
id = "k-00010203"
secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
created = "2026-01-02T03:04:05Z"

[[key]]
id = "k-ffffffff"
secret = "//////////////////////////////////////////8="
created = "2026-02-03T04:05:06Z"
retired = "2026-03-04T05:06:07Z"
"#;

    fn frozen() -> Keyring {
        Keyring::parse(&Secret::new(FROZEN.into())).unwrap()
    }

    #[test]
    fn a_keyring_of_version_1_is_read_and_written_as_it_stands() {
        let keyring = frozen();
        let keys: Vec<_> = keyring
            .descriptions()
            .map(|key| (key.id.as_str(), key.created.to_string(), key.retired.map(|end| end.to_string())))
            .collect();
        assert_eq!(
            keys,
            [
                ("k-00010203", "2026-01-02T03:04:05Z".into(), None),
                ("k-ffffffff", "2026-02-03T04:05:06Z".into(), Some("2026-03-04T05:06:07Z".into())),
            ]
        );
        assert_eq!(keyring.active_id(), "k-00010203");
        assert_eq!(file::write(&file::read(&Secret::new(FROZEN.into())).unwrap()).expose(), FROZEN);
    }

    /// By Python's hmac and hashlib, HKDF spelled out (one block is all that 32 bytes take):
    ///
    /// ```python
    /// sha = lambda key, text: hmac.digest(key, text, "sha256")
    /// sub = lambda label: sha(sha(b"gateward keyring v1", bytes(range(32))), label + b"\x01")
    /// text = b"password of a temporary login v1" + b"\x01" * 16 + b"\x02" * 32
    /// base64.b32encode(sha(sub(b"temporary logins"), text))[:26]
    /// ```
    #[test]
    fn the_password_of_a_login_is_the_one_that_python_computes() {
        let password = frozen().login_password("k-00010203", &[1; 16], &[2; 32]).unwrap();
        assert_eq!(password.expose(), "NKLOIGCRSDGEJ23C36XC6IXFUC");
    }

    /// With `sha` and `sub` of the password's test:
    ///
    /// ```python
    /// sha(sub(b"pseudonyms"), b"https://issuer.example.org\0a@example.org")[:16].hex()
    /// ```
    #[test]
    fn a_pseudonym_is_the_one_that_python_computes() {
        let pseudonym = frozen().pseudonym("https://issuer.example.org", "a@example.org");
        assert_eq!(pseudonym, "5a2240d8a26a721962c49b267436d6f7");
    }

    /// With `sub` of the password's test, and AESGCM of the PyPI package `cryptography`:
    ///
    /// ```python
    /// nonce, place = b"\x03" * 12, b"temporary_login\0A\0sealed_mail"
    /// text = AESGCM(sub(b"sealing")).encrypt(nonce, b"a@example.org", place)
    /// (b"\x0ak-00010203" + nonce + text).hex()
    /// ```
    #[test]
    fn a_value_that_python_sealed_opens() {
        let sealed = HEXLOWER.decode(b"0a6b2d30303031303230330303030303030303030303035f43dd71db8a7fb2ffa033dc285a3c95f988e5a1e1dcf31c2a0df1512f").unwrap();
        assert_eq!(frozen().open(PLACE, &sealed).unwrap().expose(), "a@example.org");
    }

    /// `sub(b"nonces").hex()`, with `sub` of the password's test.
    #[test]
    fn the_key_of_nonces_is_the_one_that_python_derives() {
        assert_eq!(
            HEXLOWER.encode(frozen().keys[0].nonce.as_ref()),
            "8ca76bd7cb6de786dcc53b0404fcaa3aa1ed31b67ff4dd145c75104400ab9e19"
        );
    }

    /// With `sub` of the password's test, and Ed25519PrivateKey of the PyPI package `cryptography`:
    ///
    /// ```python
    /// pub = Ed25519PrivateKey.from_private_bytes(sub(b"backup manifest")).public_key().public_bytes_raw()
    /// id = hashlib.sha256(b"gateward-backup\n\x01" + pub).digest()[:4]
    /// f"gateward-backup+{id.hex()}+{base64.b64encode(bytes([1]) + pub).decode()}"
    /// ```
    #[test]
    fn the_key_of_manifests_is_the_one_that_python_derives() {
        assert_eq!(
            frozen().manifest_signer().verifier_key().to_string(),
            "gateward-backup+bd7fe7cb+AQTP/ruEPKsTu6aC/Ffd0UNuN4+WVq2VfXf0UYPrTSiB"
        );
    }

    #[test]
    fn what_a_retired_key_signed_beside_a_backup_still_counts() {
        let keyring = frozen();
        let known = keyring.manifest_verifiers();
        assert_eq!(known.len(), 2);
        for key in &keyring.keys {
            let note = key.manifest.sign("text\n").unwrap();
            assert!(signed_note::open(note.as_bytes(), &known).is_ok(), "{:?}", key.description);
        }
    }
}
