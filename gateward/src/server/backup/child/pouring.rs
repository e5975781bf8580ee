//! A program whose standard output is a backup.
//!
//! That it closed its output says nothing: what came is good only if the program then ended well.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use super::Child;
use super::words::Words;
use crate::flows::backup::source::Error;

/// How much is read at once.
const BUFFER: usize = 128 * 1024;

/// A program that runs; it and what it started are killed when this is dropped before its end.
pub(in crate::server::backup) struct Pouring {
    what: String,
    child: Child,
    words: Words,
}

impl Pouring {
    /// Starts `command`, whose environment, arguments and standard input the caller has set; `what` names it in
    /// errors.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`]: it cannot be started.
    pub fn start(what: &str, command: &mut Command) -> Result<Self, Error> {
        let failed = |why: String| Error::Failed { what: what.to_owned(), why };
        command.current_dir("/").stdout(Stdio::piped());
        let (child, words) = Child::start(command, |_| true).map_err(|error| {
            failed(format!("{program} cannot be started: {error}", program = command.get_program().display()))
        })?;
        Ok(Self { what: what.to_owned(), child, words })
    }

    /// Writes its whole output to `out`, and waits for its good end; `at_first` is called at the first byte.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with its last words: it ended badly, at whatever moment. [`Error::Output`].
    pub fn pour(mut self, out: &mut dyn Write, at_first: impl FnOnce()) -> Result<(), Error> {
        let mut stdout = self.child.process.stdout.take().expect("it is piped");
        let mut buffer = vec![0; BUFFER];
        let mut at_first = Some(at_first);
        loop {
            match stdout.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    if let Some(at_first) = at_first.take() {
                        at_first();
                    }
                    out.write_all(&buffer[..read]).map_err(Error::Output)?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(&format!("its output cannot be read: {error}"))),
            }
        }
        self.end()
    }

    fn end(mut self) -> Result<(), Error> {
        let status = self.child.wait().map_err(|error| self.failed(&format!("it is lost: {error}")))?;
        let words = self.words.last().to_string();
        if !status.success() {
            let silent = if words.is_empty() { "without a word" } else { &words };
            return Err(self.failed(&format!("{status}: {silent}")));
        }
        if !words.is_empty() {
            tracing::warn!(of = self.what, words, "said by a program that then ended well");
        }
        Ok(())
    }

    fn failed(&self, why: &str) -> Error {
        Error::Failed { what: self.what.clone(), why: why.to_owned() }
    }
}
