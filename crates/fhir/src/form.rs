//! Which forms of JSON a request and its answer may have (R4 section 3.1.0.1.11).

use crate::NotUnderstood;
use crate::query::Query;

/// What upstreams are asked for, and what resources are sent as.
pub const JSON: &str = "application/fhir+json";

/// What a form is sent as.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// What a patch in JSON is sent as (RFC 6902 section 6).
pub const PATCH: &str = "application/json-patch+json";

/// Checks that an answer may be JSON: by `Accept`, its lines joined by commas, and by `_format` in the query, which
/// overrides it.
///
/// # Errors
///
/// [`NotUnderstood::NotAcceptable`], or what is wrong with the query.
pub fn check_answerable(accept: Option<&str>, query: &str) -> Result<(), NotUnderstood> {
    check_accepted(accept, &Query::read(query)?)
}

/// Checks by its `Content-Type` that a body is JSON in UTF-8.
///
/// # Errors
///
/// [`NotUnderstood::MediaType`].
pub fn check_json(sent: Option<&str>) -> Result<(), NotUnderstood> {
    content_type(sent, &[JSON]).map(drop)
}

/// Checks what the caller takes, by `Accept` and `_format`: JSON must be among it.
pub(crate) fn check_accepted(accept: Option<&str>, query: &Query) -> Result<(), NotUnderstood> {
    let mut formats = query.pairs().filter(|(name, _)| *name == "_format").map(|(_, value)| value).peekable();
    // R4: _format overrides Accept.
    if formats.peek().is_some() {
        return formats.try_for_each(|format| match essence(format).as_str() {
            "json" | "application/json" | "text/json" | JSON | "application/fhir json" => {
                check_version(format)
            }
            _ => Err(NotUnderstood::NotAcceptable(shown(format))),
        });
    }
    let Some(accept) = accept else { return Ok(()) };
    let mut ranges = accept.split(',').filter(|range| !range.trim().is_empty()).peekable();
    let taken = |range: &str| {
        let is_json =
            ["*/*", "application/*", "application/json", "text/json", JSON].contains(&&*essence(range));
        is_json && !is_refused(range) && check_version(range).is_ok()
    };
    if ranges.peek().is_none() || ranges.any(taken) {
        Ok(())
    } else {
        Err(NotUnderstood::NotAcceptable(shown(accept)))
    }
}

/// Checks that a body is sent as one of `forms`, and returns which.
pub(crate) fn content_type(
    sent: Option<&str>,
    forms: &[&'static str],
) -> Result<&'static str, NotUnderstood> {
    let sent = sent.ok_or_else(|| NotUnderstood::MediaType("something without a Content-Type".into()))?;
    let essence = essence(sent);
    // Plain JSON is what many clients call it.
    let essence = if essence == "application/json" { JSON } else { &essence };
    let form =
        forms.iter().find(|form| **form == essence).ok_or_else(|| NotUnderstood::MediaType(shown(sent)))?;
    match parameter(sent, "charset") {
        Some(charset) if !charset.eq_ignore_ascii_case("utf-8") => Err(NotUnderstood::MediaType(shown(sent))),
        _ => check_version(sent).map(|()| *form).map_err(|_| NotUnderstood::MediaType(shown(sent))),
    }
}

/// R4 is what is understood here (R4 section 2.1.0.8).
fn check_version(range: &str) -> Result<(), NotUnderstood> {
    match parameter(range, "fhirVersion") {
        None => Ok(()),
        Some(version) if version == "4.0" || version.starts_with("4.0.") => Ok(()),
        Some(_) => Err(NotUnderstood::NotAcceptable(shown(range))),
    }
}

/// `q=0` says that it is not taken (RFC 9110 section 12.4.2).
fn is_refused(range: &str) -> bool {
    parameter(range, "q").and_then(|weight| weight.parse::<f32>().ok()).is_some_and(|weight| weight <= 0.0)
}

fn essence(range: &str) -> String {
    range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn parameter<'a>(range: &'a str, name: &str) -> Option<&'a str> {
    let mut parameters = range.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let value = parameters.find(|(own, _)| own.trim().eq_ignore_ascii_case(name))?.1;
    Some(value.trim().trim_matches('"'))
}

fn shown(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: Option<&str>, query: &str) -> bool {
        check_accepted(accept, &Query::read(query).unwrap()).is_ok()
    }

    #[test]
    fn json_is_answered_to_whoever_takes_it() {
        assert!(accepted(None, ""));
        for accept in [
            "*/*",
            "application/json",
            "application/fhir+json;fhirVersion=4.0",
            "application/fhir+xml;q=0.9, application/fhir+json;q=0.5",
            "text/html,application/*;q=0.1",
            "Application/JSON; charset=utf-8",
        ] {
            assert!(accepted(Some(accept), ""), "{accept}");
        }
        for query in ["_format=json", "_format=application%2Ffhir%2Bjson", "_format=application/fhir+json"] {
            assert!(accepted(Some("application/fhir+xml"), query), "{query}");
        }
    }

    #[test]
    fn xml_is_refused_and_so_is_another_version() {
        for accept in [
            "application/fhir+xml",
            "text/xml, application/json;q=0",
            "text/html",
            "application/fhir+json;fhirVersion=3.0",
        ] {
            assert!(!accepted(Some(accept), ""), "{accept}");
        }
        for query in [
            "_format=xml",
            "_format=json&_format=xml",
            "_format=text/html",
            "_format=",
            "_format=json;fhirVersion=5.0",
        ] {
            assert!(!accepted(Some("*/*"), query), "{query}");
        }
    }

    #[test]
    fn a_body_is_json_in_utf_8() {
        for good in [
            "application/json",
            "application/fhir+json; charset=UTF-8",
            "Application/fhir+JSON;fhirVersion=4.0.1",
        ] {
            assert_eq!(content_type(Some(good), &[JSON]), Ok(JSON), "{good}");
        }
        let others = [
            "application/fhir+xml",
            "text/plain",
            "application/json;charset=latin1",
            "application/json;fhirVersion=1.0",
            "",
        ];
        for bad in others.map(Some).into_iter().chain([None]) {
            assert!(matches!(content_type(bad, &[JSON]), Err(NotUnderstood::MediaType(_))), "{bad:?}");
        }
    }
}
