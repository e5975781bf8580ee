//! Closes what a crashed program left open, as `unknown`.

use jiff::Timestamp;

use super::door::Door;
use super::record::{Carried, Delivery, Happened, What};
use crate::store::instance::{self, OpenTransaction};
use crate::store::{Change, CommitError, Failed};

/// Whose transactions are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Everybody else's: we hold the lock of the one server, so nobody else runs.
    AllOthers,
    /// Those whose lease lapsed.
    Lapsed,
}

/// How many transactions are closed in one commit.
const AT_ONCE: u32 = 256;

/// Closes every open transaction of programs that are gone; returns how many there were.
///
/// Each transaction closes with its event; a crash in the middle leaves the rest to the next sweep.
///
/// # Errors
///
/// [`Failed`]; what was done before is recorded.
pub async fn close_lapsed(door: &Door, whose: Whose, now: Timestamp) -> Result<u64, Failed> {
    let own = door.recorder.instance().to_string();
    let reader = &door.store.reader;
    let gone = match whose {
        Whose::AllOthers => instance::all(reader).await?,
        Whose::Lapsed => instance::lapsed(reader, now).await?,
    };
    let mut closed = 0;
    for instance in gone.into_iter().filter(|instance| *instance != own) {
        loop {
            let open = instance::open_transactions(reader, &instance, AT_ONCE).await?;
            if open.is_empty() {
                break;
            }
            let mut any = false;
            for transaction in open {
                let is_closed = close(door, &transaction, expect_lapsed(whose, &instance, now), now).await?;
                any |= is_closed;
                closed += u64::from(is_closed);
            }
            if !any {
                break;
            }
        }
        let mut changes: Vec<Change> = expect_lapsed(whose, &instance, now).into_iter().collect();
        changes.push(Change::RetireInstance(instance::Retire { instance }));
        match door.recorder.commit(None, changes, &[], now).await {
            // Another program noticed, too; or it is not gone at all and has renewed its lease.
            Ok(()) | Err(CommitError::Precondition) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(closed)
}

/// An instance that was thought to be gone may renew its lease at any moment; not so where the lock of
/// the one server is ours.
fn expect_lapsed(whose: Whose, instance: &str, by: Timestamp) -> Option<Change> {
    match whose {
        Whose::AllOthers => None,
        Whose::Lapsed => {
            Some(Change::ExpectLapsed(instance::ExpectLapsed { instance: instance.to_owned(), by }))
        }
    }
}

async fn close(
    door: &Door,
    transaction: &OpenTransaction,
    expected: Option<Change>,
    now: Timestamp,
) -> Result<bool, CommitError> {
    let delivery = Delivery::Unknown;
    let what = What::Ended(Carried {
        status: 0,
        bytes: 0,
        bytes_up: None,
        duration_us: 0,
        delivery,
        inspected: None,
        detail: None,
    });
    let happened = Happened {
        outcome: delivery.outcome(),
        service: transaction.service.parse().ok(),
        who: Some(transaction.who.clone()).filter(|who| !who.is_empty()),
        transaction: Some(transaction.id),
        ..Happened::done(what)
    };
    let close = Change::CloseTransaction(instance::Close(transaction.id));
    let changes = expected.into_iter().chain([close]).collect();
    match door.recorder.commit(None, changes, &[happened], now).await {
        Ok(()) => Ok(true),
        Err(CommitError::Precondition) => Ok(false),
        Err(error) => Err(error),
    }
}
