//! The order of bytes that a header is written in.

use super::FIXED;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    Big,
    Little,
}

impl Order {
    /// The order in which the start has a year and a day, which is how all readers find it out.
    ///
    /// In 2056 (0x0808) both may have: then the first blockette is where it is nearer.
    pub(super) fn of(fixed: &[u8; FIXED]) -> Option<Self> {
        let sane = |order: Self| {
            (1900..=2100).contains(&order.u16(fixed, 20)) && (1..=366).contains(&order.u16(fixed, 22))
        };
        let first_blockette = |order: &Self| order.u16(fixed, 46);
        [Self::Big, Self::Little].into_iter().filter(|order| sane(*order)).min_by_key(first_blockette)
    }

    /// `at` and the byte after it; zero beyond the end.
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let [a, b] = bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        if self == Self::Big { u16::from_be_bytes([a, b]) } else { u16::from_le_bytes([a, b]) }
    }

    pub(super) fn i16(self, bytes: &[u8], at: usize) -> i16 {
        self.u16(bytes, at).cast_signed()
    }

    pub(super) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let [a, b, c, d] = bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        if self == Self::Big { u32::from_be_bytes([a, b, c, d]) } else { u32::from_le_bytes([a, b, c, d]) }
    }

    pub(super) fn i32(self, bytes: &[u8], at: usize) -> i32 {
        self.u32(bytes, at).cast_signed()
    }
}
