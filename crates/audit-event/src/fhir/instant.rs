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
