//! Which OpenID Connect issuers are believed, by which keys, and what a JWT of theirs proves.
//!
//! Only what a key of an issuer signed is ever parsed: which of several issuers a token is by, their keys
//! tell and not the token. Keys come and go at the issuer; whoever fetches them hands them over
//! ([`OidcIssuer::take`]), and is told when a token names one that is not known yet.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use id_token::{IdToken, KeySet, Refusal, VerifiedIdToken, Verifier};
use jiff::{SignedDuration, Timestamp};
use signed_token::{Group, Mail};
use tokio::sync::{Notify, watch};

use super::policy::Subject;

/// How long a request waits for keys that are fetched again for it.
const PATIENCE: Duration = Duration::from_secs(6);

/// Why a JWT proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotBelieved {
    /// The holder's, or their issuer's; see the reason.
    #[error(transparent)]
    Token(#[from] Refusal),
    /// The operator's, or the issuer's: its keys cannot be had. The caller may come back.
    #[error("the keys of an issuer cannot be had at the moment")]
    KeysMissing,
}

impl NotBelieved {
    /// The reason in one word, as events and floods count it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Token(refusal) => refusal.reason(),
            Self::KeysMissing => "issuer-keys-missing",
        }
    }

    /// Whether a look at an issuer's newest keys may help.
    fn may_pass(&self) -> bool {
        matches!(self, Self::KeysMissing | Self::Token(Refusal::UnknownKey))
    }

    /// Whether it says that the token may be by somebody else.
    fn is_about_the_issuer(&self) -> bool {
        match self {
            Self::KeysMissing
            | Self::Token(
                Refusal::AlgorithmNotAllowed
                | Refusal::UnknownKey
                | Refusal::KeyNotNamed
                | Refusal::BadSignature
                | Refusal::WrongIssuer,
            ) => true,
            Self::Token(
                Refusal::TooLong
                | Refusal::Malformed(_)
                | Refusal::WrongAudience
                | Refusal::Expired(_)
                | Refusal::NotYet(_)
                | Refusal::IssuedInFuture(_)
                | Refusal::TooLongLived
                | Refusal::DuplicateName
                | Refusal::ClaimMissing(_)
                | Refusal::ClaimWrong(..),
            ) => false,
        }
    }
}

#[derive(Debug)]
struct Held {
    keys: KeySet,
    fetched_at: Timestamp,
}

/// One issuer of the configuration file.
#[derive(Debug)]
pub struct OidcIssuer {
    verifier: Verifier,
    /// For how long keys are believed after they were fetched; `None` where they lie in a file.
    stale_after: Option<SignedDuration>,
    held: ArcSwapOption<Held>,
    /// Somebody waits for newer keys.
    wanted: Notify,
    /// How often somebody looked for newer keys; 0: nobody ever will.
    looked: watch::Sender<u64>,
}

impl OidcIssuer {
    /// Makes an issuer whose keys are yet to come.
    pub fn new(verifier: Verifier, stale_after: Option<SignedDuration>) -> Self {
        let looked = watch::Sender::new(0);
        Self { verifier, stale_after, held: ArcSwapOption::empty(), wanted: Notify::new(), looked }
    }

    /// `iss`.
    pub fn issuer(&self) -> &str {
        &self.verifier.issuer
    }

    /// Goes by `keys` from now on; they are the issuer's, and were fetched at `now`.
    pub fn take(&self, keys: KeySet, now: Timestamp) {
        self.held.store(Some(Arc::new(Held { keys, fetched_at: now })));
    }

    /// Says that somebody has looked for newer keys, whether or not there were any.
    pub fn was_looked_at(&self) {
        self.looked.send_modify(|count| *count += 1);
    }

    /// Resolves when a token named a key that is not known.
    pub async fn is_wanted(&self) {
        self.wanted.notified().await;
    }

    /// Waits until somebody has looked for newer keys, if anybody does.
    async fn freshen(&self) {
        let mut looked = self.looked.subscribe();
        if *looked.borrow_and_update() == 0 {
            return;
        }
        self.wanted.notify_one();
        // Late is as good as not at all: the token is judged by the keys that are there.
        let _ = tokio::time::timeout(PATIENCE, looked.changed()).await;
    }

    fn keys(&self, now: Timestamp) -> Result<Arc<Held>, NotBelieved> {
        let held = self.held.load_full().ok_or(NotBelieved::KeysMissing)?;
        match self.stale_after {
            Some(limit) if now.duration_since(held.fetched_at) > limit => Err(NotBelieved::KeysMissing),
            _ => Ok(held),
        }
    }

    fn inspect(&self, token: &[u8], now: Timestamp) -> Result<IdToken, NotBelieved> {
        let held = self.keys(now)?;
        Ok(self.verifier.inspect(token, &held.keys)?)
    }
}

/// The issuers of the configuration file.
#[derive(Debug, Default)]
pub struct OidcIssuers(Vec<Arc<OidcIssuer>>);

impl FromIterator<OidcIssuer> for OidcIssuers {
    fn from_iter<I: IntoIterator<Item = OidcIssuer>>(issuers: I) -> Self {
        Self(issuers.into_iter().map(Arc::new).collect())
    }
}

