//! What an issuer states about a person.

use jiff::{SignedDuration, Timestamp};

/// The group that every installation of these tests lets in.
pub const GROUP: &str = "/epos/alparray";

#[expect(clippy::disallowed_methods, reason = "the program under test lives in real time, too")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

pub fn from_now(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

/// A statement: good from now on for two days, unless something else is said.
#[derive(Debug, Clone)]
pub struct Statement {
    pub mail: &'static str,
    pub groups: String,
    pub issued: Timestamp,
    pub valid_until: Timestamp,
}

impl Default for Statement {
    fn default() -> Self {
        Self {
            mail: "andre.doe@example.org",
            groups: format!("{GROUP};/epos;/"),
            issued: now(),
            valid_until: from_now(2 * 86_400),
        }
    }
}

impl Statement {
    /// As EIDA's issuer writes it, with names that are no plain words.
    pub fn text(&self) -> String {
        let Self { mail, groups, issued, valid_until } = self;
        format!(
            r#"{{"valid_until": "{valid_until:.6}", "cn": "Andr\u00e9 D\u00f6, {{Dr.}}: ", "memberof": "{groups}", "sn": "D\u00f6", "issued": "{issued:.6}", "mail": "{mail}", "givenName": "Andr\u00e9", "expiration": "1d"}}"#
        )
    }
}
