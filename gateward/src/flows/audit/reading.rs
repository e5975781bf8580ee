//! Whoever reads the log is recorded in it, before they see anything.

use jiff::Timestamp;

use crate::base::address::ClientAddress;
use crate::flows::record::{Happened, LogReading, Personal, Recorder, What};
use crate::store::CommitError;
use crate::store::revocation::Revision;

/// What somebody is about to be shown.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// How they read.
    pub how: LogReading,
    /// What they asked for: it can name somebody, so it stands in the personal part.
    pub asked: &'a str,
    /// How many events they are shown.
    pub events: u64,
    /// A user, `node:NAME`, or `os:NAME` for a command.
    pub who: &'a str,
    /// From where; `None` for a command.
    pub address: Option<ClientAddress>,
}

/// How much of a question is recorded, in characters.
const RECORDED: usize = 2048;

/// Records that somebody reads the log (DICOM 110101); what they read is shown once this returns. `decided_under`
/// is the revocation counter that they were let in under, where that was decided before.
///
/// # Errors
///
/// [`CommitError`]: they are shown nothing.
pub async fn record_reading(
    recorder: &Recorder,
    reading: Reading<'_>,
    decided_under: Option<Revision>,
    now: Timestamp,
) -> Result<(), CommitError> {
    let Reading { how, asked, events, who, address } = reading;
    let personal = Personal {
        address: address.map(|address| address.to_string()),
        target: Some(asked.chars().take(RECORDED).collect()),
        ..Personal::default()
    };
    let what = What::LogRead { how, events };
    let happened = Happened { who: Some(who.to_owned()), personal, ..Happened::done(what) };
    // A crash before: nothing was shown. After it: recorded, whether or not it still was.
    recorder.commit(decided_under, Vec::new(), &[happened], now).await
}
