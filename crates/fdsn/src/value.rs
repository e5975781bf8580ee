//! The values that options may have, and how we write them.

use crate::time::Time;

/// What an option's value looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// One of these words, in any case.
    OneOf(&'static [&'static str]),
    /// A comma list of these words, in any case, none of them twice.
    ListOf(&'static [&'static str]),
    /// `true` or `false`, in any case.
    Boolean,
    /// A whole number from the first to the last.
    Integer(i64, i64),
    /// A number from the first to the last, without exponent.
    Decimal(i64, i64),
    /// A time.
    Instant,
}

impl Value {
    /// The value as we write it, or what would have been right.
    pub(crate) fn read(self, text: &str) -> Result<String, String> {
        self.canonical(text).ok_or_else(|| self.wanted())
    }

    fn canonical(self, text: &str) -> Option<String> {
        match self {
            Self::OneOf(words) => word(words, text).map(ToOwned::to_owned),
            Self::ListOf(words) => list(words, text),
            // Some servers read these words in no other case.
            Self::Boolean => word(&["TRUE", "FALSE"], text).map(ToOwned::to_owned),
            Self::Integer(min, max) => number(text, min, max).filter(|_| !text.contains('.')),
            // And no number without a point where one may have it.
            Self::Decimal(min, max) => {
                number(text, min, max).map(|number| if number.contains('.') { number } else { number + ".0" })
            }
            Self::Instant => text.parse::<Time>().ok().map(|time| time.to_string()),
        }
    }

    fn wanted(self) -> String {
        match self {
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::ListOf(words) => format!("a comma list of {}", words.join(", ")),
            Self::Boolean => "true or false".to_owned(),
            Self::Integer(min, max) => format!("a whole number from {min} to {max}"),
            Self::Decimal(min, max) => format!("a number from {min} to {max}"),
            Self::Instant => crate::NotATime.to_string(),
        }
    }
}

fn word(words: &'static [&'static str], text: &str) -> Option<&'static str> {
    words.iter().find(|word| word.eq_ignore_ascii_case(text)).copied()
}

fn list(words: &'static [&'static str], text: &str) -> Option<String> {
    let mut found = Vec::new();
    for part in text.split(',') {
        let word = word(words, part).filter(|word| !found.contains(word))?;
        found.push(word);
    }
    Some(found.join(","))
}

/// The number as it was written: digits, at most one minus before and one point between them.
#[expect(clippy::cast_precision_loss, reason = "limits are whole numbers below a thousand million")]
fn number(text: &str, min: i64, max: i64) -> Option<String> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let plain = digits(whole.strip_prefix('-').unwrap_or(whole)) && fraction.is_none_or(digits);
    let number: f64 = Some(text).filter(|text| plain && text.len() <= MAX_DIGITS)?.parse().ok()?;
    (number >= min as f64 && number <= max as f64).then(|| text.to_owned())
}

/// Characters of a number: more than a 64 bit float can tell apart.
const MAX_DIGITS: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_as_the_specification_does() {
        assert_eq!(Value::OneOf(&["D", "B"]).read("b").unwrap(), "B");
        assert_eq!(Value::Boolean.read("true").unwrap(), "TRUE");
        assert_eq!(
            Value::ListOf(&["quality", "overlap"]).read("Overlap,quality").unwrap(),
            "overlap,quality"
        );
        assert_eq!(Value::Instant.read("2015-01-01").unwrap(), "2015-01-01T00:00:00");
    }

    #[test]
    fn a_wrong_value_says_what_would_be_right() {
        assert_eq!(Value::OneOf(&["204", "404"]).read("200").unwrap_err(), "one of 204, 404");
        assert_eq!(Value::Decimal(-90, 90).read("91").unwrap_err(), "a number from -90 to 90");
        for text in ["quality,quality", "quality,", "", "other"] {
            assert!(Value::ListOf(&["quality"]).read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn numbers_are_digits_within_their_range() {
        for (text, written) in
            [("0", "0.0"), ("-90", "-90.0"), ("90.0", "90.0"), ("12.25", "12.25"), ("-0.5", "-0.5")]
        {
            assert_eq!(Value::Decimal(-90, 90).read(text).unwrap(), written);
        }
        for text in
            ["", "-", ".5", "5.", "+5", "1e1", "90.1", "-91", "inf", "nan", "1.2.3", "0x5", "--5", " 5"]
        {
            assert!(Value::Decimal(-90, 90).read(text).is_err(), "{text:?}");
        }
        assert!(Value::Integer(1, 9).read("2.0").is_err() && Value::Integer(1, 9).read("2").is_ok());
    }
}
