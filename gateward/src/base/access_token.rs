//! What may be said of an access token in one word, as the store, lists and events spell it.

/// Makes an enum of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $wanted:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),*
        }

        impl $name {
            /// As it is stored, shown and searched for.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotAWord;

            fn from_str(text: &str) -> Result<Self, NotAWord> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(NotAWord { text: text.chars().take(64).collect(), wanted: $wanted }),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }
    };
}

/// Says that a text is not one of a few words.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no {wanted}")]
pub struct NotAWord {
    text: String,
    wanted: &'static str,
}

words!(
    /// How far an access token is.
    State, "state of an access token" {
        /// Somebody may be asked for its key right now.
        Making = "making",
        /// Its file lies whole.
        Issued = "issued",
        /// Its end was decided; its key may still be good where it was made.
        Ending = "ending",
        /// Its key is gone, or not ours to revoke.
        Ended = "ended",
    }
);

words!(
    /// Why an access token ends.
    Because, "reason for an end" {
        /// Somebody said so.
        Revoked = "revoked",
        /// Its time was over.
        Expired = "expired",
        /// It was never finished.
        NotMade = "not-made",
    }
);

words!(
    /// How the file travels.
    Form, "form of an access token" {
        /// In a zip by AES-256, with a text that says what to do.
        Zip = "zip",
        /// In an OpenPGP message to its user's key.
        Pgp = "pgp",
        /// As it is, in a cipher that falls in seconds.
        Inner = "inner",
    }
);

words!(
    /// The languages that letters come in.
    Language, "language of letters" {
        /// English.
        English = "en",
        /// German.
        German = "de",
    }
);
