//! From the configuration to an open door: what can be mended while we wait is waited for, what
//! cannot is refused at once.

mod access_tokens;
mod error;
mod files;
mod needs;

use http_digest::Offer;
use jiff::Timestamp;
use nix::unistd::User;
use openpgp::{Recipient, TrustedKeys};

pub use self::access_tokens::{ckan, letters};
pub use self::error::Error;
pub use self::files::{auditor, issuers, keyring, keyring_text, read, secret_text};
pub use self::needs::{Need, check_digests, check_keys_in_use, keys_in_use};
use super::oidc;
use crate::base::id::InstanceId;
use crate::base::kind::Kind;
use crate::base::postgres_url::PostgresUrl;
use crate::base::random::Random;
use crate::base::sha256::Sha256;
use crate::base::time::Clock;
use crate::config::{self, Config, Grant, Mode, StatusStyle, SystemUser};
use crate::flows::admit::Doubtful;
use crate::flows::api_tokens::Proven;
use crate::flows::door::{Door, WithoutGroup};
use crate::flows::failures::Failures;
use crate::flows::keyring::Keyring;
use crate::flows::nodes::TrustCache;
use crate::flows::oidc::OidcIssuers;
use crate::flows::passwords::{Cost, Passwords};
use crate::flows::policy::{Extent, NotARule, PolicyCache, Rule, Subject, Whom};
use crate::flows::record::{Recorder, Seal};
use crate::flows::replays::Replays;
use crate::store::Store;
use crate::store::resif::Resif;

/// Turns the grants of the configuration into rules.
///
/// # Errors
///
/// [`NotARule`].
pub fn rules(config: &Config) -> Result<Vec<Rule>, NotARule> {
    let rule = |kind: Kind, grant: &Grant| {
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
        Rule::new(Subject::one_of(whom)?, grant.service.clone(), kind, extent)
    };
    // A grant of a service that is not there did not pass the configuration.
    let granted =
        config.grant.iter().filter_map(|grant| config.kind_of(&grant.service).map(|kind| rule(kind, grant)));
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
    auditor: Option<Recipient>,
}

/// Reads all keys; after this, whoever runs us may give up the right to.
///
/// # Errors
///
/// [`Error::File`], [`Error::Keyring`], [`Error::Exposed`], [`Error::Issuer`], [`Error::Jwks`], [`Error::Seal`].
pub fn keys(config: &Config) -> Result<Keys, Error> {
    Ok(Keys {
        keyring: keyring(&config.keyring)?,
        issuers: issuers(config)?,
        oidc: oidc::issuers(config)?,
        auditor: auditor(config)?,
    })
}

/// Opens the store and everything that decisions need, for one run of a program.
///
/// # Errors
///
/// [`Error`]; [`Error::may_pass`] tells whether to wait.
pub async fn door(config: &Config, keys: Keys, clock: &Clock, random: &Random) -> Result<Door, Error> {
    let Keys { keyring, issuers, oidc, auditor } = keys;
    let store = Store::open(&config.store, clock.clone()).await?;
    // For a name alone: what decides or records asks the clock itself.
    let now = store.clock.now().unwrap_or_else(|unbelieved| unbelieved.nearest());
    Ok(Door {
        nonce_keys: keyring.nonce_keys(),
        keyring,
        policy: PolicyCache::load(store.reader.clone(), issuers, oidc).await?,
        trust: TrustCache::default(),
        recorder: Recorder::new(store.writer.clone(), random.clone(), InstanceId::new(now, random))
            .sealing(auditor.map(|auditor| Seal::new(auditor, now))),
        indexing: tokio::sync::Mutex::default(),
        doubtful: Doubtful::default(),
        failures: Failures::default(),
        passwords: Passwords::new(cost(config), config.passwords.at_once, random),
        api_tokens: Proven::default(),
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

/// Looks whether what has to be sealed can be.
///
/// # Errors
///
/// [`Error::Seal`]: the key ran out, was revoked, or cannot encrypt.
pub fn check_seal(config: &Config, door: &Door) -> Result<(), Error> {
    door.recorder.check_seal().map_err(|why| files::unsealed(config, why))
}

/// The same for a file that nothing was opened with, at `now`.
///
/// # Errors
///
/// [`Error::File`], [`Error::Seal`].
pub fn look_at_seal(config: &Config, now: Timestamp) -> Result<(), Error> {
    let seal = auditor(config)?.map(|auditor| Seal::new(auditor, now));
    seal.map_or(Ok(()), |seal| seal.check()).map_err(|why| files::unsealed(config, why))
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
