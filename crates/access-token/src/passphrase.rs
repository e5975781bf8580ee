//! The passphrase that an access token opens with.

use std::fmt;

use zeroize::Zeroizing;

/// What opens an access token: made by us, or typed by somebody. A secret.
///
/// Ours are 40 decimal digits in eight groups of five, `12345-67890-...`: 132.9 bits. Digits are the
/// same in every language and on every keyboard, have no case, and are not confused on the telephone.
/// The hyphens are part of what the file is encrypted with.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(Zeroizing<String>);

/// Why a text is no passphrase. Whoever typed it has to type again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPassphrase {
    #[error("the passphrase is empty")]
    Empty,
    #[error("the passphrase is longer than {MAX_LEN} bytes")]
    TooLong,
}

const GROUPS: usize = 8;
const DIGITS: usize = GROUPS * 5;
/// Longer ones than anybody types; the programs that read them take them whole.
const MAX_LEN: usize = 1024;

impl Passphrase {
    /// Makes a passphrase from the random bytes that `fill` gives.
    ///
    /// Every digit is as likely as any other: bytes from 250 on are drawn again instead of folded.
    ///
    /// # Panics
    ///
    /// If `fill` gives next to nothing but such bytes. A random source never does.
    pub fn generate(mut fill: impl FnMut(&mut [u8])) -> Self {
        let mut digits = Zeroizing::new(String::with_capacity(DIGITS));
        for _ in 0..DRAWS {
            let mut bytes = Zeroizing::new([0; 2 * DIGITS]);
            fill(bytes.as_mut());
            let fair = bytes.iter().filter(|byte| **byte < 250).map(|byte| char::from(b'0' + byte % 10));
            let wanted = DIGITS - digits.len();
            digits.extend(fair.take(wanted));
        }
        Self(grouped(&digits).expect("of 1280 random bytes, forty are below 250"))
    }

    /// Takes what somebody typed, or what stands in a file.
    ///
    /// One line end at the end is not part of it. One of ours may be typed with blanks or without
    /// hyphens, since 40 digits are one; anything else is taken exactly as it is.
    pub fn parse(text: &str) -> Result<Self, NotAPassphrase> {
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        if text.is_empty() {
            return Err(NotAPassphrase::Empty);
        }
        if text.len() > MAX_LEN {
            return Err(NotAPassphrase::TooLong);
        }
        let mut digits = Zeroizing::new(String::with_capacity(text.len()));
        digits.extend(text.chars().filter(|c| !c.is_whitespace() && *c != '-'));
        Ok(Self(grouped(&digits).unwrap_or_else(|| Zeroizing::new(text.to_owned()))))
    }

    /// Returns the secret itself, to be shown once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What ciphers take: UTF-8, as the stock reader encodes it.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Sixteen times what one passphrase needs on average.
const DRAWS: usize = 16;

/// Puts hyphens between groups of five, if the text is as many digits as ours has.
fn grouped(digits: &str) -> Option<Zeroizing<String>> {
    if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut text = Zeroizing::new(String::with_capacity(DIGITS + GROUPS));
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 5 == 0 {
            text.push('-');
        }
        text.push(digit);
    }
    Some(text)
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "01234-56789-01234-56789-01234-56789-01234-56789";

    /// Counts through all bytes, so that every value comes as often as any other.
    fn counting() -> impl FnMut(&mut [u8]) {
        let mut next = 0_u8;
        move |bytes| {
            for byte in bytes {
                *byte = next;
                next = next.wrapping_add(1);
            }
        }
    }

    #[test]
    fn forty_digits_in_groups_of_five_are_generated() {
        assert_eq!(Passphrase::generate(counting()).expose(), OURS);
    }

    #[test]
    fn every_digit_is_as_likely_as_any_other() {
        let mut seen = [0_usize; 10];
        let mut source = 0_u8;
        // Each byte value the same number of times, each a passphrase of its own first digit.
        for _ in 0..=255 {
            let first = source;
            let mut rest = counting();
            let passphrase = Passphrase::generate(|bytes| {
                rest(bytes);
                bytes[0] = first;
            });
            if first < 250 {
                seen[usize::from(passphrase.expose().as_bytes()[0] - b'0')] += 1;
            }
            source = source.wrapping_add(1);
        }
        assert_eq!(seen, [25; 10]);
    }

    #[test]
    fn bytes_that_would_make_some_digits_likelier_are_drawn_again() {
        let mut draws = 0;
        let passphrase = Passphrase::generate(|bytes| {
            bytes.fill(if draws == 0 { 250 } else { 7 });
            draws += 1;
        });
        assert!(passphrase.expose().starts_with("77777-"));
    }

    #[test]
    fn ours_may_be_typed_with_blanks_or_without_hyphens() {
        let typed = [
            OURS.replace('-', ""),
            OURS.replace('-', " "),
            OURS.replace('-', " - "),
            format!("{OURS}\n"),
            format!(" {OURS}\r\n"),
        ];
        for typed in typed {
            assert_eq!(Passphrase::parse(&typed).unwrap().expose(), OURS, "{typed:?}");
        }
    }

    #[test]
    fn other_peoples_are_taken_exactly() {
        for theirs in
            [" two  words ", "12345-67890", "Stra\u{df}e-9", "0123456789012345678901234567890123456789x"]
        {
            assert_eq!(Passphrase::parse(theirs).unwrap().expose(), theirs);
        }
        assert_eq!(Passphrase::parse("one line end\n\n").unwrap().expose(), "one line end\n");
    }

    #[test]
    fn nothing_is_no_passphrase() {
        assert_eq!(Passphrase::parse("\n"), Err(NotAPassphrase::Empty));
        assert_eq!(Passphrase::parse(&"x".repeat(1025)), Err(NotAPassphrase::TooLong));
    }

    #[test]
    fn debug_shows_no_passphrase() {
        assert_eq!(format!("{:?}", Passphrase::parse(OURS).unwrap()), "Passphrase");
    }
}
