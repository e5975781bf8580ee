//! Keeps the keys of OpenID Connect issuers: read from files, or asked for where the issuer says.
//!
//! Once an hour, and when a token names a key that is not known, at most once a minute. An issuer that
//! hangs, or sends what is no key set, costs it its turn: the last keys stay, as long as they are believed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use id_token::{KeySet, MAX_KEY_SET, MailTrust, Verifier};
use serde::Deserialize;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::{boot, outwards, trust};
use crate::base::issuer_url::{IssuerUrl, is_safe_to_ask};
use crate::base::time::Clock;
use crate::config::{Config, Oidc};
use crate::flows::oidc::{OidcIssuer, OidcIssuers};

/// How often keys are fetched without anybody asking for them.
const REFRESH: Duration = Duration::from_secs(3600);

/// How soon after a look that failed the next one comes by itself.
const RETRY: Duration = Duration::from_secs(60);

/// How long after a look tokens with unknown keys cause no other.
const AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// How long both answers of an issuer may take together.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there are no new keys.
#[derive(Debug, thiserror::Error)]
#[error("the keys of the OIDC issuer {issuer}: {why}")]
pub struct Unread {
    issuer: String,
    why: String,
}

/// What is read of an issuer's page about itself (OpenID Connect Discovery section 3).
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

/// Makes the issuers of the configuration, with the keys that lie in files.
///
/// # Errors
///
/// [`boot::Error::File`], [`boot::Error::Jwks`].
pub fn issuers(config: &Config) -> Result<OidcIssuers, boot::Error> {
    config.oidc.iter().map(issuer).collect()
}

fn issuer(oidc: &Oidc) -> Result<OidcIssuer, boot::Error> {
    let verifier = Verifier {
        issuer: oidc.issuer.as_str().to_owned(),
        audiences: oidc.audience.clone(),
        algorithms: oidc.algorithms.iter().map(|algorithm| algorithm.0).collect(),
        groups: oidc.groups_claim.as_ref().map(|claim| claim.0.clone()),
        mail: oidc.mail_claim.as_ref().map(|claim| claim.0.clone()),
        mail_trust: if oidc.trust_mail { MailTrust::Always } else { MailTrust::Verified },
    };
    let Some(path) = &oidc.jwks else { return Ok(OidcIssuer::new(verifier, Some(oidc.stale_after))) };
    let made = OidcIssuer::new(verifier, None);
    let keys = KeySet::parse(&boot::read("jwks", path)?);
    made.take(
        keys.map_err(|why| boot::Error::Jwks { path: path.clone(), why })?,
        jiff::Timestamp::UNIX_EPOCH,
    );
    Ok(made)
}

/// Fetches the keys of every issuer that is asked for them, and keeps all of them fresh from then on.
///
/// # Errors
///
/// [`boot::Error::File`], [`boot::Error::Ca`], [`boot::Error::NoAuthorities`]: whom to believe cannot be read.
pub async fn keep(
    config: &Config,
    issuers: &OidcIssuers,
    clock: &Clock,
) -> Result<Vec<AbortHandle>, boot::Error> {
    let mut keepers = Vec::new();
    for (oidc, issuer) in config.oidc.iter().zip(issuers.iter()) {
        let source = match &oidc.jwks {
            Some(path) => Source::File(path.clone()),
            None => Source::Asked(Asked::new(oidc)?),
        };
        keepers.push(Keeper { issuer: Arc::clone(issuer), source, clock: clock.clone(), failed: false });
    }
    // All at once, and no longer than one of them may take: nobody waits at the door for an issuer that hangs.
    join_all(keepers.iter_mut().map(Keeper::look)).await;
    Ok(keepers.into_iter().map(|keeper| tokio::spawn(keeper.run()).abort_handle()).collect())
}

struct Keeper {
    issuer: Arc<OidcIssuer>,
    source: Source,
    clock: Clock,
    failed: bool,
}

enum Source {
    File(PathBuf),
    Asked(Asked),
}

