//! The terminal that a person sits at, wherever standard input and output go.
//!
//! What is shown once is shown there and nowhere else: not in a pipe, a file or a log.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};

use anyhow::Context as _;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::base::secret::Secret;

/// The terminal.
#[derive(Debug)]
pub(super) struct Terminal(File);

/// Lets what is typed be seen again.
struct Echo<'a> {
    terminal: &'a File,
    before: Termios,
}

impl Drop for Echo<'_> {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing anyway.
        let _ = tcsetattr(self.terminal, SetArg::TCSAFLUSH, &self.before);
    }
}

impl Terminal {
    /// Opens the terminal that this process belongs to; `None` where there is none.
    pub(super) fn open() -> Option<Self> {
        File::options().read(true).write(true).open("/dev/tty").ok().map(Self)
    }

    /// Shows `text`.
    pub(super) fn show(&self, text: &str) -> anyhow::Result<()> {
        let mut terminal = &self.0;
        terminal
            .write_all(text.as_bytes())
            .and_then(|()| terminal.flush())
            .context("the terminal took no more")
    }

    /// Asks a question that anything but a yes answers with no.
    pub(super) fn agrees(&self, question: &str) -> anyhow::Result<bool> {
        self.show(&format!("{question} [y/N] "))?;
        Ok(matches!(self.line()?.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks for a secret, which is not shown as it is typed.
    pub(super) fn secret(&self, question: &str) -> anyhow::Result<Secret> {
        let before = tcgetattr(&self.0).context("the terminal")?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(&self.0, SetArg::TCSAFLUSH, &hidden).context("the terminal")?;
        let echo = Echo { terminal: &self.0, before };
        self.show(question)?;
        let line = self.line();
        drop(echo);
        self.show("\n")?;
        let line = Secret::new(line?);
        Ok(Secret::new(line.expose().trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn line(&self) -> anyhow::Result<String> {
        let mut line = String::new();
        // Line by line, as a terminal gives it: nothing is read ahead that the next question needs.
        BufReader::with_capacity(1, &self.0).read_line(&mut line).context("reading from the terminal")?;
        Ok(line)
    }
}
