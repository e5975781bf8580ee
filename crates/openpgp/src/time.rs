//! OpenPGP counts seconds since 1970 in 32 bits; the rest of the product uses `jiff`.

use jiff::{SignedDuration, Timestamp};

pub(crate) fn from_library(time: pgp::types::Timestamp) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(i64::from(time.as_secs()))
}

/// `None` before 1970 and after February 2106, which the format cannot say.
pub(crate) fn to_library(time: Timestamp) -> Option<pgp::types::Timestamp> {
    let seconds = u32::try_from(time.as_second()).ok()?;
    Some(pgp::types::Timestamp::from_secs(seconds))
}

/// The end of a validity period, or `None` where a period of zero means "for ever"
/// (RFC 9580 sections 5.2.3.13 and 5.2.3.18).
pub(crate) fn end(start: Timestamp, period: pgp::types::Duration) -> Option<Timestamp> {
    let seconds = i64::from(period.as_secs());
    (seconds > 0).then(|| start + SignedDuration::from_secs(seconds))
}

/// How far ahead of our clock another machine's clock may be.
pub(crate) const CLOCK_ALLOWANCE: SignedDuration = SignedDuration::from_secs(300);
