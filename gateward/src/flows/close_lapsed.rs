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
            for transaction in open {
                closed += u64::from(close(door, &transaction, now).await?);
            }
        }
        let retire = Change::RetireInstance(instance::Retire { instance });
        match door.recorder.commit(None, vec![retire], &[], now).await {
            // Another program noticed, too.
            Ok(()) | Err(CommitError::Precondition) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(closed)
}

async fn close(door: &Door, transaction: &OpenTransaction, now: Timestamp) -> Result<bool, CommitError> {
    let delivery = Delivery::Unknown;
    let what =
        What::Ended(Carried { status: 0, bytes: 0, duration_us: 0, delivery, inspected: None, detail: None });
    let happened = Happened {
        outcome: delivery.outcome(),
        service: transaction.service.parse().ok(),
        who: Some(transaction.who.clone()).filter(|who| !who.is_empty()),
        transaction: Some(transaction.id),
        ..Happened::done(what)
    };
    let change = Change::CloseTransaction(instance::Close(transaction.id));
    match door.recorder.commit(None, vec![change], &[happened], now).await {
        Ok(()) => Ok(true),
        Err(CommitError::Precondition) => Ok(false),
        Err(error) => Err(error),
    }
}
