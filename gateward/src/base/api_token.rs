//! API tokens: opaque keys of ours, for programs.

use super::random::Random;
use super::secret::Secret;
use super::sha256::Sha256;

/// What every API token begins with, so that whoever finds one knows what it is, and scanners find it.
const PREFIX: &str = "gw_";

/// How many random letters follow: 43 of 62 are 256 bits.
const RANDOM: usize = 43;

/// How many letters of checksum end it: 6 of 62 hold 32 bits.
const CHECKSUM: usize = 6;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The longest a program may call its token, in bytes.
const LONGEST_LABEL: usize = 100;

/// An API token of the right form: `gw_`, 256 random bits, and a checksum. What it opens, the store says.
#[derive(Debug, Clone)]
pub struct ApiToken(Secret);

/// The text is no API token, or was copied wrongly. Told without a look into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API token, or copied wrongly: its checksum is not right")]
pub struct NotAnApiToken;

impl ApiToken {
    /// Makes a new one.
    pub fn new(random: &Random) -> Self {
        let mut text = PREFIX.to_owned();
        while text.len() < PREFIX.len() + RANDOM {
            let [byte] = random.bytes();
            // 248 is four times 62: what is left over would make some letters likelier.
            if byte < 248 {
                text.push(char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
            }
        }
        let checksum = checksum(text.as_bytes());
        Self(Secret::new(text + &checksum))
    }

    /// Whether a text means to be one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// [`NotAnApiToken`].
    pub fn parse(text: &str) -> Result<Self, NotAnApiToken> {
        let good = text.len() == PREFIX.len() + RANDOM + CHECKSUM
            && text.starts_with(PREFIX)
            && text[PREFIX.len()..].bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !good {
            return Err(NotAnApiToken);
        }
        let (rest, sum) = text.split_at(PREFIX.len() + RANDOM);
        if checksum(rest.as_bytes()) == sum {
            Ok(Self(Secret::new(text.to_owned())))
        } else {
            Err(NotAnApiToken)
        }
    }

    /// What is stored of it. A fast hash will do: nobody guesses 256 random bits.
    pub fn hash(&self) -> Sha256 {
        Sha256::of(self.0.expose().as_bytes())
    }

    /// Shows it, once, to whom it is for.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// CRC-32 (as in zip), in letters, the largest first. No secret: it only tells a slip of the hand.
fn checksum(text: &[u8]) -> String {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)))
    };
    let mut rest = !text.iter().fold(!0, step);
    let mut letters = ['0'; CHECKSUM];
    for letter in letters.iter_mut().rev() {
        *letter = char::from(LETTERS[(rest % 62) as usize]);
        rest /= 62;
    }
    letters.iter().collect()
}

/// What the owner of a token calls it: 1 to 100 bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(String);

/// The text cannot be a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a label has 1 to {LONGEST_LABEL} bytes, without control characters")]
pub struct NotALabel;

impl Label {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Label {
    type Err = NotALabel;

    fn from_str(text: &str) -> Result<Self, NotALabel> {
        let good = (1..=LONGEST_LABEL).contains(&text.len()) && !text.contains(char::is_control);
        good.then(|| Self(text.to_owned())).ok_or(NotALabel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random() -> Random {
        let next = std::sync::atomic::AtomicU8::new(0);
        Random::new(move |bytes| {
            for byte in bytes {
                *byte = next.fetch_add(41, std::sync::atomic::Ordering::Relaxed);
            }
        })
    }

    #[test]
    fn a_token_is_read_as_it_was_made() {
        let token = ApiToken::new(&random());
        assert_eq!(token.expose().len(), 52);
        assert_eq!(ApiToken::parse(token.expose()).unwrap().hash(), token.hash());
        assert!(!format!("{token:?}").contains("gw_"));
    }

    #[test]
    fn a_token_with_any_letter_changed_is_none() {
        let token = ApiToken::new(&random());
        for at in 0..token.expose().len() {
            let mut other = token.expose().to_owned();
            let letter = if &other[at..=at] == "x" { "y" } else { "x" };
            other.replace_range(at..=at, letter);
            assert_eq!(ApiToken::parse(&other).unwrap_err(), NotAnApiToken, "{at}");
        }
        for other in ["", "gw_", &token.expose()[..51], &format!("{}0", token.expose()), "gw_é"] {
            assert_eq!(ApiToken::parse(other).unwrap_err(), NotAnApiToken, "{other}");
        }
    }

    #[test]
    fn the_checksum_stays_what_it_is() {
        // The check value of the polynomial, as every description of it has it.
        let digits = checksum(b"123456789");
        let value = digits.bytes().fold(0_u64, |value, letter| {
            value * 62 + LETTERS.iter().position(|one| *one == letter).unwrap() as u64
        });
        assert_eq!(value, 0xCBF4_3926, "{digits}");
    }

    #[test]
    fn a_label_is_a_line_of_text() {
        assert_eq!("nightly import".parse::<Label>().unwrap().as_str(), "nightly import");
        for bad in ["", "a\nb", "\u{1b}[31m", &"x".repeat(101)] {
            assert_eq!(bad.parse::<Label>(), Err(NotALabel), "{bad:?}");
        }
    }
}
