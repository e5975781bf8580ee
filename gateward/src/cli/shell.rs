//! Words of commands that are printed to be pasted into a shell.

/// Writes `text` as one word, quoted where a shell would read something into it.
pub(super) fn word(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@=,".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn only_what_a_shell_would_change_is_quoted() {
        assert_eq!(word("/tmp/demo-1/ca.pem"), "/tmp/demo-1/ca.pem");
        assert_eq!(word("it's a $demo"), "'it'\\''s a $demo'");
        assert_eq!(word(""), "''");
    }
}
