//! Names of people and machines that have an account here.

use super::text::texts;

/// Says why a text is no such name: the operator's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no name of a {whose}: 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.', '@', a letter or digit first"
)]
pub struct NotAName {
    text: String,
    whose: &'static str,
}

// Letters that URLs, tables, header fields and pages share.
macro_rules! account_name {
    ($(#[$doc:meta])* $name:ident, $whose:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

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

        texts!(NotAName: $name);
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

/// What a node is believed to be, besides a machine that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    /// It asks for others, and is believed about who they are.
    Proxy,
    /// It is an OpenHIM, and is believed about its clients and transactions.
    OpenHim,
}

impl NodeRole {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Proxy, Self::OpenHim];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::OpenHim => "openhim",
        }
    }
}

/// Says that a text is no role: the operator's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a node's role is proxy or openhim")]
pub struct NotARole;

impl std::str::FromStr for NodeRole {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(NotARole)
    }
}

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
