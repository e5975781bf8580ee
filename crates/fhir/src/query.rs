//! Queries: pairs of names and values, decoded once and written in one spelling.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::NotUnderstood;

/// Longest query that is read, in bytes; also as a form.
pub const MAX_QUERY: usize = 64 * 1024;

/// How many parameters are read.
pub const MAX_PARAMETERS: usize = 256;

/// What stands in a query as it is (RFC 3986 section 3.4); readers differ in the rest.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b',')
    .remove(b'/')
    .remove(b'$')
    .remove(b'*')
    .remove(b'@');

/// What parts a query for some readers, and not, or encoded once more, for others.
const AMBIGUOUS: [&str; 7] = [";", "#", "%23", "%25", "%26", "%3b", "%3d"];

/// Parameters in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query, or a form (`application/x-www-form-urlencoded`): both are spelled the same here.
    pub(crate) fn read(text: &str) -> Result<Self, NotUnderstood> {
        if text.len() > MAX_QUERY {
            return Err(NotUnderstood::TooMuch(format!("the query is longer than {MAX_QUERY} bytes")));
        }
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        });
        let pairs: Vec<_> = pairs.collect::<Result<_, NotUnderstood>>()?;
        if pairs.len() > MAX_PARAMETERS {
            return Err(NotUnderstood::TooMuch(format!("there are more than {MAX_PARAMETERS} parameters")));
        }
        Ok(Self(pairs))
    }

    /// Reads a query that goes on as it came, within a body: nothing in it may part it for other readers that does
    /// not here.
    pub(crate) fn read_as_sent(text: &str) -> Result<Self, NotUnderstood> {
        let folded = text.to_ascii_lowercase();
        if let Some(ambiguous) = AMBIGUOUS.iter().find(|ambiguous| folded.contains(**ambiguous)) {
            return Err(NotUnderstood::Parameter(format!(
                "criteria in a body have no {ambiguous}, which readers take in several ways: ask outside of a Bundle"
            )));
        }
        Self::read(text)
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what stands in `more`.
    pub(crate) fn append(&mut self, more: &Self) {
        self.0.extend_from_slice(&more.0);
    }

    /// Both, one behind the other.
    pub(crate) fn and(&self, more: &Self) -> Self {
        let mut both = self.clone();
        both.append(more);
        both
    }

    /// Drops what `wanted` refuses.
    pub(crate) fn keep(&mut self, wanted: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| wanted(name));
    }

    /// Writes it in our spelling.
    pub(crate) fn write(&self) -> String {
        let encoded = |text| utf8_percent_encode(text, ENCODED);
        let pairs: Vec<String> =
            self.pairs().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        pairs.join("&")
    }
}

fn decode(text: &str) -> Result<String, NotUnderstood> {
    let wrong = |what| NotUnderstood::Parameter(format!("the query has {what}"));
    let bytes = text.as_bytes();
    let broken = |at: usize| {
        bytes[at] == b'%'
            && !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    };
    if (0..bytes.len()).any(broken) {
        return Err(wrong("a percent sign that encodes nothing"));
    }
    let spaced = text.replace('+', " ");
    let decoded =
        percent_decode_str(&spaced).decode_utf8().map_err(|_| wrong("something that is not UTF-8"))?;
    if decoded.chars().any(char::is_control) {
        return Err(wrong("a control character"));
    }
    Ok(decoded.into_owned())
}

/// The values of one parameter, of which any may hold: what commas part that no backslash stands before
/// (R4 section 3.1.1.4.0.6).
pub(crate) fn values(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut from = 0;
    let mut escaped = false;
    let mut ends: Vec<usize> = text
        .char_indices()
        .filter_map(|(at, char)| {
            let parts = char == ',' && !escaped;
            escaped = char == '\\' && !escaped;
            parts.then_some(at)
        })
        .collect();
    ends.push(text.len());
    ends.into_iter().filter_map(move |end| {
        let value = &text[from..end];
        from = end + 1;
        (!value.is_empty()).then(|| unescaped(value))
    })
}

fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        plain.push(if char == '\\' { chars.next().unwrap_or(char) } else { char });
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_once_and_written_in_one_spelling() {
        let query = Query::read("a=%41%2541&b=x+y;z&&c").unwrap();
        assert_eq!(query.pairs().collect::<Vec<_>>(), [("a", "A%41"), ("b", "x y;z"), ("c", "")]);
        assert_eq!(query.write(), "a=A%2541&b=x%20y%3Bz&c=");
        assert_eq!(Query::read(&query.write()), Ok(query));
    }

    #[test]
    fn what_readers_could_differ_about_is_refused() {
        for bad in ["a=%", "a=%4", "%zz=1", "a=%ff", "a=%00", "a=\u{7f}", "a=%0d%0ab"] {
            assert!(matches!(Query::read(bad), Err(NotUnderstood::Parameter(_))), "{bad}");
        }
        assert!(matches!(Query::read(&"a&".repeat(257)), Err(NotUnderstood::TooMuch(_))));
        assert!(matches!(Query::read(&"a".repeat(MAX_QUERY + 1)), Err(NotUnderstood::TooMuch(_))));
    }

    #[test]
    fn a_comma_parts_values_unless_it_is_escaped() {
        assert_eq!(values(r"a,b\,c,,\\,d").collect::<Vec<_>>(), ["a", "b,c", r"\", "d"]);
        assert_eq!(values("").count(), 0);
    }
}
