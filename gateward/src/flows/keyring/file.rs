//! The keyring's file: how it is made, and how keys are added to it and taken out of use.

use data_encoding::{BASE64, HEXLOWER};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Error;
use crate::base::random::Random;
use crate::base::secret::Secret;

/// The file, as TOML.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub key: Vec<FileKey>,
    /// What the log's checkpoints are signed with; a keyring from before there were any has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<FileLogKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileLogKey {
    /// 32 bytes in base64: the seed of an Ed25519 key (RFC 8032 section 5.1.5).
    pub secret: Zeroizing<String>,
    pub created: Timestamp,
}

impl std::fmt::Debug for FileLogKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileLogKey")
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileKey {
    pub id: String,
    /// 32 bytes in base64.
    pub secret: Zeroizing<String>,
    pub created: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<Timestamp>,
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileKey({})", self.id)
    }
}

/// Writes the text of a new keyring with one fresh key, and one that signs the log's checkpoints.
pub fn generate(now: Timestamp, random: &Random) -> Secret {
    write(&File { key: vec![fresh_key(now, random)], log: Some(fresh_log_key(now, random)) })
}

/// Adds the key that signs the log's checkpoints to the keyring `text`, which has none.
///
/// # Errors
///
/// [`Error::HasLogKey`], [`Error::Syntax`].
pub fn add_log_key(text: &Secret, now: Timestamp, random: &Random) -> Result<Secret, Error> {
    let mut file = read(text)?;
    if file.log.is_some() {
        return Err(Error::HasLogKey);
    }
    file.log = Some(fresh_log_key(now, random));
    Ok(write(&file))
}

/// Adds a fresh key to the keyring `text`; it is used for everything new from the next start on.
///
/// # Errors
///
/// [`Error::Syntax`].
pub fn rotate(text: &Secret, now: Timestamp, random: &Random) -> Result<Secret, Error> {
    let mut file = read(text)?;
    file.key.push(fresh_key(now, random));
    Ok(write(&file))
}

/// Marks the key `id` as retired: what was made with it goes on working, nothing new is made.
///
/// # Errors
///
/// [`Error::NoSuchKey`], [`Error::LastActiveKey`], [`Error::Syntax`].
pub fn retire(text: &Secret, id: &str, now: Timestamp) -> Result<Secret, Error> {
    let mut file = read(text)?;
    let others_in_use = file.key.iter().any(|key| key.id != id && key.retired.is_none());
    let key = file.key.iter_mut().find(|key| key.id == id).ok_or_else(|| Error::NoSuchKey(id.to_owned()))?;
    if !others_in_use {
        return Err(Error::LastActiveKey(id.to_owned()));
    }
    key.retired.get_or_insert(now);
    Ok(write(&file))
}

fn fresh_secret(random: &Random) -> Zeroizing<String> {
    let secret = Zeroizing::new(random.bytes::<32>());
    Zeroizing::new(BASE64.encode(secret.as_ref()))
}

fn whole_second(now: Timestamp) -> Timestamp {
    now.round(jiff::Unit::Second).unwrap_or(now)
}

fn fresh_log_key(now: Timestamp, random: &Random) -> FileLogKey {
    FileLogKey { secret: fresh_secret(random), created: whole_second(now) }
}

fn fresh_key(now: Timestamp, random: &Random) -> FileKey {
    let secret = fresh_secret(random);
    FileKey {
        id: format!("k-{}", HEXLOWER.encode(&random.bytes::<4>())),
        secret,
        created: whole_second(now),
        retired: None,
    }
}

/// Reads the text of a keyring; what its keys hold is not looked at yet.
pub(super) fn read(text: &Secret) -> Result<File, Error> {
    // The parser's message could quote the line, and with it a secret.
    toml::from_str(text.expose()).map_err(|error| {
        let at = error.span().map_or(0, |span| text.expose()[..span.start].lines().count());
        Error::Syntax(format!("line {at}"))
    })
}

/// Writes a keyring as it lies on the disk.
pub(super) fn write(file: &File) -> Secret {
    let body = toml::to_string(file).expect("keys are plain tables");
    Secret::new(format!(
        "# Gateward's keyring. Whoever has it and the database can log in as every temporary login.\n\
         # Back it up apart from the database; without it nobody can log in any more.\n\n{body}"
    ))
}
