//! Answers to what has to be known: given as flags, asked for on a terminal, or missing.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::bail;

/// Where answers come from that no flag gave.
pub(super) enum Answers<'a> {
    /// Somebody is there.
    Asked { from: &'a mut dyn BufRead, to: &'a mut dyn Write },
    /// Nobody is there: what is missing is remembered.
    Missing(Vec<&'static str>),
}

/// What is asked for.
pub(super) struct Question<'a> {
    /// The flag that says it without a question.
    pub(super) flag: &'static str,
    /// What the terminal shows.
    pub(super) text: &'a str,
    /// What an empty answer means, if it means anything.
    pub(super) default: Option<&'a str>,
}

impl Answers<'_> {
    /// Returns the answer; `None` when it is missing and nobody can be asked. An answer that `read`
    /// refuses is asked for again.
    pub(super) fn get<T>(
        &mut self,
        given: Option<T>,
        question: &Question<'_>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> anyhow::Result<Option<T>> {
        if given.is_some() {
            return Ok(given);
        }
        let (from, to) = match self {
            Self::Missing(flags) => {
                flags.push(question.flag);
                return Ok(None);
            }
            Self::Asked { from, to } => (from, to),
        };
        writeln!(to, "\n{}", question.text)?;
        loop {
            match question.default {
                Some(default) => write!(to, "[{default}] > ")?,
                None => write!(to, "> ")?,
            }
            to.flush()?;
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                bail!("the answers ended before everything was asked: nothing was written");
            }
            let said = Some(line.trim()).filter(|said| !said.is_empty()).or(question.default);
            match said.map(&read) {
                Some(Ok(answer)) => return Ok(Some(answer)),
                Some(Err(wrong)) => writeln!(to, "{wrong}")?,
                None => {}
            }
        }
    }

    /// Whether what no flag gave stays unknown.
    pub(super) fn nobody_is_there(&self) -> bool {
        matches!(self, Self::Missing(_))
    }

    /// Refuses to go on without what is missing.
    pub(super) fn complete(self) -> anyhow::Result<()> {
        match self {
            Self::Missing(flags) if !flags.is_empty() => bail!(
                "missing: {}; give them, or run this on a terminal, where they are asked for: nothing was written",
                flags.join(", ")
            ),
            _ => Ok(()),
        }
    }
}

/// Reads an answer that names a file: it has to be there.
pub(super) fn file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => Ok(path),
        Ok(_) => Err(format!("{text} is no file")),
        Err(error) => Err(format!("{text}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(said: &str) -> Result<u8, String> {
        said.parse().map_err(|_| format!("{said} is no number"))
    }

    fn ask(said: &str, default: Option<&str>) -> (anyhow::Result<Option<u8>>, String) {
        let (mut from, mut to) = (said.as_bytes(), Vec::new());
        let mut answers = Answers::Asked { from: &mut from, to: &mut to };
        let answer = answers.get(None, &Question { flag: "--many", text: "How many?", default }, number);
        (answer, String::from_utf8(to).unwrap())
    }

    #[test]
    fn a_wrong_answer_is_told_why_and_asked_for_again() {
        let (answer, shown) = ask("many\n\n 7 \n", None);
        assert_eq!(answer.unwrap(), Some(7));
        assert_eq!(shown, "\nHow many?\n> many is no number\n> > ");
    }

    #[test]
    fn an_empty_answer_is_the_default_where_there_is_one() {
        assert_eq!(ask("\n", Some("3")).0.unwrap(), Some(3));
    }

    #[test]
    fn an_end_in_the_middle_is_no_answer() {
        let refused = ask("", Some("3")).0.unwrap_err();
        assert!(refused.to_string().contains("nothing was written"), "{refused}");
    }

    #[test]
    fn what_was_given_is_not_asked_for() {
        let mut answers = Answers::Missing(Vec::new());
        let question = Question { flag: "--many", text: "How many?", default: Some("3") };
        assert_eq!(answers.get(Some(1), &question, number).unwrap(), Some(1));
        answers.complete().unwrap();
    }
}
