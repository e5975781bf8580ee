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
    pub asked: Asked<'a>,
    /// How many events they are shown.
    pub events: u64,
    /// A user, `node:NAME`, or `os:NAME` for a command.
    pub who: &'a str,
    /// From where; `None` for a command.
    pub address: Option<ClientAddress>,
}

/// A question about the log that is short enough to be recorded whole: of a longer one, the end could hide
/// whom it is about.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a>(&'a str);

/// Why a question is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a question about the log has at most {LONGEST} bytes, so that all of it is recorded: ask in parts")]
pub struct TooLong;

/// How long a question is at most, in bytes.
const LONGEST: usize = 8 * 1024;

impl<'a> Asked<'a> {
    /// Takes a question.
    ///
    /// # Errors
    ///
    /// [`TooLong`].
    pub fn new(text: &'a str) -> Result<Self, TooLong> {
        if text.len() > LONGEST { Err(TooLong) } else { Ok(Self(text)) }
    }
}

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
        target: Some(asked.0.to_owned()),
        ..Personal::default()
    };
    let what = What::LogRead { how, events };
    let happened = Happened { who: Some(who.to_owned()), personal, ..Happened::done(what) };
    // A crash before: nothing was shown. After it: recorded, whether or not it still was.
    recorder.commit(decided_under, Vec::new(), &[happened], now).await
}
