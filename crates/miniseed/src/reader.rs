//! The headers of one stream, one after the other.

use crate::v2::{self, CODES, Part};
use crate::{Code, Header, NotARecord, Read, Version};

/// Reads headers, and keeps the last one.
///
/// Most records are of the channel that the one before them was of. Where the bytes of their codes
/// are the same, so are the codes, and they stay as they are.
#[derive(Debug)]
pub(crate) struct Reader {
    header: Header,
    /// What the codes in `header` were read from, if it is of version 2.
    codes: Option<[u8; CODES]>,
}

impl Default for Reader {
    fn default() -> Self {
        let code = Code::EMPTY;
        let (network, station, location, channel) = (code, code, code, code);
        let (start, end, length, version) = (0, 0, 0, Version::V2);
        Self {
            header: Header { network, station, location, channel, start, end, length, version },
            codes: None,
        }
    }
}

impl Reader {
    /// The header that was read last.
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Reads the header that `bytes` begin with, as [`Header::read`] does; `None` if it is read, or
    /// how many bytes it needs.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Option<usize>, NotARecord> {
        // No record of version 2 begins with an M.
        if matches!(bytes, [] | [b'M', ..]) {
            return match Header::read(bytes)? {
                Read::Needs(bytes) => Ok(Some(bytes)),
                Read::Header(header) => {
                    *self = Self { header, codes: None };
                    Ok(None)
                }
            };
        }
        let timed = match v2::timed(bytes)? {
            Part::Needs(bytes) => return Ok(Some(bytes)),
            Part::Timed(timed) => timed,
        };
        if self.codes.as_ref() == Some(timed.codes) {
            self.header.start = timed.start;
            self.header.end = timed.end;
            self.header.length = timed.length;
        } else {
            self.header = timed.header()?;
            self.codes = Some(*timed.codes);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_behind_another_as_it_is_read_alone() {
        let obspy: &[u8] = include_bytes!("../tests/golden/obspy.mseed");
        let others: [&[u8]; 2] = [
            include_bytes!("../tests/golden/libmseed-3.mseed"),
            include_bytes!("../tests/golden/libmseed-2.mseed"),
        ];
        let Ok(Read::Header(first)) = Header::read(obspy) else { unreachable!() };
        // One channel before version 3 and behind it.
        let first = &obspy[..first.length as usize];
        let stream = [first, others[0], obspy, others[1], obspy].concat();
        let mut reader = Reader::default();
        let (mut at, mut alike) = (0, 0);
        while at < stream.len() {
            let before = *reader.header();
            assert_eq!(reader.read(&stream[at..]), Ok(None));
            let Ok(Read::Header(alone)) = Header::read(&stream[at..]) else { unreachable!() };
            assert_eq!(*reader.header(), alone);
            alike += usize::from((before.station, before.channel) == (alone.station, alone.channel));
            at += alone.length as usize;
        }
        assert!(alike > 10, "records of one channel lie side by side: {alike}");
    }
}
