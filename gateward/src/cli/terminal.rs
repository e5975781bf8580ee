//! The terminal that a person sits at, wherever standard input and output go.
//!
//! What is shown once is shown there and nowhere else: not in a pipe, a file or a log.

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use anyhow::{Context as _, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::base::secret::Secret;
use crate::base::unseen::is_unseen;

/// Makes text of others fit for a terminal: what it would obey, or would turn letters round, is spelled out.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_unseen(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// What lets a line that was shown in passing make room for what stays, where standard error is a terminal.
pub(super) fn cleared() -> &'static str {
    if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" }
}

/// Says something to people.
pub(super) fn say(words: &str) {
    eprintln!("{}gateward: {words}", cleared());
}

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

/// What ends or stops a program from its terminal, or from afar.
const SIGNALS: [Signal; 5] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGTSTP];

/// Holds signals back, so that the terminal is put right before they take effect.
///
/// They are held back from this thread: whoever has others starts them while this is there, or afterwards.
struct Held {
    before: SigSet,
    waiting: SignalFd,
}

impl Held {
    fn new() -> nix::Result<Self> {
        let signals = SigSet::from_iter(SIGNALS);
        let waiting = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)?;
        let before = SigSet::thread_get_mask()?;
        signals.thread_block()?;
        Ok(Self { before, waiting })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Those that waited take effect here, each as whoever started us wants it. A mask that was there is valid.
        let _ = self.before.thread_set_mask();
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
    ///
    /// However the program is ended or stopped meanwhile, what is typed afterwards is seen again. Once it goes
    /// on, the question is asked anew.
    pub(super) fn secret(&self, question: &str) -> anyhow::Result<Secret> {
        loop {
            let held = Held::new().context("the terminal")?;
            let before = tcgetattr(&self.0).context("the terminal")?;
            let mut hidden = before.clone();
            hidden.local_flags.remove(LocalFlags::ECHO);
            let echo = Echo { terminal: &self.0, before };
            tcsetattr(&self.0, SetArg::TCSAFLUSH, &hidden).context("the terminal")?;
            self.show(question)?;
            let typed = self.line_unless(&held);
            drop(echo);
            self.show("\n")?;
            drop(held);
            if let Some(line) = typed? {
                return Ok(Secret::new(line.trim_end_matches(['\r', '\n']).to_owned()));
            }
        }
    }

    fn line(&self) -> anyhow::Result<String> {
        let mut line = String::new();
        // Line by line, as a terminal gives it: nothing is read ahead that the next question needs.
        BufReader::with_capacity(1, &self.0).read_line(&mut line).context("reading from the terminal")?;
        Ok(line)
    }

    /// Reads a line; `None` if a signal waits before it is whole.
    fn line_unless(&self, held: &Held) -> anyhow::Result<Option<Zeroizing<String>>> {
        let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
        loop {
            let wanted = [self.0.as_fd(), held.waiting.as_fd()];
            let mut ready = wanted.map(|file| PollFd::new(file, PollFlags::POLLIN));
            match poll(&mut ready, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                polled => polled.context("waiting for the terminal")?,
            };
            if ready[1].any() == Some(true) {
                return Ok(None);
            }
            let mut byte = Zeroizing::new([0]);
            let read = (&self.0).read(&mut *byte).context("reading from the terminal")?;
            line.extend_from_slice(&byte[..read]);
            if read == 0 || *byte == [b'\n'] {
                let text = std::str::from_utf8(&line).context("what was typed is no text")?;
                return Ok(Some(Zeroizing::new(text.to_owned())));
            }
            if line.len() == LONGEST {
                bail!("what was typed is longer than {LONGEST} bytes");
            }
        }
    }
}

/// As long as a line can be on a terminal (termios(3), canonical mode).
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_moves_no_cursor_and_turns_no_letters_round() {
        assert_eq!(shown("Änne O'Neil, 7\\8"), "Änne O'Neil, 7\\8");
        assert_eq!(shown("a\u{1b}[2J\u{9b}1A\r\nb"), "a\\u{1b}[2J\\u{9b}1A\\u{d}\\u{a}b");
        assert_eq!(shown("\u{202e}txt.exe\u{2066}"), "\\u{202e}txt.exe\\u{2066}");
    }
}
