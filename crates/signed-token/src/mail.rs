//! Mail addresses, as far as a login needs to understand them.

use std::{fmt, str::FromStr};

/// A mail address with its domain in lower case.
///
/// At most 254 bytes, one `@` with something on both sides, no blanks or control characters. It
/// is not checked that the address exists. Personal data: `Debug` shows the domain only.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mail {
    address: String,
    at: usize,
}

impl Mail {
    /// The whole address. Personal data.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// What stands after the `@`, in lower case.
    pub fn domain(&self) -> &str {
        &self.address[self.at + 1..]
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mail(…@{})", self.domain())
    }
}

/// The text cannot be a mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a mail address")]
pub struct NotAMail;

impl FromStr for Mail {
    type Err = NotAMail;

    fn from_str(text: &str) -> Result<Self, NotAMail> {
        let text = text.trim();
        let (local, domain) = text.split_once('@').ok_or(NotAMail)?;
        let labels_hold = domain.split('.').all(|label| !label.is_empty());
        let good = text.len() <= 254
            && !local.is_empty()
            && labels_hold
            && !domain.contains('@')
            && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        // Lower case could be longer in some alphabets; domains there are written in ASCII.
        let domain = domain.to_ascii_lowercase();
        good.then(|| Self { address: format!("{local}@{domain}"), at: local.len() }).ok_or(NotAMail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_lower_case_and_the_rest_stays() {
        let mail: Mail = " Jo.Doe@GFZ-Potsdam.DE ".parse().unwrap();
        assert_eq!(mail.as_str(), "Jo.Doe@gfz-potsdam.de");
        assert_eq!(mail.domain(), "gfz-potsdam.de");
    }

    #[test]
    fn debug_does_not_name_the_person() {
        let mail: Mail = "jo.doe@example.org".parse().unwrap();
        assert_eq!(format!("{mail:?}"), "Mail(…@example.org)");
    }

    #[test]
    fn other_texts_are_not_addresses() {
        let long = format!("{}@example.org", "x".repeat(250));
        for text in
            ["", "jo", "@x.org", "jo@", "jo@@x", "jo@a@b", "j o@x.org", "jo@x..org", "jo@x\u{0}", &long]
        {
            assert_eq!(text.parse::<Mail>(), Err(NotAMail), "{text:?}");
        }
    }
}