impl OidcIssuers {
    /// Whether no JWT is believed at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<OidcIssuer>> {
        self.0.iter()
    }

    /// Whether the configuration file names this one.
    pub fn names(&self, issuer: &str) -> bool {
        self.0.iter().any(|one| one.issuer() == issuer)
    }

    /// Verifies `token` at `now`; where no known key fits, the issuers are asked for newer ones.
    ///
    /// # Errors
    ///
    /// [`NotBelieved`].
    pub async fn verify(&self, token: &[u8], now: Timestamp) -> Result<VerifiedIdToken, NotBelieved> {
        Ok(self.inspect(token, now).await?.check_dates(now)?)
    }

    /// Reads a token that one of them signed for here, whether or not its time is now.
    ///
    /// # Errors
    ///
    /// [`NotBelieved`], but nothing about dates.
    pub async fn inspect(&self, token: &[u8], now: Timestamp) -> Result<IdToken, NotBelieved> {
        let (refusal, doubtful) = match self.inspect_once(token, now) {
            Ok(token) => return Ok(token),
            Err(refused) => refused,
        };
        if doubtful.is_empty() {
            return Err(refusal);
        }
        futures_util::future::join_all(doubtful.iter().map(|issuer| issuer.freshen())).await;
        self.inspect_once(token, now).map_err(|(refusal, _)| refusal)
    }

    /// Asks each issuer's keys; says with a refusal whose newest keys might say otherwise.
    fn inspect_once(
        &self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<IdToken, (NotBelieved, Vec<&Arc<OidcIssuer>>)> {
        let mut told: Option<NotBelieved> = None;
        let mut doubtful = Vec::new();
        for issuer in &self.0 {
            match issuer.inspect(token, now) {
                Ok(token) => return Ok(token),
                // Its own keys signed it, or nobody could read it: the others have nothing to say.
                Err(refusal) if !refusal.is_about_the_issuer() => return Err((refusal, Vec::new())),
                Err(refusal) => {
                    if refusal.may_pass() {
                        doubtful.push(issuer);
                    }
                    told.get_or_insert(refusal);
                }
            }
        }
        Err((told.unwrap_or(NotBelieved::Token(Refusal::UnknownKey)), doubtful))
    }
}

/// The groups that `token` lists, as grants can name them.
///
/// Issuers of signed tokens write paths. Where an issuer writes plain names, `reader` is what grants call
/// `/reader`; what cannot be a group after that, no grant can name.
pub fn groups(token: &IdToken) -> BTreeSet<Group> {
    let path = |name: &String| if name.starts_with('/') { name.clone() } else { format!("/{name}") };
    token.groups().iter().filter_map(|name| path(name).parse().ok()).collect()
}

/// The mail address in `token`, where it is one that counts.
pub fn mail(token: &IdToken) -> Option<Mail> {
    token.mail().and_then(|mail| mail.parse().ok())
}

/// As whom grants may name the person whom an issuer calls `sub`.
pub fn subject(issuer: &str, sub: &str) -> Subject {
    Subject::Oidc { issuer: issuer.to_owned(), sub: sub.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(stale_after: Option<SignedDuration>) -> OidcIssuer {
        let verifier = Verifier {
            issuer: "https://issuer.example.org/realms/eida".into(),
            audiences: vec!["fdsn".into()],
            algorithms: [id_token::Algorithm::Rs256].into(),
            groups: Some("groups".parse().unwrap()),
            mail: Some("email".parse().unwrap()),
            mail_trust: id_token::MailTrust::Verified,
        };
        OidcIssuer::new(verifier, stale_after)
    }

    const KEYS: &[u8] = include_bytes!("../../../crates/id-token/tests/golden/jwks.json");
    const TOKEN: &[u8] = include_bytes!("../../../crates/id-token/tests/golden/keycloak.jwt");

    fn now() -> Timestamp {
        "2027-01-15T08:00:00Z".parse().unwrap()
    }

    fn only(issuer: OidcIssuer) -> OidcIssuers {
        [issuer].into_iter().collect()
    }

    #[tokio::test]
    async fn a_token_is_believed_while_the_keys_are_fresh_enough() {
        let issuer = issuer(Some(SignedDuration::from_mins(30)));
        issuer.take(KeySet::parse(KEYS).unwrap(), now());
        let issuers = only(issuer);
        let token = issuers.verify(TOKEN, now()).await.unwrap();
        assert_eq!(groups(&token).iter().map(Group::as_str).collect::<Vec<_>>(), ["/epos", "/epos/alparray"]);
        let later = now() + SignedDuration::from_mins(31);
        assert_eq!(issuers.verify(TOKEN, later).await.unwrap_err(), NotBelieved::KeysMissing);
    }

    #[tokio::test]
    async fn without_keys_nothing_is_believed_and_nobody_waits_for_whoever_never_looks() {
        let issuers = only(issuer(None));
        assert_eq!(issuers.verify(TOKEN, now()).await.unwrap_err(), NotBelieved::KeysMissing);
        assert_eq!(
            OidcIssuers::default().verify(TOKEN, now()).await.unwrap_err(),
            NotBelieved::Token(Refusal::UnknownKey)
        );
    }

    #[tokio::test]
    async fn a_token_by_a_key_that_just_came_waits_until_it_is_fetched() {
        let issuers = only(issuer(None));
        let issuer = Arc::clone(&issuers.0[0]);
        issuer.was_looked_at();
        let keeper = tokio::spawn(async move {
            issuer.is_wanted().await;
            issuer.take(KeySet::parse(KEYS).unwrap(), now());
            issuer.was_looked_at();
        });
        assert!(issuers.verify(TOKEN, now()).await.is_ok());
        keeper.await.unwrap();
    }
}
