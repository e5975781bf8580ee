//! Names of people and machines that have an account here.

/// Says why a text is no such name: the operator's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no name of a {whose}: 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.', '@', a letter or digit first"
)]
pub struct NotAName {
    text: String,
    whose: &'static str,
}

macro_rules! account_name {
    ($(#[$doc:meta])* $name:ident, $whose:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Shows it: letters that URLs, tables, header fields and pages share.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAName;

            fn try_from(text: String) -> Result<Self, NotAName> {
                let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
                let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
                if begins && text.len() <= 64 && text.bytes().all(good) {
                    Ok(Self(text))
                } else {
                    Err(NotAName { text: text.chars().take(80).collect(), whose: $whose })
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotAName;

            fn from_str(text: &str) -> Result<Self, NotAName> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

account_name!(
    /// The name that a person logs in with.
    UserName,
    "user"
);
account_name!(
    /// The name that a machine is registered under.
    NodeName,
    "node"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_a_url_a_table_and_a_header_field() {
        for good in ["a", "ann@example.org", "lab-1.moh", "0_a"] {
            assert_eq!(good.parse::<UserName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", ".a", "a b", "a:b", "a/b", "ä", "a\n", &"a".repeat(65)] {
            assert!(bad.parse::<NodeName>().is_err(), "{bad:?}");
        }
    }
}
