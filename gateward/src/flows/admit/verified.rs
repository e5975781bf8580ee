//! A permit whose request somebody else carries: recorded, and told to the proxy that asked.

use jiff::Timestamp;

use super::permit::{KeyShown, Permit};
use crate::base::id::TransactionId;
use crate::flows::caller::Caller;
use crate::flows::door::Door;
use crate::flows::record::{Delivery, What};
use crate::flows::verify::Proxy;
use crate::store::CommitError;

/// Proves that `verified` is on the disk: the proxy may be told.
#[derive(Debug)]
#[must_use = "the proxy may be told now"]
pub struct Verified {
    transaction: TransactionId,
    told: Option<String>,
    caller: Caller,
    key: KeyShown,
}

impl Verified {
    /// The request's id.
    pub fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// Who was proven.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What the proxy's upstream is told of who comes.
    pub fn told(&self) -> Option<&str> {
        self.told.as_deref()
    }

    /// Which key the proxy shows to what is behind it.
    pub fn key(&self) -> &KeyShown {
        &self.key
    }
}

impl Permit {
    /// Records that `proxy` is told that this is permitted. Durable when this returns; what becomes of the
    /// request, nobody here observes.
    ///
    /// # Errors
    ///
    /// As [`Permit::release`]; [`CommitError::Precondition`] also where the policy moved between the proxy's
    /// proof and this permit.
    pub async fn verify(self, door: &Door, proxy: &Proxy, now: Timestamp) -> Result<Verified, CommitError> {
        if proxy.recognised_under() != self.decided_under {
            return Err(CommitError::Precondition);
        }
        let transaction = TransactionId::new(now, &door.random);
        let what = What::Verified {
            access: self.access(),
            proxy: proxy.name().to_owned(),
            delivery: Delivery::NotObserved,
            detail: "outcome not observed",
        };
        let (key, told) = (self.key_shown(), self.caller.told(self.nodes_alone));
        let changes = self.noted().into_iter().collect();
        let happened = [self.event(transaction, what)];
        // A crash before the commit: the proxy gets no answer and lets nothing through. After it: recorded as
        // verified, whether or not anything came of it.
        door.recorder.commit(Some(self.decided_under), changes, &happened, now).await?;
        Ok(Verified { transaction, told, caller: self.caller, key })
    }
}
