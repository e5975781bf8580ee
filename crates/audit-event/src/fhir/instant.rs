//! Times in FHIR (R4 section 2.24.0.1): an `instant`, with its zone.

use jiff::Timestamp;

/// As FHIR spells it, in UTC, with three digits of a second at least.
pub(crate) fn write(time: Timestamp) -> String {
    let digits = match time.subsec_nanosecond() {
        rest if rest % 1_000_000 == 0 => 3,
        rest if rest % 1_000 == 0 => 6,
        _ => 9,
    };
    format!("{time:.digits$}")
}

/// The time that is spelled so: with a second, a zone, and at most nine digits of a second.
///
/// A leap second is the second before it.
pub(crate) fn read(spelled: &str) -> Option<Timestamp> {
    let has_the_form = |pattern: &[u8], text: &[u8]| {
        let fits = |(expected, byte): (&u8, &u8)| {
            if *expected == b'0' { byte.is_ascii_digit() } else { expected == byte }
        };
        pattern.len() == text.len() && pattern.iter().zip(text).all(fits)
    };
    let zone_length = if spelled.ends_with('Z') { 1 } else { 6 };
    let (time, zone) = spelled.split_at_checked(spelled.len().checked_sub(zone_length)?)?;
    if zone != "Z" {
        let form = if zone.starts_with('-') { b"-00:00" } else { b"+00:00" };
        if !has_the_form(form, zone.as_bytes()) || zone.get(1..)? > "14:00" || zone.get(4..)? > "59" {
            return None;
        }
    }
    let (second, fraction) = time.split_once('.').map_or((time, None), |(second, rest)| (second, Some(rest)));
    if !has_the_form(b"0000-00-00T00:00:00", second.as_bytes()) || second.starts_with("0000") {
        return None;
    }
    if fraction.is_some_and(|digits| {
        !(1..=9).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit())
    }) {
        return None;
    }
    let time: Timestamp = spelled.parse().ok()?;
    // A zone can lead out of the years from 1 to 9999.
    let spelled = write(time);
    (!spelled.starts_with("0000") && spelled.as_bytes().get(4) == Some(&b'-')).then_some(time)
}
