//! Why a stream cannot be split.

use crate::Code;

/// Why a stream cannot be split. Its sender must act; there is no way to go on behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Where a record should begin there is none, or one that we do not understand.
    #[error("no miniSEED record at byte {at}: {why}")]
    NotARecord {
        /// Offset in the stream.
        at: u64,
        /// What is wrong with it.
        why: NotARecord,
    },
    /// The stream ended inside a record.
    #[error("the record at byte {at} ends after {have} bytes")]
    Truncated {
        /// Offset in the stream.
        at: u64,
        /// How many of its bytes came.
        have: u64,
    },
}

/// Why bytes are not the header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARecord {
    /// Text, HTML, a full SEED volume, another format.
    #[error("neither a data record of miniSEED 2 nor miniSEED 3")]
    AnotherFormat,
    /// `MS`, and a version that is not 3.
    #[error("miniSEED version {0} is not known")]
    Version(u8),
    /// No such time, or one out of all reason.
    #[error("its start is no time")]
    Start,
    /// Not a number, negative where it must not be, or so low that the end is out of all reason.
    #[error("its sample rate gives no end")]
    SampleRate,
    /// Version 2 says its length in blockette 1000, and there it is missing.
    #[error("blockette 1000 is missing, so its length is unknown")]
    NoLength,
    /// Too short or too long to be one.
    #[error("its length is out of bounds")]
    Length,
    /// Version 2: the chain goes back, comes twice by one thing, or leaves the record.
    #[error("its blockettes are no chain")]
    Blockettes,
    /// Version 3: another namespace than `FDSN:`, or not six parts.
    #[error("its source identifier is not FDSN:NET_STA_LOC_BAND_SOURCE_SUBSOURCE")]
    SourceIdentifier,
    /// Longer than any code may be, or not visible ASCII.
    #[error("a code has more than {max} characters or unprintable ones", max = Code::MAX)]
    Code,
}
