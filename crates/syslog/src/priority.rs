//! What kind of program says something, and how urgent it is (RFC 5424 section 6.2.1).

use std::fmt;

/// PRIVAL: facility (0 to 23) and severity (0 to 7) in one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Priority(u8);

impl Priority {
    /// Security and authorisation, of the severity "notice": what IHE ITI-20 asks of audit messages.
    pub const AUDIT: Self = Self(85);

    /// The largest one: facility 23, severity 7.
    const MOST: u8 = 191;

    /// `None` unless `facility` is below 24 and `severity` below 8.
    pub const fn new(facility: u8, severity: u8) -> Option<Self> {
        if facility < 24 && severity < 8 { Some(Self(facility * 8 + severity)) } else { None }
    }

    /// 0 to 23.
    pub const fn facility(self) -> u8 {
        self.0 / 8
    }

    /// 0 (emergency) to 7 (debug).
    pub const fn severity(self) -> u8 {
        self.0 % 8
    }

    /// Reads `<PRIVAL>` at the beginning of `bytes`, which older messages (RFC 3164) have too; with what follows.
    pub fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let rest = bytes.strip_prefix(b"<")?;
        let digits = rest.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = rest.split_at(digits);
        let rest = rest.strip_prefix(b">")?;
        // Leading zeros are another spelling of the same number, and not in the grammar.
        if number.is_empty() || (number.len() > 1 && number[0] == b'0') {
            return None;
        }
        let value = number.iter().fold(0u16, |value, digit| value * 10 + u16::from(digit - b'0'));
        let value = u8::try_from(value).ok().filter(|value| *value <= Self::MOST)?;
        Some((Self(value), rest))
    }
}

impl fmt::Display for Priority {
    /// PRIVAL in decimal, as it stands between the angle brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_messages_are_of_facility_10_and_severity_5() {
        assert_eq!(Priority::new(10, 5), Some(Priority::AUDIT));
        assert_eq!((Priority::AUDIT.facility(), Priority::AUDIT.severity()), (10, 5));
    }

    #[test]
    fn numbers_that_mean_nothing_are_not_read() {
        for wrong in ["", "85", "<>", "<85", "<085>", "<00>", "<192>", "<1000>", "<-1>", "< 85>", "<8 5>"] {
            assert_eq!(Priority::read(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Priority::read(b"<0>x"), Some((Priority(0), b"x".as_slice())));
        assert_eq!(Priority::read(b"<191>"), Some((Priority(191), b"".as_slice())));
        assert_eq!((Priority::new(24, 0), Priority::new(0, 8)), (None, None));
    }
}
