//! Text from outside, as it stands in a page.

/// Writes `text` so that nothing in it becomes markup, in an element or in a quoted attribute, nor turns the
/// direction of what is read beside it.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // What would turn the reading direction, or is seen by nobody.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\0'..='\u{1f}' | '\u{7f}' => {
                out.push('\u{fffd}');
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_becomes_markup() {
        assert_eq!(escaped("<a href=\"'\">&"), "&lt;a href=&quot;&#39;&quot;&gt;&amp;");
        assert_eq!(escaped("a\u{202e}b\n"), "a\u{fffd}b\u{fffd}");
    }
}
