//! What a record says about itself.

use crate::{Code, NotARecord, v2, v3};

/// Whose data a record holds, and from when to when.
///
/// Both times are microseconds since 1970, UTC without leap seconds. They cover the samples
/// entirely: `start` is rounded down, `end` up. A record that starts in a leap second (23:59:60)
/// spans the last microsecond before it too, because the leap second belongs to that day; one
/// inside a record is not known of, so `end` may then be a second late.
///
/// It is what the record says: that its samples really are of that channel and time, or that there
/// are as many, is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Network code.
    pub network: Code,
    /// Station code.
    pub station: Code,
    /// Location code, empty for blank.
    pub location: Code,
    /// Channel code. Version 3 has three parts: they stand together if they have one character
    /// each (`BHZ`), and have `_` between them if not.
    pub channel: Code,
    /// Time of the first sample.
    pub start: i64,
    /// Time of the last sample; `start` if there is at most one, or no sample rate.
    pub end: i64,
    /// Length of the whole record in bytes.
    pub length: u32,
    /// Which of the two formats it is in.
    pub version: Version,
}

/// The two formats, which may come mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// miniSEED 2, the data records of SEED 2.4.
    V2,
    /// miniSEED 3.
    V3,
}

/// How far reading a header came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// To its end.
    Header(Header),
    /// No further without this many bytes from the beginning of the record, or more.
    Needs(usize),
}

impl Header {
    /// Reads the header of the record that `bytes` begin with.
    ///
    /// # Errors
    ///
    /// [`NotARecord`]: the sender's to mend.
    pub fn read(bytes: &[u8]) -> Result<Read, NotARecord> {
        match bytes {
            [b'M', b'S', 3, ..] => v3::read(bytes),
            [b'M', b'S', version, ..] => Err(NotARecord::Version(*version)),
            [] | [b'M'] | [b'M', b'S'] => Ok(Read::Needs(3)),
            _ => v2::read(bytes),
        }
    }
}
