//! What every decision at the door needs: the policy in force, the keys, the record.

use http_digest::{NonceKeys, Offer, ProtectionSpace, Realm};
use jiff::Timestamp;

use super::admit::Doubtful;
use super::api_tokens::Proven;
use super::failures::{Attempt, Failures, Summary, WINDOW, Writing};
use super::keyring::Keyring;
use super::nodes::TrustCache;
use super::passwords::Passwords;
use super::policy::PolicyCache;
use super::record::{About, Happened, Outcome, Personal, Recorder, What};
use super::replays::Replays;
use crate::base::address::ClientAddress;
use crate::base::id::Reference;
use crate::base::name::ServiceName;
use crate::base::random::Random;
use crate::store::resif::Resif;
use crate::store::{CommitError, Store};

/// What a token becomes whose groups mean nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutGroup {
    /// A login, which opens nothing restricted: its holder goes on reading open data.
    Login,
    /// Nothing, and its holder is told why.
    Nothing,
}

/// The door.
#[derive(Debug)]
pub struct Door {
    /// Where everything is kept.
    pub store: Store,
    /// The keys that lie outside the store.
    pub keyring: Keyring,
    /// The keys of Digest nonces, made from the keyring once.
    pub nonce_keys: NonceKeys,
    /// Who may reach what.
    pub policy: PolicyCache,
    /// Which authorities are believed about machines.
    pub trust: TrustCache,
    /// The only way to write.
    pub recorder: Recorder,
    /// Whoever indexes the log.
    pub indexing: tokio::sync::Mutex<()>,
    /// What may stand open in the log with nobody to end it.
    pub doubtful: Doubtful,
    /// What failed lately, and from where.
    pub failures: Failures,
    /// Where passwords of users are proven.
    pub passwords: Passwords,
    /// Which API tokens were proven a moment ago.
    pub api_tokens: Proven,
    /// Which right answers came before.
    pub replays: Replays,
    /// Fresh bytes.
    pub random: Random,
    /// The realm of Digest challenges.
    pub realm: Realm,
    /// The algorithms of Digest challenges.
    pub offer: Offer,
    /// Databases that logins are written to, too.
    pub resif: Option<Resif>,
    /// What a token becomes whose groups mean nothing here.
    pub without_group: WithoutGroup,
}

/// A refusal's event before it has a reference.
#[derive(Debug)]
pub struct Refused {
    /// What was refused.
    pub what: What,
    /// The reason in one word, by which floods are counted.
    pub reason: String,
    /// Which service it concerns.
    pub service: Option<ServiceName>,
    /// Who they are, or say they are.
    pub who: Option<String>,
    /// Whose certificate was shown, as it says itself.
    pub certificate: Option<String>,
    /// From where.
    pub address: ClientAddress,
}

impl Door {
    /// Where Digest logins to `service` count.
    pub fn protection_space<'a>(&'a self, service: &'a ServiceName) -> ProtectionSpace<'a> {
        ProtectionSpace {
            service: service.as_str(),
            realm: &self.realm,
            keys: &self.nonce_keys,
            offer: self.offer,
        }
    }

    /// Records a refusal and returns the reference that the caller is given; one of a flood is
    /// counted instead, under the reference of its summary.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: then the caller is told only that nothing can be recorded.
    pub async fn record_refusal(&self, refused: Refused, now: Timestamp) -> Result<Reference, CommitError> {
        self.record_refusal_about(refused, &About::default(), now).await
    }

    /// The same, for a request that names somebody.
    ///
    /// # Errors
    ///
    /// [`CommitError`], as above.
    pub async fn record_refusal_about(
        &self,
        refused: Refused,
        about: &About,
        now: Timestamp,
    ) -> Result<Reference, CommitError> {
        let Refused { what, reason, service, who, certificate, address } = refused;
        let event = |what, reference| Happened {
            what,
            outcome: Outcome::Refused,
            service: service.clone(),
            who: who.clone(),
            transaction: None,
            reference: Some(reference),
            personal: Personal { certificate: certificate.clone(), ..Personal::at(address) },
        };
        match self.failures.count(address, &reason, now, &self.random) {
            Writing::Counted(reference) => Ok(reference),
            Writing::Singly => {
                let reference = Reference::new(&self.random);
                let refused = event(what, reference);
                let refused = Happened { personal: refused.personal.clone().naming(about), ..refused };
                self.recorder.commit(None, Vec::new(), &[refused], now).await?;
                Ok(reference)
            }
            Writing::OpensSummary(reference) => {
                let opening = What::FailuresSummarised { reason };
                self.recorder.commit(None, Vec::new(), &[event(opening, reference)], now).await?;
                self.failures.summary_is_recorded(reference);
                Ok(reference)
            }
        }
    }

    /// Tells how long `address` has to wait before it may attempt this again, and the reference
    /// under which its failures are counted.
    ///
    /// # Errors
    ///
    /// [`CommitError`].
    pub async fn refuse_for_limit(
        &self,
        address: ClientAddress,
        attempt: Attempt,
        service: Option<&ServiceName>,
        now: Timestamp,
    ) -> Result<Option<TooMany>, CommitError> {
        let Some(wait) = self.failures.wait(address, attempt, now) else {
            return Ok(None);
        };
        let reason = "too-many-failures";
        let what = match attempt {
            Attempt::Exchange => What::ExchangeRefused {
                reason: reason.into(),
                detail: "the limit of this address".into(),
                token_id: None,
            },
            Attempt::Login => {
                What::AuthenticationFailed { reason, detail: "the limit of this address".into() }
            }
        };
        let refused = Refused {
            what,
            reason: reason.into(),
            service: service.cloned(),
            who: None,
            certificate: None,
            address,
        };
        let reference = self.record_refusal(refused, now).await?;
        Ok(Some(TooMany { wait_seconds: wait.as_secs().unsigned_abs().max(1), reference }))
    }

    /// Records the summaries whose minute is over (all of them at the end of the program).
    ///
    /// # Errors
    ///
    /// [`CommitError`]; what was not written is counted on and tried again.
    pub async fn record_summaries(&self, at_the_end: bool, now: Timestamp) -> Result<(), CommitError> {
        let due = if at_the_end { self.failures.take_all(now) } else { self.failures.take_finished(now) };
        let mut failed = None;
        for summary in due {
            let happened = [summary_event(&summary)];
            if let Err(error) = self.recorder.commit(None, Vec::new(), &happened, now).await {
                self.failures.put_back(&summary);
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Says that an address has failed too often.
#[derive(Debug, Clone, Copy)]
pub struct TooMany {
    /// How long it has to wait.
    pub wait_seconds: u64,
    /// What the caller is given.
    pub reference: Reference,
}

fn summary_event(summary: &Summary) -> Happened {
    let what = What::FailuresCounted {
        reason: summary.reason.clone(),
        count: summary.count,
        since: crate::base::time::stored(summary.since),
        until: crate::base::time::stored(crate::base::time::later(summary.since, WINDOW).max(summary.until)),
    };
    Happened {
        outcome: Outcome::Refused,
        reference: Some(summary.reference),
        personal: Personal { address: summary.block.map(|block| block.to_string()), ..Personal::default() },
        ..Happened::done(what)
    }
}
