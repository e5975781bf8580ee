//! From the configuration to an open door: what can be mended while we wait is waited for, what
//! cannot is refused at once.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_digest::Offer;
use jiff::Timestamp;
use nix::unistd::User;
use openpgp::{Allowances, Certificate, TrustedKey, TrustedKeys};

use super::ckan::{Api, Asking, Known, Program, Unready};
use super::htdigest;
use super::oidc;
use super::tls::{self, NON_PRODUCTION};
use super::trust;
use crate::base::id::InstanceId;
use crate::base::name::ServiceName;
use crate::base::postgres_url::PostgresUrl;
use crate::base::random::Random;
use crate::base::secret::{Secret, is_open_to_everybody};
use crate::base::sha256::Sha256;
use crate::base::time::{Clock, Unbelieved};
use crate::config::{self, Config, Grant, Mode, ServiceConfig, StatusStyle, SystemUser};
use crate::flows::access_token::letter::{self, Letters};
use crate::flows::admit::Doubtful;
use crate::flows::door::{Door, WithoutGroup};
use crate::flows::failures::Failures;
use crate::flows::keyring::{self, Keyring};
use crate::flows::nodes::TrustCache;
use crate::flows::oidc::OidcIssuers;
use crate::flows::passwords::{Cost, Passwords};
use crate::flows::policy::{Extent, NotARule, PolicyCache, Rule, Subject, Whom};
use crate::flows::record::Recorder;
use crate::flows::replays::Replays;
use crate::store::resif::{self, Resif};
use crate::store::{self, Reader, Store, access_token, opaque_key, temporary_login, user_digest};

