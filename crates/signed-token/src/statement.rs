//! What the signed text says, field by field.

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;

use crate::{
    Error, Group, Mail,
    json::{self, Value},
};

/// The fields of a token. Unknown ones are passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) valid_until: Timestamp,
    pub(crate) issued: Option<Timestamp>,
    pub(crate) groups: BTreeSet<Group>,
    pub(crate) mail: Mail,
    pub(crate) person: Person,
}

/// What a token says about its holder and no decision needs. Personal data: `Debug` says only
/// which parts are there.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// `cn`: the whole name.
    pub common_name: Option<String>,
    /// `sn`: the family name.
    pub family_name: Option<String>,
    /// `givenName`.
    pub given_name: Option<String>,
    /// `expiration`: the lifetime that was asked for, such as `1d`. Nobody enforces it.
    pub expiration: Option<String>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let presence = |part: &Option<String>| if part.is_some() { "given" } else { "missing" };
        f.debug_struct("Person")
            .field("common_name", &presence(&self.common_name))
            .field("family_name", &presence(&self.family_name))
            .field("given_name", &presence(&self.given_name))
            .field("expiration", &presence(&self.expiration))
            .finish()
    }
}

/// More groups than anybody has.
const MOST_GROUPS: usize = 256;
/// Longer than any name, in bytes.
const LONGEST_TEXT: usize = 1024;

impl Statement {
    /// Reads `payload`, which must come from a verified signature.
    pub(crate) fn read(payload: &[u8]) -> Result<Self, Error> {
        let mut fields = json::object(payload)?;
        let mut text = |name: &'static str| match fields.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Other) => Err(Error::FieldWrong(name, "not a text")),
        };
        Ok(Self {
            valid_until: timestamp("valid_until", &required("valid_until", text("valid_until")?)?)?,
            issued: match text("issued")? {
                Some(issued) => Some(timestamp("issued", &issued)?),
                None => None,
            },
            groups: groups(&text("memberof")?.unwrap_or_default())?,
            mail: required("mail", text("mail")?)?
                .parse()
                .map_err(|_| Error::FieldWrong("mail", "not a mail address"))?,
            person: Person {
                common_name: bounded("cn", text("cn")?)?,
                family_name: bounded("sn", text("sn")?)?,
                given_name: bounded("givenName", text("givenName")?)?,
                expiration: bounded("expiration", text("expiration")?)?,
            },
        })
    }
}

fn required(name: &'static str, text: Option<String>) -> Result<String, Error> {
    text.ok_or(Error::FieldMissing(name))
}

fn bounded(name: &'static str, text: Option<String>) -> Result<Option<String>, Error> {
    match text {
        Some(text) if text.len() > LONGEST_TEXT => Err(Error::FieldWrong(name, "too long")),
        text => Ok(text),
    }
}

/// `/` and `/epos` are in every token and mean nothing.
fn groups(memberof: &str) -> Result<BTreeSet<Group>, Error> {
    let wrong = |why| Error::FieldWrong("memberof", why);
    let groups = memberof
        .split(';')
        .map(str::trim)
        .filter(|path| !matches!(*path, "" | "/" | "/epos"))
        .map(|path| path.parse().map_err(|_| wrong("not group paths")))
        .collect::<Result<BTreeSet<Group>, Error>>()?;
    if groups.len() > MOST_GROUPS {
        return Err(wrong("too many groups"));
    }
    Ok(groups)
}

