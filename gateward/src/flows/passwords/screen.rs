//! Which passwords people may choose.

use unicode_normalization::UnicodeNormalization as _;

use crate::base::random::Random;
use crate::base::secret::Secret;
use data_encoding::BASE32_NOPAD;

/// At least so many letters.
const SHORTEST: usize = 10;

/// At most so many bytes, as people send it and in the form in which it is hashed.
pub(super) const LONGEST: usize = 1024;

/// The most common passwords, in lower case and in the order of the alphabet; `common.md` says whence.
const COMMON: &str = include_str!("common.txt");

/// Why nobody may have this password: theirs to choose another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Too short.
    #[error("a password has at least {SHORTEST} letters")]
    Short,
    /// Too long.
    #[error("a password has at most {LONGEST} bytes")]
    Long,
    /// What no keyboard types the same way twice.
    #[error("a password has no control characters, such as a tab or the end of a line")]
    Control,
    /// The account's own name, or little else.
    #[error("the password says little more than the user's name")]
    Name,
    /// One that everybody tries first.
    #[error(
        "the password is one of the most common, or little more than that: choose several words, or have one made"
    )]
    Common,
}

/// A password that its owner may have; made by [`NewPassword::choose`] and [`NewPassword::generate`] alone.
#[derive(Debug)]
pub struct NewPassword(Secret);

impl NewPassword {
    /// Takes what somebody chose for the account `name`.
    ///
    /// # Errors
    ///
    /// [`Unfit`].
    pub fn choose(name: &str, typed: &Secret) -> Result<Self, Unfit> {
        if typed.expose().len() > LONGEST {
            return Err(Unfit::Long);
        }
        let password = prepared(typed).ok_or(Unfit::Control)?;
        let text = password.expose();
        if text.chars().count() < SHORTEST {
            return Err(Unfit::Short);
        }
        if text.len() > LONGEST {
            return Err(Unfit::Long);
        }
        let (text, name) = (text.to_lowercase(), name.to_lowercase());
        if text.replace(&name, "").chars().count() < SHORTEST / 2 {
            return Err(Unfit::Name);
        }
        if is_common(&text) {
            return Err(Unfit::Common);
        }
        Ok(Self(password))
    }

    /// Makes one that nobody guesses: 128 bits in base32, in groups that can be read aloud.
    pub fn generate(random: &Random) -> Self {
        let letters = BASE32_NOPAD.encode(&random.bytes::<16>());
        let groups: Vec<&str> =
            letters.as_bytes().chunks(5).filter_map(|group| std::str::from_utf8(group).ok()).collect();
        Self(Secret::new(groups.join("-")))
    }

    /// Shows it: to whoever is to have it, and to what hashes it.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

/// Brings a password into the one form in which it is hashed: RFC 8265 section 4.2, OpaqueString. Blanks of any
/// script are one blank, letters are composed (NFC), case stays; `None` for what that form forbids.
pub(super) fn prepared(typed: &Secret) -> Option<Secret> {
    let text = typed.expose();
    if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
        return None;
    }
    // Every blank of Unicode's category Zs is white space, and what else is white space is a control character.
    let blank = |letter: char| if letter.is_whitespace() { ' ' } else { letter };
    Some(Secret::new(text.chars().map(blank).nfc().collect()))
}

/// Whether people try it first: a common password, also twice, or with a few digits and marks around it; or letters
/// in the order of the alphabet or of their number.
fn is_common(text: &str) -> bool {
    let bare = text.trim_matches(|letter: char| !letter.is_alphabetic());
    let half = &text.get(..text.len() / 2).unwrap_or_default();
    let listed = |word: &str| COMMON.lines().any(|common| common == word);
    let barely_more = |word: &str| word.chars().count() + 4 >= text.chars().count();
    listed(text)
        || (barely_more(bare) && listed(bare))
        || (half.repeat(2) == text && listed(half))
        || is_a_run(text)
        || text.chars().collect::<std::collections::BTreeSet<_>>().len() < 4
}

/// `1234567890`, `abcdefghij`, `9876543210`.
fn is_a_run(text: &str) -> bool {
    let letters: Vec<u32> = text.chars().map(u32::from).collect();
    let steps =
        |step: i64| letters.windows(2).filter(|pair| i64::from(pair[1]) - i64::from(pair[0]) == step).count();
    // 90 and the like break it once.
    [1, -1].into_iter().any(|step| steps(step) + 2 >= letters.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(name: &str, text: &str) -> Result<NewPassword, Unfit> {
        NewPassword::choose(name, &Secret::new(text.into()))
    }

    #[test]
    fn a_common_password_is_refused_however_it_is_dressed_up() {
        for text in [
            "Password12",
            "1234567890",
            "0987654321",
            "abcdefghij",
            "qwertyuiop",
            "QWERTYUIOP!",
            "1q2w3e4r5t",
            "passwordpassword",
            "!!password",
            "aaaaaaaaaaaaaa",
            "1111122222",
            "christopher1",
        ] {
            assert_eq!(choose("ann", text).unwrap_err(), Unfit::Common, "{text}");
        }
        for text in [
            "correct horse battery",
            "password of the seismological archive",
            "Tiefseetaucher-41",
            "Zürich–Genève",
        ] {
            assert!(choose("ann", text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_password_that_says_little_more_than_the_name_is_refused() {
        assert_eq!(choose("ann@example.org", "ANN@example.org").unwrap_err(), Unfit::Name);
        assert_eq!(choose("seismology", "Seismology2026").unwrap_err(), Unfit::Name);
        assert!(choose("ann", "planning the harvest").is_ok());
    }

    #[test]
    fn a_password_has_a_length_that_is_counted_in_letters_and_bounded_in_bytes() {
        assert_eq!(choose("ann", "éèêëēėęěĕ").unwrap_err(), Unfit::Short);
        assert_eq!(choose("ann", &"ab1 ".repeat(257)).unwrap_err(), Unfit::Long);
        assert_eq!(choose("ann", "tab\tin the middle").unwrap_err(), Unfit::Control);
        assert_eq!(choose("ann", "").unwrap_err(), Unfit::Control);
    }

    #[test]
    fn the_same_letters_are_the_same_password_however_they_were_typed() {
        let composed = prepared(&Secret::new("Zu\u{308}rich\u{a0}See".into())).unwrap();
        assert_eq!(composed.expose(), "Z\u{fc}rich See");
        assert_ne!(composed.expose(), "z\u{fc}rich see", "case stays");
    }

    #[test]
    fn a_generated_password_may_always_be_had() {
        let random = Random::new(|bytes| bytes.copy_from_slice(b"sixteen bytes!!!"));
        let made = NewPassword::generate(&random);
        assert!(choose("ann", made.secret().expose()).is_ok());
        assert_eq!(made.secret().expose().len(), 31);
    }

    #[test]
    fn the_list_is_as_its_description_says() {
        let words: Vec<&str> = COMMON.lines().collect();
        assert!(words.len() > 10_000 && words.is_sorted());
        assert!(words.iter().all(|word| !word.is_empty() && *word == word.to_lowercase()));
    }
}
