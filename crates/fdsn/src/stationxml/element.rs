//! The attributes of a network, station or channel.

use super::Error;
use crate::Time;
use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;
use quick_xml::events::attributes::Attribute;

/// A network, station or channel, with what it has from those above it.
#[derive(Default)]
pub(super) struct Element {
    pub(super) code: String,
    pub(super) location: String,
    /// Its own, or that of the one above.
    pub(super) start: Option<Time>,
    /// Its own.
    pub(super) end: Option<Time>,
    /// By its own word and those above.
    pub(super) status: Status,
}

/// What the words down to an element come to.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Status {
    /// Nothing restricts it.
    #[default]
    Open,
    /// Some of what lies below is restricted: what does not say that it is open may be it.
    Partial,
    /// Restricted with all that lies below.
    Closed,
}

impl Status {
    /// What the `word` of an element comes to, `None` if it cannot be read, with what is `above`.
    fn below(above: Self, word: Option<&str>) -> Self {
        match (above, word) {
            (Self::Closed, _) => Self::Closed,
            (_, Some("open")) => Self::Open,
            (_, Some("partial")) => Self::Partial,
            // An unreadable word is none that we know.
            _ => Self::Closed,
        }
    }
}

impl Element {
    /// Reads the start tag of an element of this `name`, which lies in the one `above`.
    pub(super) fn read(
        at: u64,
        name: &'static str,
        tag: &BytesStart<'_>,
        above: Option<&Self>,
    ) -> Result<Self, Error> {
        let wrong = |attribute| Error::Attribute { at, element: name, attribute };
        let mut element = Self {
            start: above.and_then(|above| above.start),
            status: above.map_or(Status::Open, |above| above.status),
            ..Self::default()
        };
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| Error::Broken { at, why: error.to_string() })?;
            let value = || value(&attribute);
            match attribute.key.as_ref() {
                "code" => element.code = value().ok_or_else(|| wrong("code"))?,
                "locationCode" => element.location = value().ok_or_else(|| wrong("locationCode"))?,
                "startDate" => {
                    let read = value().and_then(|text| date(&text)).ok_or_else(|| wrong("startDate"))?;
                    element.start = Some(read.start);
                }
                "endDate" => {
                    let read = value().and_then(|text| date(&text)).ok_or_else(|| wrong("endDate"))?;
                    element.end = Some(read.end).filter(|end| *end < Time::start_of_year(2500));
                }
                "restrictedStatus" => element.status = Status::below(element.status, value().as_deref()),
                _ => {}
            }
        }
        // The root, with no element above, has no code.
        if above.is_some() && element.code.is_empty() {
            return Err(wrong("code"));
        }
        Ok(element)
    }
}

/// The value with its references resolved, of which only those of XML itself exist.
fn value(attribute: &Attribute<'_>) -> Option<String> {
    let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.trim().to_owned())
}

/// A date as a start, rounded down to a microsecond, and as an end, rounded up.
struct Date {
    start: Time,
    end: Time,
}

/// Reads an `xs:dateTime`, with a zone or without, which means UTC.
fn date(text: &str) -> Option<Date> {
    let (local, offset) = zone(text)?;
    let local = without_fine_digits(local);
    let utc = |time: Time| Some(Time::from_micros(time.as_micros().checked_sub(offset)?));
    Some(Date { start: utc(local.parse().ok()?)?, end: utc(Time::parse_end(local).ok()?)? })
}

/// The time without its zone, and how many microseconds that is ahead of UTC.
fn zone(text: &str) -> Option<(&str, i64)> {
    if let Some(local) = text.strip_suffix('Z') {
        return Some((local, 0));
    }
    let Some((local, zone)) = text.split_at_checked(text.len().saturating_sub(6)) else {
        return Some((text, 0));
    };
    let sign = match zone.as_bytes() {
        [b'+', _, _, b':', _, _] if local.contains('T') => 1,
        [b'-', _, _, b':', _, _] if local.contains('T') => -1,
        _ => return Some((text, 0)),
    };
    let number =
        |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?;
    let (hours, minutes): (i64, i64) = (number(zone.get(1..3)?)?, number(zone.get(4..6)?)?);
    (hours <= 14 && minutes < 60).then_some((local, sign * (hours * 60 + minutes) * 60_000_000))
}

/// XML lets a second have any number of digits; what is below a nanosecond is left out.
fn without_fine_digits(text: &str) -> &str {
    let Some((_, fraction)) = text.split_once('.') else { return text };
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fine = if digits { fraction.len().saturating_sub(9) } else { 0 };
    text.get(..text.len() - fine).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;

    fn span(text: &str) -> Option<Span> {
        date(text).map(|date| Span::new(date.start, date.end))
    }

    #[test]
    fn a_date_is_read_with_any_zone_and_any_number_of_digits() {
        let noon = "2015-06-30T12:00:00".parse().unwrap();
        for text in [
            "2015-06-30T12:00:00",
            "2015-06-30T12:00:00Z",
            "2015-06-30T12:00:00.0000",
            "2015-06-30T12:00:00.000000000000Z",
            "2015-06-30T12:00:00+00:00",
            "2015-06-30T14:30:00+02:30",
            "2015-06-29T22:00:00.0-14:00",
        ] {
            assert_eq!(span(text), Some(Span::new(noon, noon)), "{text}");
        }
        assert_eq!(span("2015-06-30"), span("2015-06-30T00:00:00Z"));
    }

    #[test]
    fn what_is_finer_than_a_microsecond_goes_outwards() {
        let micros = |text| span(text).map(|span| [span.first().as_micros(), span.last().as_micros()]);
        assert_eq!(micros("1970-01-01T00:00:00.0000015Z"), Some([1, 2]));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "now",
            "2015",
            "2015-13-01",
            "2015-06-30T12:00:00+15:00",
            "2015-06-30T12:00:00+1:00",
            "-05:00",
        ] {
            assert!(date(text).is_none(), "{text}");
        }
    }
}