/// RFC 3339 in UTC with 0 to 9 fraction digits, and no more than that.
///
/// Another offset than zero is refused even though it names an instant: issuers write UTC, and
/// whoever changed that has a clock that should be looked at.
fn timestamp(name: &'static str, text: &str) -> Result<Timestamp, Error> {
    let wrong = |why| Error::FieldWrong(name, why);
    let digits_at = |range: std::ops::Range<usize>| {
        text.as_bytes().get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let byte_at = |at: usize| text.as_bytes().get(at).map(u8::to_ascii_uppercase);
    let shape = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let digits = [0..4, 5..7, 8..10, 11..13, 14..16, 17..19];
    if !shape.iter().all(|(at, byte)| byte_at(*at) == Some(*byte)) || !digits.into_iter().all(digits_at) {
        return Err(wrong("not an RFC 3339 time"));
    }
    let rest = &text[19..];
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if !(1..=9).contains(&(fraction.len() - zone.len())) {
                return Err(wrong("not an RFC 3339 time with 1 to 9 fraction digits"));
            }
            zone
        }
    };
    if !matches!(zone, "Z" | "z" | "+00:00" | "-00:00") {
        return Err(wrong("not in UTC"));
    }
    let utc = format!("{}Z", &text[..text.len() - zone.len()]);
    utc.parse().map_err(|_| wrong("not a time that exists"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Result<Timestamp, Error> {
        timestamp("valid_until", text)
    }

    #[test]
    fn every_utc_form_of_rfc_3339_is_read() {
        let whole = time("2020-01-01T00:00:00Z").unwrap();
        assert_eq!(whole.as_second(), 1_577_836_800);
        for same in [
            "2020-01-01t00:00:00z",
            "2020-01-01T00:00:00.0Z",
            "2020-01-01T00:00:00.000000000Z",
            "2020-01-01T00:00:00+00:00",
            "2020-01-01T00:00:00-00:00",
        ] {
            assert_eq!(time(same), Ok(whole), "{same}");
        }
        let fraction = time("2020-01-01T10:11:12.345678Z").unwrap();
        assert_eq!(fraction.subsec_nanosecond(), 345_678_000);
    }

    #[test]
    fn other_times_are_refused() {
        for text in [
            "",
            "2020",
            "2020-01-01",
            "2020-01-01T00:00:00",
            "2020-01-01 00:00:00Z",
            "2020-01-01T00:00Z",
            "2020-01-01T00:00:00+01:00",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T00:00:00.0123456789Z",
            "2020-13-01T00:00:00Z",
            "2020-02-30T00:00:00Z",
            "2020-01-01T24:00:00Z",
            "20200101T000000Z",
            "2020-01-01T00:00:00Z[UTC]",
            "-002020-01-01T00:00:00Z",
            "1577836800",
            "2020-01-01T00:00:00é",
        ] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn groups_are_sorted_each_once_without_the_two_that_mean_nothing() {
        let read = groups("/epos/b;/epos;/;/epos/a; /epos/b ;").unwrap();
        let paths: Vec<_> = read.iter().map(Group::as_str).collect();
        assert_eq!(paths, ["/epos/a", "/epos/b"]);
        assert!(groups("/epos;/").unwrap().is_empty());
        assert!(groups("").unwrap().is_empty());
    }

    #[test]
    fn groups_have_a_bound() {
        let many = |count: usize| {
            let paths: Vec<_> = (0..count).map(|n| format!("/g{n}")).collect();
            paths.join(";")
        };
        assert!(groups(&many(MOST_GROUPS)).is_ok());
        assert!(groups(&many(MOST_GROUPS + 1)).is_err());
        assert!(groups("alparray").is_err());
    }

    const SMALLEST: &str = r#"{"mail": "jo@example.org", "valid_until": "2030-01-01T00:00:00Z"}"#;

    #[test]
    fn mail_and_valid_until_are_enough() {
        let read = Statement::read(SMALLEST.as_bytes()).unwrap();
        assert_eq!(read.mail.as_str(), "jo@example.org");
        assert_eq!((read.issued, read.groups.len()), (None, 0));
        assert_eq!(read.person, Person::default());
    }

    #[test]
    fn mail_and_valid_until_must_be_there() {
        let without = |field: &str| Statement::read(SMALLEST.replace(field, "x").as_bytes());
        assert_eq!(without("mail"), Err(Error::FieldMissing("mail")));
        assert_eq!(without("valid_until"), Err(Error::FieldMissing("valid_until")));
    }

    #[test]
    fn a_field_of_another_kind_is_refused_and_null_is_missing() {
        let with = |field: &str| Statement::read(SMALLEST.replace('{', &format!("{{{field}, ")).as_bytes());
        assert_eq!(with(r#""memberof": ["/a"]"#), Err(Error::FieldWrong("memberof", "not a text")));
        assert_eq!(with(r#""cn": 1"#), Err(Error::FieldWrong("cn", "not a text")));
        assert!(with(r#""cn": null, "issued": null, "memberof": null, "x": [1]"#).is_ok());
    }

    #[test]
    fn a_name_has_a_bound() {
        let long = SMALLEST.replace('{', &format!("{{\"sn\": \"{}\", ", "x".repeat(LONGEST_TEXT + 1)));
        assert_eq!(Statement::read(long.as_bytes()), Err(Error::FieldWrong("sn", "too long")));
    }

    #[test]
    fn debug_shows_no_personal_data() {
        let payload = SMALLEST.replace('{', r#"{"cn": "Secret Name", "givenName": "Secret", "#);
        let read = Statement::read(payload.as_bytes()).unwrap();
        let shown = format!("{read:?}");
        assert!(!shown.contains("Secret") && !shown.contains("jo@"), "{shown}");
    }
}
