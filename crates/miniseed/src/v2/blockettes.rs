//! The chain of blockettes behind a fixed header.

use super::FIXED;
use super::order::Order;
use crate::NotARecord;
use crate::time::Interval;

/// The longest record that is read has two to the power of this many bytes.
pub const MAX_RECORD_EXPONENT: u8 = 20;
const MIN_RECORD_EXPONENT: u8 = 7;

/// What the blockettes of a record add to its fixed header.
#[derive(Default)]
pub(super) struct Blockettes {
    /// Blockette 1000, field 5.
    pub(super) length: Option<u32>,
    /// Blockette 100, field 3: the actual sample rate.
    pub(super) interval: Option<Interval>,
    /// Blockette 1001, field 4: -50 to 99, to be added to the start.
    pub(super) microseconds: Option<i64>,
}

/// How far a chain was followed.
pub(super) enum Chain {
    /// To its end.
    Ends(Blockettes),
    /// No further without this many bytes from the beginning of the record.
    Needs(usize),
}

impl Blockettes {
    /// Follows the chain to its end. It leads forward only, so it ends.
    pub(super) fn read(bytes: &[u8], order: Order) -> Result<Chain, NotARecord> {
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
