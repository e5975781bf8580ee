//! How CKAN names its users.

/// The name of a CKAN user, as it stands in addresses: 2 to 100 of `a-z`, `0-9`, `-` and `_`.
///
/// CKAN's validator of names is stricter for new users than its database was for old ones; what
/// it takes today is what we take.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CkanUser(String);

/// Says that a text names no CKAN user: the operator's to mend.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no name of a CKAN user: 2 to 100 of a-z, 0-9, '-' and '_'")]
pub struct NotACkanUser(String);

impl CkanUser {
    /// Shows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for CkanUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for CkanUser {
    type Err = NotACkanUser;

    fn from_str(text: &str) -> Result<Self, NotACkanUser> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        // A leading hyphen would be an option to CKAN's own command.
        if (2..=100).contains(&text.len()) && text.bytes().all(good) && !text.starts_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotACkanUser(text.chars().take(128).collect()))
        }
    }
}

impl serde::Serialize for CkanUser {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_command_or_a_path_could_take_for_something_else_is_refused() {
        for good in ["ann", "ann-example_2", "a0"] {
            assert_eq!(good.parse::<CkanUser>().unwrap().as_str(), good);
        }
        let long = "a".repeat(101);
        for bad in ["", "a", "Ann", "ann example", "../ann", "-ann", "änn", "ann\n", long.as_str()] {
            assert!(bad.parse::<CkanUser>().is_err(), "{bad:?}");
        }
    }
}
