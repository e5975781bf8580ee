//! A program whose standard output is a backup.
//!
//! That it closed its output says nothing: what came is good only if the program then ended well.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::flows::backup::source::Error;
use crate::server::outwards::one_line;

/// How much is read at once.
const BUFFER: usize = 128 * 1024;

/// How much of what it says on its standard error is kept: the end.
const LAST_WORDS: usize = 8 * 1024;

/// How many of the last lines are told.
const LINES: usize = 5;

/// How long those are waited for who still hold the standard error of a program that has ended.
const PATIENCE: Duration = Duration::from_secs(1);

/// A program that runs; it and what it started are killed when this is dropped before its end.
pub(super) struct Child {
    what: String,
    process: std::process::Child,
    words: Words,
    has_ended: bool,
}

/// The last words, as they come.
struct Words {
    kept: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Child {
    /// Starts `command`, whose environment, arguments and standard input the caller has set; `what` names it in
    /// errors.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`]: it cannot be started.
    pub fn start(what: &str, command: &mut Command) -> Result<Self, Error> {
        let failed = |why: String| Error::Failed { what: what.to_owned(), why };
        command
            .current_dir("/")
            // An interrupt from the keyboard is ours: who ends us ends it.
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().map_err(|error| {
            failed(format!("{program} cannot be started: {error}", program = command.get_program().display()))
        })?;
        let stderr = process.stderr.take().expect("it is piped");
        let words = Words::listen(stderr);
        Ok(Self { what: what.to_owned(), process, words, has_ended: false })
    }

    /// Writes its whole output to `out`, and waits for its good end; `at_first` is called at the first byte.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with its last words: it ended badly, at whatever moment. [`Error::Output`].
    pub fn pour(mut self, out: &mut dyn Write, at_first: impl FnOnce()) -> Result<(), Error> {
        let mut stdout = self.process.stdout.take().expect("it is piped");
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
        let status = self.process.wait();
        self.has_ended = true;
        let status = status.map_err(|error| self.failed(&format!("it is lost: {error}")))?;
        let words = self.words.last();
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

impl Drop for Child {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        // Not reaped yet, so that the number is nobody else's.
        let group = Pid::from_raw(self.process.id().cast_signed());
        if let Err(error) = killpg(group, Signal::SIGKILL) {
            tracing::warn!(of = self.what, %error, "a program that is not needed any more cannot be killed");
        } else if let Err(error) = self.process.wait() {
            tracing::warn!(of = self.what, %error, "a program that was killed is lost");
        }
    }
}

impl Words {
    fn listen(mut from: ChildStderr) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (ends, end) = channel();
        let keeps = Arc::clone(&kept);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error is an end, too: there is nothing more to hear.
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                let mut kept = keeps.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..read]);
                let surplus = kept.len().saturating_sub(LAST_WORDS);
                kept.drain(..surplus);
            }
            drop(ends);
        });
        Self { kept, end }
    }

    /// What was said at the end, once the program has ended, as one line.
    fn last(&self) -> String {
        // A grandchild may hold the pipe for ever.
        if self.end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            tracing::debug!("somebody still holds the standard error of a program that has ended");
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&kept);
        let mut lines: Vec<&str> =
            text.lines().rev().filter(|line| !line.trim().is_empty()).take(LINES).collect();
        lines.reverse();
        one_line(&lines.join(" "))
    }
}
