//! Headers of miniSEED 2: SEED 2.4 manual, chapter 8, "Fixed Section of Data Header".
//!
//! Forty-eight bytes in either byte order, then a chain of blockettes, of which three matter: 1000
//! says how long the record is, 100 and 1001 make its times more exact.

use crate::time::{Interval, Start};
use crate::{Code, Header, NotARecord, Read, Version};

/// The longest record that is read has two to the power of this many bytes.
pub const MAX_RECORD_EXPONENT: u8 = 20;
const MIN_RECORD_EXPONENT: u8 = 7;

const FIXED: usize = 48;

/// Reads a header that does not begin with `MS`.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, NotARecord> {
    let Some(fixed) = bytes.first_chunk::<FIXED>() else {
        // Whatever is no record says so at once, though it be shorter than one.
        return seems_data(bytes).then_some(Read::Needs(FIXED)).ok_or(NotARecord::AnotherFormat);
    };
    if !seems_data(fixed) {
        return Err(NotARecord::AnotherFormat);
    }
    let order = Order::of(fixed).ok_or(NotARecord::Start)?;
    let blockettes = match Blockettes::read(bytes, order)? {
        Chain::Ends(blockettes) => blockettes,
        Chain::Needs(bytes) => return Ok(Read::Needs(bytes)),
    };
    let [network, station, location, channel] = codes(fixed).ok_or(NotARecord::Code)?;
    let length = blockettes.length.ok_or(NotARecord::NoLength)?;
    let samples = u32::from(order.u16(fixed, 30));
    let interval = blockettes.interval.unwrap_or_else(|| nominal_interval(fixed, order));
    let correction = time_correction(fixed, order) + blockettes.microseconds.unwrap_or(0) * 1000;
    let span = start(fixed, order).span(correction, samples, interval)?;
    let (start, end) = (span.start, span.end);
    Ok(Read::Header(Header { network, station, location, channel, start, end, length, version: Version::V2 }))
}

/// Fields 1 to 3: a sequence number of digits or padding, a quality, a blank. Volume, dictionary,
/// station and time headers of a full SEED volume differ in the second.
fn seems_data(bytes: &[u8]) -> bool {
    bytes.iter().take(8).enumerate().all(|(at, byte)| match at {
        0..6 => byte.is_ascii_digit() || matches!(byte, b' ' | 0),
        6 => b"DRQM".contains(byte),
        _ => matches!(byte, b' ' | 0),
    })
}

/// Fields 4 to 7.
fn codes(fixed: &[u8; FIXED]) -> Option<[Code; 4]> {
    let [network, station] = [Code::read(&fixed[18..20])?, Code::read(&fixed[8..13])?];
    Some([network, station, Code::read_location(&fixed[13..15])?, Code::read(&fixed[15..18])?])
}

/// Field 8, a BTIME.
fn start(fixed: &[u8; FIXED], order: Order) -> Start {
    Start {
        year: order.u16(fixed, 20),
        day: order.u16(fixed, 22),
        hour: fixed[24],
        minute: fixed[25],
        second: fixed[26],
        // In units of 0.1 ms, of which a second has 10 000.
        nanosecond: u32::from(order.u16(fixed, 28)) * 100_000,
    }
}

/// Field 16 in nanoseconds, as far as it is not in the start yet: bit 1 of field 12 says so.
fn time_correction(fixed: &[u8; FIXED], order: Order) -> i64 {
    let applied = fixed[36] & 0x02 != 0;
    if applied { 0 } else { i64::from(order.i32(fixed, 40)) * 100_000 }
}

/// Fields 10 and 11: positive ones are rates and multiply, negative ones periods and divide.
fn nominal_interval(fixed: &[u8; FIXED], order: Order) -> Interval {
    let factor = f64::from(order.i16(fixed, 32));
    let multiplier = f64::from(order.i16(fixed, 34));
    let rate = if factor < 0.0 { -1.0 / factor } else { factor };
    let rate = match multiplier {
        _ if multiplier < 0.0 => rate / -multiplier,
        _ if multiplier > 0.0 => rate * multiplier,
        _ => rate,
    };
    if rate > 0.0 { Interval::Hertz(rate) } else { Interval::None }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Big,
    Little,
}

