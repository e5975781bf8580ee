//! Headers of miniSEED 2: SEED 2.4 manual, chapter 8, "Fixed Section of Data Header".
//!
//! Forty-eight bytes in either byte order, then a chain of blockettes, of which three matter: 1000
//! says how long the record is, 100 and 1001 make its times more exact.

use crate::time::{Interval, Start};
use crate::{Code, Header, NotARecord, Read, Version};
use blockettes::{Blockettes, Chain};
use order::Order;

mod blockettes;
mod order;

pub use blockettes::MAX_RECORD_EXPONENT;

const FIXED: usize = 48;

/// How many bytes fields 4 to 7 have together, the codes.
pub(crate) const CODES: usize = 12;

/// How far reading a header came that may be without its codes.
pub(crate) enum Part<'a> {
    Timed(Timed<'a>),
    /// As [`Read::Needs`].
    Needs(usize),
}

/// A header whose codes are not read yet.
pub(crate) struct Timed<'a> {
    pub(crate) codes: &'a [u8; CODES],
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) length: u32,
}

impl Timed<'_> {
    /// Reads the codes, too.
    pub(crate) fn header(&self) -> Result<Header, NotARecord> {
        let Self { start, end, length, .. } = *self;
        let [network, station, location, channel] = codes(self.codes).ok_or(NotARecord::Code)?;
        Ok(Header { network, station, location, channel, start, end, length, version: Version::V2 })
    }
}

/// Reads a header that does not begin with `MS`.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, NotARecord> {
    match timed(bytes)? {
        Part::Needs(bytes) => Ok(Read::Needs(bytes)),
        Part::Timed(timed) => timed.header().map(Read::Header),
    }
}

/// Reads it without its codes.
pub(crate) fn timed(bytes: &[u8]) -> Result<Part<'_>, NotARecord> {
    let Some(fixed) = bytes.first_chunk::<FIXED>() else {
        // Whatever is no record says so at once, though it be shorter than one.
        return seems_data(bytes).then_some(Part::Needs(FIXED)).ok_or(NotARecord::AnotherFormat);
    };
    if !seems_data(fixed) {
        return Err(NotARecord::AnotherFormat);
    }
    let order = Order::of(fixed).ok_or(NotARecord::Start)?;
    let blockettes = match Blockettes::read(bytes, order)? {
        Chain::Ends(blockettes) => blockettes,
        Chain::Needs(bytes) => return Ok(Part::Needs(bytes)),
    };
    let length = blockettes.length.ok_or(NotARecord::NoLength)?;
    let samples = u32::from(order.u16(fixed, 30));
    let interval = blockettes.interval.unwrap_or_else(|| nominal_interval(fixed, order));
    let correction = time_correction(fixed, order) + blockettes.microseconds.unwrap_or(0) * 1000;
    let span = start(fixed, order).span(correction, samples, interval)?;
    let codes = fixed[8..].first_chunk().ok_or(NotARecord::Code)?;
    Ok(Part::Timed(Timed { codes, start: span.start, end: span.end, length }))
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
fn codes(codes: &[u8; CODES]) -> Option<[Code; 4]> {
    let [network, station] = [Code::read(&codes[10..])?, Code::read(&codes[..5])?];
    Some([network, station, Code::read_location(&codes[5..7])?, Code::read(&codes[7..10])?])
}