/// Why the door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that is not there, or not readable; it may come.
    #[error("{what} {path}: {source}", path = .path.display())]
    File {
        /// What it is.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store; it may come back.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's: the keyring.
    #[error("{path}: {source}", path = .path.display())]
    Keyring {
        /// The keyring's file.
        path: PathBuf,
        /// What is wrong.
        source: keyring::Error,
    },
    /// The operator's: others could read the keys.
    #[error("{path} can be read by everybody on this machine: chmod o-rwx it", path = .0.display())]
    Exposed(PathBuf),
    /// The operator's: what is alive needs a key that is gone.
    #[error("the keyring {path} lacks key {key}, which {need}: put it back, or end them with `{remedy}`", path = .path.display(), remedy = .need.remedy())]
    KeyMissing {
        /// The keyring's file.
        path: PathBuf,
        /// The key's id.
        key: String,
        /// What needs it.
        need: Need,
    },
    /// The operator's: Digest verifiers of users are MD5, and good for that alone.
    #[error(
        "{count} users log in by HTTP Digest, which stands for them in MD5 alone: take digest_sha256 = true out, or give \
         them other passwords (`gateward user list` shows whom, `gateward user password NAME`)"
    )]
    DigestBySha256 {
        /// How many.
        count: i64,
    },
    /// The operator's: no key, or another one, in an issuer's file.
    #[error("issuer {path}: {reason}", path = .path.display())]
    Issuer {
        /// The key's file.
        path: PathBuf,
        /// What is wrong, and what would mend it.
        reason: String,
    },
    /// The operator's: a file that should hold a login and its password.
    #[error("{path} holds no credential: one line, login:password", path = .0.display())]
    Credential(PathBuf),
    /// The operator's: a file that should hold certificates.
    #[error("{path} holds no certificates that can be read", path = .0.display())]
    Ca(PathBuf),
    /// The operator's: a certificate of ours that an upstream is to be shown.
    #[error(transparent)]
    Certificate(#[from] tls::Error),
    /// The operator's: a file that should hold the keys of an OIDC issuer.
    #[error("jwks {path}: {why}", path = .path.display())]
    Jwks {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: id_token::NotAKeySet,
    },
    /// The operator's: nothing says whom to believe about an OIDC issuer.
    #[error(
        "this machine believes no authority: install Debian's ca-certificates, or name the certificate of {0} as ca"
    )]
    NoAuthorities(String),
    /// The operator's: files of authorities, or of what they revoke.
    #[error("{what}{}{}: {why}", if path.as_os_str().is_empty() { "" } else { " " }, path.display())]
    Authorities {
        /// Which option names it.
        what: &'static str,
        /// The file; empty where it is about all of them.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The operator's: a service that cannot be as it is written.
    #[error("service {service}: {why}")]
    Service {
        /// Which.
        service: ServiceName,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// The operator's: somebody whom this machine does not know.
    #[error("verify.uids: this machine has no user {0}")]
    NoUser(String),
    /// The operator's: a grant that makes no sense.
    #[error("a grant in the configuration: {0}")]
    Grant(#[from] NotARule),
    /// The clock cannot be believed; it may come right.
    #[error(transparent)]
    Clock(#[from] Unbelieved),
    /// The operator's: RESIF's databases are not as they should be.
    #[error(transparent)]
    Resif(#[from] resif::Error),
    /// The file that living logins are written to; its folder may come.
    #[error("exchange.htdigest: {0}")]
    Htdigest(#[from] htdigest::Error),
    /// The operator's: CKAN cannot be asked as the configuration names it.
    #[error("[ckan]: {0}")]
    Ckan(Box<Unready>),
    /// The operator's: it is not known whom to believe to be OpenHIM.
    #[error("[openhim]: {0}")]
    OpenHim(Box<trust::Error>),
    /// The operator's: a letter of their own.
    #[error("letters: {0}")]
    Letter(#[from] letter::Error),
    /// The store does not take what the start has to write; it may later.
    #[error(transparent)]
    Failed(#[from] store::Failed),
}

impl From<Unready> for Error {
    fn from(unready: Unready) -> Self {
        Self::Ckan(Box::new(unready))
    }
}

impl From<trust::Error> for Error {
    fn from(error: trust::Error) -> Self {
        match error {
            trust::Error::File(error) => error,
            error @ trust::Error::NoAuthorities => Self::OpenHim(Box::new(error)),
        }
    }
}

impl Error {
    /// Whether waiting may mend it: a file or database that is not there yet.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::File { .. }
            | Self::Htdigest(_)
            | Self::Clock(_)
            | Self::Failed(store::Failed::Write(_)) => true,
            Self::Store(error) | Self::Failed(store::Failed::Read(error)) => error.may_pass(),
            Self::Keyring { .. }
            | Self::Exposed(_)
            | Self::KeyMissing { .. }
            | Self::DigestBySha256 { .. }
            | Self::Credential(_)
            | Self::Ca(_)
            | Self::Certificate(_)
            | Self::Jwks { .. }
            | Self::NoAuthorities(_)
            | Self::Authorities { .. }
            | Self::Service { .. }
            | Self::NoUser(_)
            | Self::Issuer { .. }
            | Self::Resif(_)
            | Self::Ckan(_)
            | Self::OpenHim(_)
            | Self::Letter(_)
            | Self::Grant(_) => false,
        }
    }
}

/// Reads a file of a moderate size.
///
/// # Errors
///
/// [`Error::File`].
pub fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File { what, path: path.to_owned(), source })
}

/// Reads the keyring; refuses one that everybody can read.
///
/// # Errors
///
/// [`Error::File`], [`Error::Keyring`], [`Error::Exposed`].
pub fn keyring(path: &Path) -> Result<Keyring, Error> {
    Keyring::parse(&keyring_text(path)?).map_err(|source| Error::Keyring { path: path.to_owned(), source })
}

/// Reads the text of the keyring; refuses one that everybody can read.
///
/// # Errors
///
/// [`Error::File`], [`Error::Exposed`].
pub fn keyring_text(path: &Path) -> Result<Secret, Error> {
    secret_text("keyring", path)
}

/// Reads a text that must not be seen; refuses one that everybody can read.
///
/// # Errors
///
/// [`Error::File`], [`Error::Exposed`].
pub fn secret_text(what: &'static str, path: &Path) -> Result<Secret, Error> {
    let text = read(what, path)?;
    let file = |source| Error::File { what, path: path.to_owned(), source };
    if is_open_to_everybody(&std::fs::metadata(path).map_err(file)?) {
        return Err(Error::Exposed(path.to_owned()));
    }
    let text = String::from_utf8(text).map_err(|_| file(std::io::Error::other("it is not text")))?;
    Ok(Secret::new(text))
}

/// Reads and pins the issuers of the configuration.
///
/// # Errors
///
/// [`Error::File`], [`Error::Issuer`].
pub fn issuers(config: &Config) -> Result<TrustedKeys, Error> {
    let mut trusted = TrustedKeys::new();
    for issuer in &config.issuer {
        let wrong = |reason: String| Error::Issuer { path: issuer.key.clone(), reason };
        let certificate =
            Certificate::parse(&read("issuer", &issuer.key)?).map_err(|error| wrong(error.to_string()))?;
        let throw_away = certificate.user_ids().iter().any(|user| user.contains(NON_PRODUCTION));
        if config.mode == Mode::Production && throw_away {
            return Err(wrong("a throw-away key: mode = \"production\" takes none".into()));
        }
        let allow = Allowances { sha1: issuer.allow_sha1, short: config.mode != Mode::Production };
        let key = TrustedKey::pin(certificate, &issuer.fingerprint.0, allow).map_err(|error| {
            let remedy = match error {
                openpgp::PinError::WrongKey { .. } => "; correct fingerprint, or get the right key",
                openpgp::PinError::Sha1 => "; allow_sha1 = true allows it, for this issuer alone",
                openpgp::PinError::Short(_) => "; mode = \"development\" allows it",
                openpgp::PinError::NoSelfSignature | openpgp::PinError::CannotSign => {
                    "; get the key from its owner again"
                }
            };
            wrong(format!("{error}{remedy}"))
        })?;
        if trusted.insert(key).is_some() {
            return Err(wrong("the same key stands twice in the configuration".into()));
        }
    }
    Ok(trusted)
}

/// Turns the grants of the configuration into rules.
///
/// # Errors
///
/// [`NotARule`].
pub fn rules(config: &Config) -> Result<Vec<Rule>, NotARule> {
    let rule = |service: &ServiceConfig, grant: &Grant| {
        let whom = Whom {
            group: grant.group.as_ref().map(|group| group.0.clone()),
            mail: grant.mail.as_ref().map(|mail| mail.0.clone()),
            mail_domain: grant.mail_domain.clone(),
            user: grant.user.clone(),
            node: grant.node.clone(),
            oidc: grant.oidc.as_ref().map(|oidc| (oidc.issuer.clone(), oidc.sub.clone())),
        };
        let extent = Extent {
            networks: grant.networks.clone(),
            actions: grant.actions.clone(),
            resources: grant.resources.clone(),
            own: grant.own,
        };
        Rule::new(Subject::one_of(whom)?, service.name(), service.kind, extent)
    };
    // A grant of a service that is not there did not pass the configuration.
    let services = || config.service.iter();
    let granted = config.grant.iter().filter_map(|grant| {
        services().find(|service| service.name() == grant.service).map(|service| rule(service, grant))
    });
    granted.collect()
}

/// Finds the numbers of the users that are believed as proxies.
///
/// # Errors
///
/// [`Error::NoUser`].
pub fn verify_uids(config: &Config) -> Result<Vec<u32>, Error> {
    let number = |user: &SystemUser| match user {
        SystemUser::Id(id) => Ok(*id),
        SystemUser::Name(name) => {
            let found = User::from_name(name).ok().flatten();
            found.map(|user| user.uid.as_raw()).ok_or_else(|| Error::NoUser(name.clone()))
        }
    };
    config.verify.iter().flat_map(|verify| &verify.uids).map(number).collect()
}

/// Sums up what the configuration says about who may reach what: SHA-256 in hex, the same on every
/// machine.
pub fn policy_digest(config: &Config) -> String {
    Sha256::of(config.policy_text.as_bytes()).to_string()
}

/// Says aloud what is not as it should be and is allowed all the same.
pub fn warn(config: &Config, issuers: &TrustedKeys, now: Timestamp) {
    if config.mode != Mode::Production {
        let mode = config.mode.as_str();
        tracing::warn!(mode, "NOT FOR PRODUCTION: throw-away keys and certificates are taken");
    }
    for key in issuers.iter() {
        let issuer = key.fingerprint();
        if key.allowances().sha1 {
            tracing::warn!(%issuer, "signatures over SHA-1 are believed from this issuer");
        }
        match key.status(now) {
            openpgp::KeyStatus::Usable { .. } => {}
            status => tracing::warn!(%issuer, %status, "this issuer's key makes no login"),
        }
    }
}

/// The keys that lie outside the store: our own, and those we believe.
#[derive(Debug)]
pub struct Keys {
    keyring: Keyring,
    issuers: TrustedKeys,
    oidc: OidcIssuers,
}

/// Reads all keys; after this, whoever runs us may give up the right to.
///
/// # Errors
///
/// [`Error::File`], [`Error::Keyring`], [`Error::Exposed`], [`Error::Issuer`], [`Error::Jwks`].
pub fn keys(config: &Config) -> Result<Keys, Error> {
    Ok(Keys { keyring: keyring(&config.keyring)?, issuers: issuers(config)?, oidc: oidc::issuers(config)? })
}

/// Opens the store and everything that decisions need, for one run of a program.
///
/// # Errors
///
/// [`Error`]; [`Error::may_pass`] tells whether to wait.
pub async fn door(config: &Config, keys: Keys, clock: &Clock, random: &Random) -> Result<Door, Error> {
    let Keys { keyring, issuers, oidc } = keys;
    let store = Store::open(&config.store, clock.clone()).await?;
    // For a name alone: what decides or records asks the clock itself.
    let now = store.clock.now().unwrap_or_else(|unbelieved| unbelieved.nearest());
    Ok(Door {
        nonce_keys: keyring.nonce_keys(),
        keyring,
        policy: PolicyCache::load(store.reader.clone(), issuers, oidc).await?,
        trust: TrustCache::default(),
        recorder: Recorder::new(store.writer.clone(), random.clone(), InstanceId::new(now, random)),
        doubtful: Doubtful::default(),
        failures: Failures::default(),
        passwords: Passwords::new(cost(config), config.passwords.at_once, random),
        replays: Replays::default(),
        random: random.clone(),
        realm: config.realm.0.clone(),
        offer: if config.digest_sha256 { Offer::Md5AndSha256 } else { Offer::Md5 },
        resif: config.exchange.resif.as_ref().map(known_resif),
        without_group: match config.exchange.status_style {
            StatusStyle::Gateward => WithoutGroup::Login,
            StatusStyle::Resif => WithoutGroup::Nothing,
        },
        store,
    })
}

/// What the hash of a password costs.
pub fn cost(config: &Config) -> Cost {
    let config::Passwords { memory_mib, passes, at_once: _ } = config.passwords;
    Cost { memory_kib: memory_mib * 1024, passes }
}

/// Knows RESIF's databases as the configuration names them.
pub fn known_resif(config: &config::Resif) -> Resif {
    let with_password = |url: &PostgresUrl| {
        let mut url = url.clone();
        url.password_file = url.password_file.or_else(|| config.password_file.clone());
        url
    };
    Resif::new(with_password(&config.auth), with_password(&config.privileges), config.tables.clone())
}

/// How long CKAN may take to answer.
const CKAN_PATIENCE: Duration = Duration::from_secs(60);

/// Knows the CKAN that the configuration names, or the one on this machine that `ini` configures.
///
/// # Errors
///
/// [`Error::Ckan`].
pub fn ckan(config: &Config, ini: Option<&Path>, random: &Random) -> Result<Option<Known>, Error> {
    let program = |ini: &Path, named: Option<&Path>| {
        let found = || Program::find(std::env::var_os("PATH").as_deref());
        let program = named.map(Path::to_owned).or_else(found).ok_or(Unready::NoProgram)?;
        Ok(Some(Known::Program(Program::new(&program, ini, CKAN_PATIENCE)?)))
    };
    let named = config.ckan.as_ref();
    if let Some(ini) = ini {
        return program(ini, named.and_then(|ckan| ckan.program.as_deref()));
    }
    let Some(ckan) = named else { return Ok(None) };
    match (&ckan.url, &ckan.admin_key, &ckan.ini) {
        (Some(url), Some(key_file), _) => {
            let asking = Asking {
                url: url.clone(),
                key_file,
                ca: ckan.ca.as_deref(),
                patience: CKAN_PATIENCE,
                random: random.clone(),
            };
            Ok(Some(Known::Api(Box::new(Api::new(asking)?))))
        }
        (_, _, Some(ini)) => program(ini, ckan.program.as_deref()),
        // The configuration was checked: there is a key where there is no ini.
        (_, _, None) => Ok(None),
    }
}

/// Reads the letters of the configuration: those that come along, and those of one's own in their stead.
///
/// # Errors
///
/// [`Error::File`]: the folder is not there, or a letter in it cannot be read. [`Error::Letter`].
pub fn letters(settings: &config::AccessToken) -> Result<Letters, Error> {
    let Some(folder) = &settings.letters else { return Ok(Letters::built_in()) };
    let file = |path: &Path, source| Error::File { what: "letters", path: path.to_owned(), source };
    // Of a folder that is not there each letter would be missing, and ours would be sent for theirs.
    std::fs::read_dir(folder).map_err(|source| file(folder, source))?;
    let mut own = BTreeMap::new();
    for (name, _) in letter::BUILT_IN {
        let path = folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                own.insert(*name, text);
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => {}
            Err(error) => return Err(file(&path, error)),
        }
    }
    Ok(Letters::from_folder_texts(|name| own.get(name).cloned())?)
}

/// Says what cannot be done in RESIF's databases as they are; one that does not answer may come.
///
/// # Errors
///
/// [`Error::Resif`]: tables, columns or privileges are missing.
pub async fn check_resif(door: &Door) -> Result<(), Error> {
    let Some(resif) = &door.resif else { return Ok(()) };
    for error in resif.check().await {
        if !error.may_pass() {
            return Err(error.into());
        }
        tracing::error!(%error, "no login can be placed there until it answers");
    }
    Ok(())
}

/// What a key of the keyring was made for and is still needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Passwords and mail addresses of living logins.
    Logins,
    /// The people of access tokens that have not ended.
    AccessTokens,
    /// Digest verifiers of users.
    Digests,
}

impl Need {
    fn remedy(self) -> &'static str {
        match self {
            Self::Logins => "gateward login revoke",
            Self::AccessTokens => "gateward access-token revoke",
            Self::Digests => "gateward user password",
        }
    }
}