impl Order {
    /// The order in which the start has a year and a day, which is how all readers find it out.
    ///
    /// In 2056 (0x0808) both may have: then the first blockette is where it is nearer.
    fn of(fixed: &[u8; FIXED]) -> Option<Self> {
        let sane = |order: Self| {
            (1900..=2100).contains(&order.u16(fixed, 20)) && (1..=366).contains(&order.u16(fixed, 22))
        };
        let first_blockette = |order: &Self| order.u16(fixed, 46);
        [Self::Big, Self::Little].into_iter().filter(|order| sane(*order)).min_by_key(first_blockette)
    }

    /// `at` and the byte after it; zero beyond the end.
    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let [a, b] = bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        if self == Self::Big { u16::from_be_bytes([a, b]) } else { u16::from_le_bytes([a, b]) }
    }

    fn i16(self, bytes: &[u8], at: usize) -> i16 {
        self.u16(bytes, at).cast_signed()
    }

    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let [a, b, c, d] = bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        if self == Self::Big { u32::from_be_bytes([a, b, c, d]) } else { u32::from_le_bytes([a, b, c, d]) }
    }

    fn i32(self, bytes: &[u8], at: usize) -> i32 {
        self.u32(bytes, at).cast_signed()
    }
}

/// What the blockettes of a record add to its fixed header.
#[derive(Default)]
struct Blockettes {
    /// Blockette 1000, field 5.
    length: Option<u32>,
    /// Blockette 100, field 3: the actual sample rate.
    interval: Option<Interval>,
    /// Blockette 1001, field 4: -50 to 99, to be added to the start.
    microseconds: Option<i64>,
}

enum Chain {
    Ends(Blockettes),
    Needs(usize),
}

impl Blockettes {
    /// Follows the chain to its end. It leads forward only, so it ends.
    fn read(bytes: &[u8], order: Order) -> Result<Chain, NotARecord> {
        let mut found = Self::default();
        let mut free = FIXED;
        let mut at = usize::from(order.u16(bytes, 46));
        while at != 0 {
            // Beyond the record there is nothing to wait for.
            let within = |end: usize| found.length.is_none_or(|length| end <= length as usize);
            if at < free || !within(at + 4) {
                return Err(NotARecord::Blockettes);
            }
            let Some(head) = bytes.get(at..at + 4) else { return Ok(Chain::Needs(at + 4)) };
            let kind = order.u16(head, 0);
            free = at + size(kind);
            if !within(free) {
                return Err(NotARecord::Blockettes);
            }
            let Some(blockette) = bytes.get(at..free) else { return Ok(Chain::Needs(free)) };
            found.take(kind, blockette, order)?;
            at = usize::from(order.u16(head, 2));
        }
        let whole = found.length.is_none_or(|length| free <= length as usize);
        whole.then_some(Chain::Ends(found)).ok_or(NotARecord::Blockettes)
    }

    /// Takes what matters from one blockette. A second one of a kind could say something else to
    /// other readers than to us.
    fn take(&mut self, kind: u16, blockette: &[u8], order: Order) -> Result<(), NotARecord> {
        let twice = match (kind, blockette) {
            (1000, [_, _, _, _, _, _, exponent, ..]) => self.length.replace(length(*exponent)?).is_some(),
            (1001, [_, _, _, _, _, microseconds, ..]) => {
                self.microseconds.replace(i64::from(microseconds.cast_signed())).is_some()
            }
            (100, _) => {
                let rate = f64::from(f32::from_bits(order.u32(blockette, 4)));
                let interval = match rate {
                    _ if !rate.is_finite() || rate < 0.0 => return Err(NotARecord::SampleRate),
                    _ if rate > 0.0 => Interval::Hertz(rate),
                    _ => Interval::None,
                };
                self.interval.replace(interval).is_some()
            }
            _ => false,
        };
        if twice { Err(NotARecord::Blockettes) } else { Ok(()) }
    }
}

/// Bytes of a blockette as far as they are read.
fn size(kind: u16) -> usize {
    match kind {
        1000 | 1001 => 8,
        100 => 12,
        _ => 4,
    }
}

fn length(exponent: u8) -> Result<u32, NotARecord> {
    let known = (MIN_RECORD_EXPONENT..=MAX_RECORD_EXPONENT).contains(&exponent);
    known.then(|| 1 << exponent).ok_or(NotARecord::Length)
}
