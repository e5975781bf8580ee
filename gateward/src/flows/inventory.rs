//! The inventory that restrictions are read from: a reading is recorded, then gone by.

use std::sync::Arc;

use fdsn::{Inventory, stationxml};
use jiff::Timestamp;

use super::door::Door;
use super::kind::{Known, Read};
use super::record::{Happened, What};
use crate::base::name::ServiceName;
use crate::base::sha256::Sha256;
use crate::store::CommitError;

/// A document that was read, before anything goes by it.
#[derive(Debug)]
pub struct Parsed {
    inventory: Inventory,
    epochs: u64,
    restricted: u64,
    sha256: String,
}

/// Reads a StationXML document; takes as long as that takes.
///
/// # Errors
///
/// [`stationxml::Error`]: the operator's, or whoever's the inventory is.
pub fn parse(document: &[u8]) -> Result<Parsed, stationxml::Error> {
    let sha256 = Sha256::of(document);
    let epochs = stationxml::read(document)?;
    let restricted = epochs.iter().filter(|epoch| epoch.restricted).count() as u64;
    Ok(Parsed {
        epochs: epochs.len() as u64,
        restricted,
        sha256: sha256.to_string(),
        inventory: Inventory::new(epochs),
    })
}

/// Goes by `parsed` from now on; another document than the last one is an event.
///
/// # Errors
///
/// [`CommitError`]: the last reading stays, for as long as it is believed.
pub async fn take(
    door: &Door,
    service: &ServiceName,
    known: &Known,
    parsed: Parsed,
    now: Timestamp,
) -> Result<(), CommitError> {
    let Parsed { inventory, epochs, restricted, sha256 } = parsed;
    if known.last().is_none_or(|last| last.sha256 != sha256) {
        let what = What::InventoryLoaded { sha256: sha256.clone(), epochs, restricted };
        let happened = Happened { service: Some(service.clone()), ..Happened::done(what) };
        // A crash after the commit leaves an event for a reading that nobody went by; the next start
        // reads again, and says so again.
        door.recorder.commit(None, Vec::new(), &[happened], now).await?;
    }
    known.take(Read { inventory: Arc::new(inventory), at: now, sha256 });
    Ok(())
}

/// Notes that the last reading was found to be still so.
pub fn is_still_so(known: &Known, now: Timestamp) {
    if let Some(last) = known.last() {
        known.take(Read { at: now, ..Read::clone(&last) });
    }
}
