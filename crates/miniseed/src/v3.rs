//! Headers of miniSEED 3: FDSN, "miniSEED 3", "Record definition".
//!
//! Forty bytes, little endian, then the source identifier, extra headers and data.

use crate::time::{Interval, Start};
use crate::{Code, Header, NotARecord, Read, Version};

/// The longest record that is read, in bytes: as much as libmseed takes.
pub const MAX_RECORD: u32 = 10 * 1024 * 1024;

const FIXED: usize = 40;

/// Reads a header that begins with `MS` and 3. The CRC is not looked at.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, NotARecord> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else { return Ok(Read::Needs(FIXED)) };
    // Fields 13 to 15: lengths of the identifier, the extra headers and the data.
    let identifier_len = usize::from(fixed[33]);
    let extra_len = u32::from(u16::from_le_bytes([fixed[34], fixed[35]]));
    let data_len = u32::from_le_bytes([fixed[36], fixed[37], fixed[38], fixed[39]]);
    let length = data_len
        .checked_add(40 + u32::from(fixed[33]) + extra_len)
        .filter(|length| *length <= MAX_RECORD)
        .ok_or(NotARecord::Length)?;

    let Some(identifier) = rest.get(..identifier_len) else { return Ok(Read::Needs(FIXED + identifier_len)) };
    let [network, station, location, channel] = codes(identifier)?;
    let samples = u32::from_le_bytes([fixed[24], fixed[25], fixed[26], fixed[27]]);
    let span = start(fixed)?.span(0, samples, interval(fixed)?)?;
    let (start, end) = (span.start, span.end);
    Ok(Read::Header(Header { network, station, location, channel, start, end, length, version: Version::V3 }))
}

/// Field 4.
fn start(fixed: &[u8; FIXED]) -> Result<Start, NotARecord> {
    let nanosecond = u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
    if nanosecond >= 1_000_000_000 {
        return Err(NotARecord::Start);
    }
    Ok(Start {
        nanosecond: i64::from(nanosecond),
        year: u16::from_le_bytes([fixed[8], fixed[9]]),
        day: u16::from_le_bytes([fixed[10], fixed[11]]),
        hour: fixed[12],
        minute: fixed[13],
        second: fixed[14],
    })
}

/// Field 11: a positive number is a rate in hertz, a negative one a period in seconds.
fn interval(fixed: &[u8; FIXED]) -> Result<Interval, NotARecord> {
    let rate = fixed[16..].first_chunk().map_or(0.0, |bytes| f64::from_le_bytes(*bytes));
    match rate {
        _ if !rate.is_finite() => Err(NotARecord::SampleRate),
        _ if rate > 0.0 => Ok(Interval::Hertz(rate)),
        _ if rate < 0.0 => Ok(Interval::Seconds(-rate)),
        _ => Ok(Interval::None),
    }
}

/// Field 16: an FDSN source identifier, `FDSN:NET_STA_LOC_BAND_SOURCE_SUBSOURCE`.
fn codes(identifier: &[u8]) -> Result<[Code; 4], NotARecord> {
    let parts = identifier.strip_prefix(b"FDSN:").ok_or(NotARecord::SourceIdentifier)?;
    let mut parts = parts.split(|byte| *byte == b'_');
    let mut next = || parts.next().ok_or(NotARecord::SourceIdentifier);
    let [network, station, location] = [next()?, next()?, next()?];
    let [band, source, subsource] = [next()?, next()?, next()?];
    if parts.next().is_some() {
        return Err(NotARecord::SourceIdentifier);
    }
    let codes = || {
        let channel = channel(band, source, subsource)?;
        Some([Code::read(network)?, Code::read(station)?, Code::read_location(location)?, channel])
    };
    codes().ok_or(NotARecord::Code)
}

fn channel(band: &[u8], source: &[u8], subsource: &[u8]) -> Option<Code> {
    let separator: &[u8] =
        if [band, source, subsource].iter().all(|part| part.len() == 1) { b"" } else { b"_" };
    let mut channel = Code::EMPTY;
    for part in [band, separator, source, separator, subsource] {
        channel.append(part)?;
    }
    Some(channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_codes(identifier: &str) -> Result<String, NotARecord> {
        codes(identifier.as_bytes()).map(|codes| codes.map(|code| code.to_string()).join(" "))
    }

    #[test]
    fn single_characters_make_a_channel_and_longer_parts_stay_apart() {
        assert_eq!(read_codes("FDSN:GE_WLF__B_H_Z").unwrap(), "GE WLF  BHZ");
        assert_eq!(read_codes("FDSN:7F2018_ABCDEFGH_00-01_B_HX_Z").unwrap(), "7F2018 ABCDEFGH 00-01 B_HX_Z");
        assert_eq!(read_codes("FDSN:GE_WLF_00__H_").unwrap(), "GE WLF 00 _H_");
    }

    #[test]
    fn an_identifier_of_another_form_is_refused() {
        for identifier in [
            "",
            "GE_WLF__B_H_Z",
            "XFDSN:GE_WLF__B_H_Z",
            "fdsn:GE_WLF__B_H_Z",
            "FDSN:GE_WLF_BHZ",
            "FDSN:A_B_C_D_E_F_G",
        ] {
            assert_eq!(read_codes(identifier), Err(NotARecord::SourceIdentifier), "{identifier}");
        }
        for identifier in ["FDSN:G E_WLF__B_H_Z", "FDSN:GE_ABCDEFGHIJKLMNOP__B_H_Z", "FDSN:GE_W\u{e9}__B_H_Z"]
        {
            assert_eq!(read_codes(identifier), Err(NotARecord::Code), "{identifier}");
        }
    }

    #[test]
    fn a_record_longer_than_all_reason_is_refused_before_it_is_waited_for() {
        let mut fixed = [0; FIXED];
        fixed[..3].copy_from_slice(b"MS\x03");
        fixed[36..].copy_from_slice(&MAX_RECORD.to_le_bytes());
        assert_eq!(read(&fixed), Err(NotARecord::Length));
        fixed[36..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(read(&fixed), Err(NotARecord::Length));
    }
}