impl Keeper {
    async fn run(mut self) {
        loop {
            let looked = Instant::now();
            let next = looked + if self.failed { RETRY } else { REFRESH };
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(next) => break,
                    () = self.issuer.is_wanted() => {}
                }
                if looked.elapsed() >= AT_MOST_EVERY {
                    break;
                }
                // Whoever asked is told at once that there is nothing newer to be had.
                self.issuer.was_looked_at();
            }
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let read = match self.read().await {
            Ok(keys) => self.clock.now().map(|now| (keys, now)).map_err(|unbelieved| unbelieved.to_string()),
            Err(why) => Err(why),
        };
        let issuer = self.issuer.issuer();
        match read {
            Ok((keys, now)) => {
                for key in keys.unusable() {
                    tracing::debug!(
                        issuer,
                        kid = key.kid,
                        why = key.why,
                        "a key of an OIDC issuer is left out"
                    );
                }
                if self.failed {
                    tracing::info!(issuer, "the keys of an OIDC issuer were read again");
                }
                self.issuer.take(keys, now);
                self.failed = false;
            }
            Err(why) => {
                if !self.failed {
                    let error = Unread { issuer: issuer.to_owned(), why };
                    tracing::error!(%error, "the last ones are believed for now, if there were any");
                }
                self.failed = true;
            }
        }
        self.issuer.was_looked_at();
    }

    async fn read(&self) -> Result<KeySet, String> {
        let text = match &self.source {
            Source::File(path) => read_file(path).await?,
            Source::Asked(asked) => tokio::time::timeout(PATIENCE, asked.keys())
                .await
                .map_err(|_| format!("it took longer than {} s", PATIENCE.as_secs()))??,
        };
        KeySet::parse(&text).map_err(|why| why.to_string())
    }
}

async fn read_file(path: &Path) -> Result<Bytes, String> {
    let said = |error: std::io::Error| format!("{}: {error}", path.display());
    if tokio::fs::metadata(path).await.map_err(said)?.len() > MAX_KEY_SET as u64 {
        return Err(format!("{} has more than {MAX_KEY_SET} bytes", path.display()));
    }
    tokio::fs::read(path).await.map(Into::into).map_err(said)
}

/// An issuer that is asked for its keys.
struct Asked {
    issuer: IssuerUrl,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Asked {
    fn new(oidc: &Oidc) -> Result<Self, boot::Error> {
        let is_https = oidc.issuer.as_str().starts_with("https:");
        let tls = trust::tls(is_https, oidc.ca.as_deref()).map_err(|error| match error {
            trust::Error::File(error) => error,
            trust::Error::NoAuthorities => boot::Error::NoAuthorities(oidc.issuer.to_string()),
        })?;
        Ok(Self { issuer: oidc.issuer.clone(), client: outwards::client(tls) })
    }

    /// Asks where the keys are, and then for the keys.
    async fn keys(&self) -> Result<Bytes, String> {
        let page = self.ask(&self.issuer.discovery()).await?;
        let about: Discovered = serde_json::from_slice(&page)
            .map_err(|_| "its page about itself names no issuer and jwks_uri".to_owned())?;
        // OpenID Connect Discovery section 4.3: else one issuer could pass off another's keys.
        if about.issuer != self.issuer.as_str() {
            return Err(format!("it calls itself {:?}", outwards::one_line(&about.issuer)));
        }
        if !is_safe_to_ask(&about.jwks_uri) {
            return Err("its jwks_uri is neither https nor on this machine".into());
        }
        self.ask(&about.jwks_uri).await
    }

    /// Asks once; no redirect is followed.
    async fn ask(&self, url: &str) -> Result<Bytes, String> {
        let request = Request::get(url)
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("gateward/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|_| format!("{:?} is no URL", outwards::one_line(url)))?;
        let answer = self.client.request(request).await.map_err(|error| outwards::whole(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("{} answered {}", outwards::one_line(url), answer.status()));
        }
        let body = Limited::new(answer.into_body(), MAX_KEY_SET).collect().await;
        body.map(http_body_util::Collected::to_bytes)
            .map_err(|error| format!("in the middle of an answer: {}", outwards::whole(&*error)))
    }
}
