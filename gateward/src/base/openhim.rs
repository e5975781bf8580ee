//! Names that an OpenHIM gives: of the client that came to it, and of the transaction that it made of that.

/// Says why a text is no such name: whoever runs the OpenHIM mends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("1 to 128 printable letters of ASCII, no space at either end, and given once")]
pub struct NotAnOpenHimId;

/// A client id or a transaction id of an OpenHIM: 1 to 128 printable letters of ASCII, as a header field, a
/// log and a terminal can show them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OpenHimId(String);

impl OpenHimId {
    /// Shows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for OpenHimId {
    type Err = NotAnOpenHimId;

    fn from_str(text: &str) -> Result<Self, NotAnOpenHimId> {
        let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if (1..=128).contains(&text.len()) && printable && text.trim() == text {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnOpenHimId)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_what_a_header_field_and_a_terminal_can_show() {
        for good in ["a", "lab-1", "Lab 1 (north)", "5f2b9c1e0d3a4b6c7d8e9f01", &"a".repeat(128)] {
            assert_eq!(good.parse::<OpenHimId>().unwrap().as_str(), good);
        }
        for bad in ["", " ", " a", "a ", "a\tb", "a\n", "ä", "\u{7f}", &"a".repeat(129)] {
            assert!(bad.parse::<OpenHimId>().is_err(), "{bad:?}");
        }
    }
}