/// Field 8, a BTIME.
fn start(fixed: &[u8; FIXED], order: Order) -> Start {
    Start {
        year: order.u16(fixed, 20),
        day: order.u16(fixed, 22),
        hour: fixed[24],
        minute: fixed[25],
        second: fixed[26],
        // In units of 0.1 ms. Some instruments write more than the 10 000 of a second, and mean it.
        nanosecond: i64::from(order.u16(fixed, 28)) * 100_000,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of 128 bytes, big endian, 2015-06-30T12:00:00, with this chain of blockettes.
    fn record(blockettes: &[(usize, &[u8])]) -> [u8; 128] {
        let mut record = [0; 128];
        record[..20].copy_from_slice(b"000001D WLF    BHZGE");
        record[20..30].copy_from_slice(&[0x07, 0xDF, 0, 181, 12, 0, 0, 0, 0, 0]);
        record[30..36].copy_from_slice(&[0, 11, 0, 10, 0, 1]); // 11 samples, 10 Hz
        record[47] = 48;
        for (at, bytes) in blockettes {
            record[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        record
    }

    const NOON: i64 = 1_435_665_600_000_000;
    /// Blockette 1000 for 128 bytes, and no blockette behind it.
    const LENGTH: &[u8] = &[0x03, 0xE8, 0, 0, 3, 1, 7, 0];

    fn span(record: &[u8]) -> (i64, i64) {
        match read(record) {
            Ok(Read::Header(header)) => (header.start - NOON, header.end - NOON),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_record_that_does_not_say_how_long_it_is_is_refused() {
        assert_eq!(read(&record(&[(47, &[0])])), Err(NotARecord::NoLength));
        assert_eq!(read(&record(&[(48, &[0x03, 0xE9, 0, 0])])), Err(NotARecord::NoLength));
        for exponent in [0, 6, 21, 255] {
            let with_length = |exponent| record(&[(48, &[0x03, 0xE8, 0, 0, 3, 1, exponent, 0])]);
            assert_eq!(read(&with_length(exponent)), Err(NotARecord::Length));
            assert!(read(&with_length(20)).is_ok());
        }
    }

    #[test]
    fn blockettes_that_lead_back_or_out_of_the_record_or_come_twice_are_refused() {
        let chains: [&[(usize, &[u8])]; 7] = [
            &[(47, &[47]), (47, LENGTH)],               // into the fixed header
            &[(48, &[0x03, 0xE8, 0, 48, 3, 1, 7, 0])],  // to itself
            &[(48, &[0x03, 0xE8, 0, 52, 3, 1, 7, 0])],  // into itself
            &[(48, &[0, 201, 0, 50])],                  // also if it does not matter
            &[(48, &[0x03, 0xE8, 0, 125, 3, 1, 7, 0])], // over the end
            &[(48, &[0x03, 0xE8, 0, 120, 3, 1, 7, 0]), (120, &[0, 100])], // with its end over the end
            &[(48, &[0x03, 0xE8, 0, 56, 3, 1, 7, 0]), (56, LENGTH)], // two lengths
        ];
        for chain in chains {
            assert_eq!(read(&record(chain)), Err(NotARecord::Blockettes), "{chain:?}");
        }
        // The length comes only behind what lies beyond it.
        let mut long = [0; 300];
        long[..128].copy_from_slice(&record(&[(46, &[0, 200])]));
        long[200..208].copy_from_slice(LENGTH);
        assert_eq!(read(&long), Err(NotARecord::Blockettes));
    }

    #[test]
    fn microseconds_are_added_and_the_actual_rate_rules() {
        let length: &[u8] = &[0x03, 0xE8, 0, 56, 3, 1, 7, 0];
        let microseconds = |by: i8| [0x03, 0xE9, 0, 64, 0, by.cast_unsigned(), 0, 0];
        let rate = [&[0, 100, 0, 0][..], &5f32.to_be_bytes(), &[0; 4]].concat();
        assert_eq!(span(&record(&[(48, length), (56, &microseconds(-50)), (64, &rate)])), (-50, 1_999_950));
        assert_eq!(span(&record(&[(48, length), (56, &microseconds(99)), (64, &rate)])), (99, 2_000_099));
        for rate in [f32::NAN, f32::INFINITY, -5.0] {
            let rate = [&[0, 100, 0, 0][..], &rate.to_be_bytes(), &[0; 4]].concat();
            assert_eq!(read(&record(&[(48, length), (56, &rate)])), Err(NotARecord::SampleRate));
        }
    }

    #[test]
    fn a_time_correction_counts_unless_it_is_applied() {
        let correction = &1_5000_i32.to_be_bytes();
        assert_eq!(span(&record(&[(48, LENGTH), (40, correction)])), (1_500_000, 2_500_000));
        assert_eq!(span(&record(&[(48, LENGTH), (40, correction), (36, &[0x02])])), (0, 1_000_000));
        assert_eq!(span(&record(&[(48, LENGTH), (40, correction), (36, &[0xFD])])), (1_500_000, 2_500_000));
    }

    #[test]
    fn fractions_beyond_a_second_are_meant() {
        assert_eq!(span(&record(&[(48, LENGTH), (28, &17_180_u16.to_be_bytes())])), (1_718_000, 2_718_000));
    }

    #[test]
    fn only_data_records_are_records() {
        for (at, byte) in [(0, b'A'), (5, b'-'), (6, b'V'), (6, b'S'), (6, b' '), (6, b'd'), (7, b'*')] {
            let record = record(&[(48, LENGTH), (at, &[byte])]);
            assert_eq!(read(&record), Err(NotARecord::AnotherFormat), "{byte} at {at}");
            // Said at once, without waiting for the rest.
            assert_eq!(read(&record[..=at]), Err(NotARecord::AnotherFormat), "{byte} at {at}");
        }
        for (at, byte) in [(0, b' '), (0, 0), (6, b'R'), (6, b'Q'), (6, b'M'), (7, 0)] {
            assert!(read(&record(&[(48, LENGTH), (at, &[byte])])).is_ok(), "{byte} at {at}");
        }
    }

    #[test]
    fn a_year_that_is_none_in_either_order_is_refused() {
        assert_eq!(read(&record(&[(48, LENGTH), (20, &[0x07, 0x6B])])), Err(NotARecord::Start)); // 1899
        assert_eq!(read(&record(&[(48, LENGTH), (22, &[0, 0])])), Err(NotARecord::Start));
    }

    #[test]
    fn a_year_that_reads_alike_in_both_orders_goes_by_the_nearer_blockette() {
        let both = record(&[(48, LENGTH), (20, &[8, 8, 0, 1])]); // 2056, day 1 or 256
        assert_eq!(Order::of(both.first_chunk().unwrap()), Some(Order::Big));
        let swapped = record(&[(48, LENGTH), (20, &[8, 8, 1, 0]), (46, &[48, 0])]);
        assert_eq!(Order::of(swapped.first_chunk().unwrap()), Some(Order::Little));
    }

    #[test]
    fn it_asks_for_no_more_than_the_next_thing_to_read() {
        let record = record(&[(48, LENGTH)]);
        for have in 0..56 {
            let needs = [48, 52, 56].into_iter().find(|needs| have < *needs).unwrap();
            assert_eq!(read(&record[..have]), Ok(Read::Needs(needs)));
        }
        assert!(matches!(read(&record[..56]), Ok(Read::Header(_))));
    }
}
