//! Which form of an answer a client prefers (RFC 9110 section 12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

/// Whether the client asks for JSON by name, and likes plain text no better.
///
/// A wildcard asks for nothing by name: most clients send one without a thought. A comma within
/// quotes ends a media range here, which can only lose a weight, and no media type that counts has one.
pub fn prefers_json(fields: &HeaderMap) -> bool {
    let lines = fields.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges: Vec<Range<'_>> = lines.flat_map(|line| line.split(',')).filter_map(Range::read).collect();
    let json = ["application/json", "application/problem+json"];
    let json = json.into_iter().filter_map(|name| weight(&ranges, name)).max().unwrap_or(0);
    // The most specific range that is there speaks for plain text.
    let text = ["text/plain", "text/*", "*/*"].into_iter().find_map(|name| weight(&ranges, name));
    json > 0 && json >= text.unwrap_or(0)
}

/// The highest weight that `name` itself is given.
fn weight(ranges: &[Range<'_>], name: &str) -> Option<u16> {
    ranges.iter().filter(|range| range.name.eq_ignore_ascii_case(name)).map(|range| range.weight).max()
}

/// One media range with its weight in thousandths.
struct Range<'a> {
    name: &'a str,
    weight: u16,
}

impl<'a> Range<'a> {
    /// `None` where the weight is none: what cannot be read asks for nothing.
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next()?;
        let weight = parts.find_map(|part| part.strip_prefix(['q', 'Q'])?.strip_prefix('='));
        Some(Self { name, weight: weight.map_or(Some(1000), thousandths)? })
    }
}

/// Reads a weight: 0 to 1 with at most three digits after the point (RFC 9110 section 12.4.2).
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let good =
        matches!(whole, "0" | "1") && fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
    let weight = good.then(|| format!("{whole}{fraction:0<3}").parse().ok()).flatten()?;
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(lines: &[&str]) -> bool {
        let fields = lines.iter().map(|line| (ACCEPT, line.parse().unwrap())).collect();
        prefers_json(&fields)
    }

    #[test]
    fn json_is_for_whoever_asks_for_it_by_name() {
        for lines in [
            &["application/json"][..],
            &["application/problem+json"],
            &["Application/JSON; charset=utf-8"],
            &["application/json;q=0.001"],
            &["application/json, text/plain, */*"],
            &["text/plain;q=0.8, application/json;q=0.9"],
            &["*/*;q=0.1", "application/json;q=0.1"],
            &["application/json;q=0.5, text/*;q=0.6, text/plain;q=0.4"],
        ] {
            assert!(prefers(lines), "{lines:?}");
        }
    }

    #[test]
    fn everybody_else_gets_text() {
        for lines in [
            &[][..],
            &[""],
            &["*/*"],
            &["application/*"],
            &["text/html, application/xhtml+xml, */*;q=0.8"],
            &["application/json;q=0"],
            &["application/json;q=0.000, */*"],
            &["application/json;q=2"],
            &["application/json;q=1.001"],
            &["application/json;q=much"],
            &["application/json;q=0.5, text/plain"],
            &["application/json;q=0.5", "*/*"],
            &["application/jsonl"],
        ] {
            assert!(!prefers(lines), "{lines:?}");
        }
    }
}