impl std::fmt::Display for Need {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Logins => "logins need",
            Self::AccessTokens => "access tokens need",
            Self::Digests => "Digest logins of users need",
        })
    }
}

/// Returns the ids of the keys that are needed, each with what needs it.
///
/// # Errors
///
/// [`store::Error::Unreachable`].
pub async fn keys_in_use(reader: &Reader) -> Result<Vec<(String, Need)>, store::Error> {
    let logins = temporary_login::key_ids(reader).await?;
    let access_tokens = access_token::key_ids(reader).await?;
    let digests = user_digest::key_ids(reader).await?;
    let opaque_keys = opaque_key::key_ids(reader).await?;
    let by = |need| move |key| (key, need);
    Ok(logins
        .into_iter()
        .map(by(Need::Logins))
        .chain(digests.into_iter().map(by(Need::Digests)))
        .chain(access_tokens.into_iter().chain(opaque_keys).map(by(Need::AccessTokens)))
        .collect())
}

/// Checks that the keyring has every key that living logins and access tokens need; commands do without,
/// so that these can be ended.
///
/// # Errors
///
/// [`Error::KeyMissing`], [`Error::Store`].
pub async fn check_keys_in_use(config: &Config, door: &Door) -> Result<(), Error> {
    let in_use = keys_in_use(&door.store.reader).await?;
    match in_use.into_iter().find(|(key, _)| !door.keyring.has(key)) {
        Some((key, need)) => Err(Error::KeyMissing { path: config.keyring.clone(), key, need }),
        None => Ok(()),
    }
}

/// Checks that users who log in by HTTP Digest can, and warns of those who cannot any more.
///
/// # Errors
///
/// [`Error::DigestBySha256`], [`Error::Store`].
pub async fn check_digests(config: &Config, door: &Door) -> Result<(), Error> {
    let realm = door.realm.as_str();
    let (count, of_other_realms) = user_digest::count(&door.store.reader, realm).await?;
    if count > 0 && config.digest_sha256 {
        return Err(Error::DigestBySha256 { count });
    }
    if of_other_realms > 0 {
        tracing::warn!(users = of_other_realms, realm, "users of another realm cannot log in by HTTP Digest");
    }
    Ok(())
}
