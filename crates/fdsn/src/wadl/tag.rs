//! Where in a start tag things stand, which XML parsers do not tell.

use std::ops::Range;

/// The name of the element, with its prefix.
pub(super) fn name(tag: &str) -> &str {
    let name = tag.trim_start_matches('<');
    name.split(|letter: char| letter.is_ascii_whitespace() || "/>".contains(letter)).next().unwrap_or(name)
}

/// Where the value of an attribute stands, without its quotes. The tag is one that a parser accepted.
pub(super) fn value(tag: &str, attribute: &str) -> Option<Range<usize>> {
    let mut at = 1 + name(tag).len();
    loop {
        let equals = at + tag.get(at..)?.find('=')?;
        let behind = tag.get(equals + 1..)?;
        let open = equals + 1 + (behind.len() - behind.trim_ascii_start().len());
        let quote = tag.get(open..)?.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let close = open + 1 + tag.get(open + 1..)?.find(quote)?;
        if tag.get(at..equals)?.trim_ascii() == attribute {
            return Some(open + 1..close);
        }
        at = close + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(tag: &'a str, attribute: &str) -> Option<&'a str> {
        value(tag, attribute).map(|range| &tag[range])
    }

    #[test]
    fn an_attribute_is_found_however_it_is_written() {
        let tag = "<w:method  id = 'a>\"=b'\n\tname=\"GET\"x:id=\"no\" />";
        assert_eq!(name(tag), "w:method");
        assert_eq!(read(tag, "id"), Some("a>\"=b"));
        assert_eq!(read(tag, "name"), Some("GET"));
        assert_eq!(read(tag, "path"), None);
        assert_eq!(read("<a/>", "id"), None);
        assert_eq!(read("<a id=''>", "id"), Some(""));
    }
}
