//! What is wrong in the text of a configuration, and on which line whoever wrote it will look.

/// Says what is wrong in the text of a configuration.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Wrong {
    /// The line, from 1.
    pub(super) line: usize,
    /// What is wrong, and what would be right.
    pub(super) reason: String,
}

impl Wrong {
    /// On the last line that holds `what` in quotes.
    pub(super) fn at(text: &str, what: &str, reason: impl Into<String>) -> Self {
        let quoted = format!("\"{what}\"");
        let line = text.lines().enumerate().filter(|(_, line)| line.contains(&quoted)).last();
        Self::on(line.map(|(line, _)| line), reason)
    }

    /// On the line of the option `name` before any table.
    pub(super) fn at_option(text: &str, name: &str, reason: impl Into<String>) -> Self {
        let sets = |line: &str| {
            line.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        Self::on(text.lines().position(sets), reason)
    }

    /// On the line where the table `name` begins, or the first of those below it.
    pub(super) fn at_table(text: &str, name: &str, reason: impl Into<String>) -> Self {
        let (head, below) = (format!("[{name}]"), format!("[{name}."));
        let begins = |line: &str| [&head, &below].iter().any(|head| line.trim_start().starts_with(*head));
        Self::on(text.lines().position(begins), reason)
    }

    /// On a line counted from 0; on the first where it is not known.
    fn on(line: Option<usize>, reason: impl Into<String>) -> Self {
        Self { line: line.unwrap_or(0) + 1, reason: reason.into() }
    }
}

/// The line, from 1, on which the byte `offset` stands.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}
