//! A program that we feed.

use std::io::{self, ErrorKind, Write as _};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::Child;
use super::words::{Said, Words};
use crate::server::backup::interrupt::Interrupt;

/// A program that reads what we give it.
///
/// The last [`HELD`] bytes stay with us until [`Fed::end`]: a program that needs all of its input cannot come
/// to a good end before we let it. Dropped, it is killed.
#[derive(Debug)]
pub struct Fed {
    child: Child,
    name: String,
    stdin: Option<ChildStdin>,
    held: Vec<u8>,
    words: Words,
    interrupt: Interrupt,
}

/// Why it did not come to a good end: for whoever operates what it spoke to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not installed, or there is no room for it.
    #[error("{name} cannot be started: {source}")]
    NotStarted {
        /// The program.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ended by itself.
    #[error("{name} ended with {status}: {said}")]
    Ended {
        /// The program.
        name: String,
        /// How.
        status: ExitStatus,
        /// What it said.
        said: Said,
    },
    /// We were told to stop.
    #[error("{name} was stopped")]
    Stopped {
        /// The program.
        name: String,
    },
    /// The system would not let us speak to it.
    #[error("{name}: {source}")]
    Lost {
        /// The program.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

/// How much of the input stays with us to the end.
pub const HELD: usize = 64 * 1024;

/// How much is gathered before it is given.
const GATHERED: usize = 256 * 1024;

/// How long one that reads no more may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

impl Fed {
    /// Starts `command`, which `name` names in messages. Of what it says, lines are kept that `is_told` wants.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`].
    pub fn start(
        command: &mut Command,
        name: &str,
        interrupt: &Interrupt,
        is_told: fn(&str) -> bool,
    ) -> Result<Self, Error> {
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let (mut child, words) = Child::start(command, is_told)
            .map_err(|source| Error::NotStarted { name: name.to_owned(), source })?;
        interrupt.add(child.process.id());
        let stdin = child.process.stdin.take();
        let held = Vec::with_capacity(HELD + GATHERED);
        Ok(Self { child, name: name.to_owned(), stdin, held, words, interrupt: interrupt.clone() })
    }

    /// Gives it more to read.
    ///
    /// # Errors
    ///
    /// It reads no more: ask [`Fed::end`] why.
    pub fn give(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = (HELD + GATHERED - self.held.len()).min(bytes.len());
            self.held.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            if self.held.len() == HELD + GATHERED {
                self.pass_on(GATHERED)?;
            }
        }
        Ok(())
    }

    /// Gives it the rest, and `last` behind it, and waits for its good end.
    ///
    /// # Errors
    ///
    /// [`Error`]; it is gone then, too.
    pub fn end(mut self, last: &[u8]) -> Result<Said, Error> {
        self.held.extend_from_slice(last);
        // It may have ended early: then how it ended is what matters.
        let given = self.pass_on(self.held.len());
        drop(self.stdin.take());
        let status = self.wait(None).map(|status| status.expect("it is waited for without an end"));
        let said = self.words.all();
        let name = self.name.clone();
        let status = status.map_err(|source| Error::Lost { name: name.clone(), source })?;
        match (status, given) {
            (status, _) if self.interrupt.is_raised() && !status.success() => Err(Error::Stopped { name }),
            (status, _) if !status.success() => Err(Error::Ended { name, status, said }),
            (_, Err(source)) if source.kind() != ErrorKind::BrokenPipe => Err(Error::Lost { name, source }),
            _ => Ok(said),
        }
    }

    /// Says why it reads no more, and sees that it is gone.
    pub fn why(mut self) -> Error {
        let name = self.name.clone();
        // It closed its input because it is about to end.
        let status = self.wait(Some(PATIENCE));
        self.kill();
        let said = self.words.all();
        match status {
            _ if self.interrupt.is_raised() => Error::Stopped { name },
            Ok(Some(status)) => Error::Ended { name, status, said },
            Ok(None) => Error::Lost { name, source: ErrorKind::BrokenPipe.into() },
            Err(source) => Error::Lost { name, source },
        }
    }

    fn pass_on(&mut self, length: usize) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or(ErrorKind::BrokenPipe)?;
        stdin.write_all(&self.held[..length])?;
        self.held.drain(..length);
        Ok(())
    }

    fn look(&mut self) -> io::Result<Option<ExitStatus>> {
        let (pid, child) = (self.child.process.id(), &mut self.child);
        self.interrupt.look(pid, || {
            let seen = child.look();
            (!matches!(seen, Ok(None)), seen)
        })
    }

    /// Waits for its end; `None` once `patience` is over.
    fn wait(&mut self, patience: Option<Duration>) -> io::Result<Option<ExitStatus>> {
        let (begun, mut pause) = (Instant::now(), Duration::from_millis(1));
        loop {
            if let Some(status) = self.look()? {
                return Ok(Some(status));
            }
            if patience.is_some_and(|patience| begun.elapsed() > patience) {
                return Ok(None);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    fn kill(&mut self) {
        // One that has ended already is as good; it is waited for in any case.
        let (pid, child) = (self.child.process.id(), &mut self.child);
        self.interrupt.look(pid, || {
            child.kill();
            (true, ())
        });
        self.stdin = None;
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(script: &str) -> Fed {
        Fed::start(Command::new("sh").args(["-c", script]), "sh", &Interrupt::default(), |_| true).unwrap()
    }

    #[test]
    fn the_end_of_the_input_stays_with_us_until_we_let_it_go() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out");
        let mut fed = fed(&format!("cat > {}", file.display()));
        let content: Vec<u8> = (0..1_000_000u32).map(|number| number.to_le_bytes()[0]).collect();
        fed.give(&content).unwrap();
        assert_eq!(fed.held.len() % GATHERED % HELD, content.len() % HELD);
        assert!(fed.held.len() >= HELD);
        fed.end(b"last").unwrap();
        assert_eq!(std::fs::read(file).unwrap(), [&content[..], b"last"].concat());
    }

    #[test]
    fn one_that_is_dropped_never_sees_the_end_of_its_input() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out");
        let mut fed = fed(&format!("cat > /dev/null && touch {}", file.display()));
        fed.give(&vec![7; 100_000]).unwrap();
        drop(fed);
        assert!(!file.exists());
    }

    #[test]
    fn whoever_ends_early_is_asked_why() {
        let mut fed = fed("echo no room >&2; exit 3");
        while fed.give(&vec![7; HELD + GATHERED]).is_ok() {}
        let error = fed.why().to_string();
        assert!(error.contains("exit status: 3: no room"), "{error}");
        let error = self::fed("exit 4").end(b"").unwrap_err().to_string();
        assert!(error.contains("exit status: 4"), "{error}");
    }
}
