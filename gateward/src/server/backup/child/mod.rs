//! A program that runs for us, and what it says: in a process group of its own, which ends with it.

mod feeding;
mod pouring;
mod words;

pub use feeding::{Error, Fed};
pub(super) use pouring::Pouring;
pub use words::Said;

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{self, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use self::words::Words;

/// A program that runs; it and what it started are killed when this is dropped before its end.
#[derive(Debug)]
struct Child {
    process: process::Child,
    is_gone: bool,
}

impl Child {
    /// Starts `command`. Of what it says, lines are kept that `is_told` wants.
    fn start(command: &mut Command, is_told: fn(&str) -> bool) -> io::Result<(Self, Words)> {
        // An interrupt from the keyboard is ours: who ends us ends it, and says what is left then.
        command.process_group(0).stderr(Stdio::piped());
        let mut process = command.spawn()?;
        let words = Words::listen(process.stderr.take().expect("it is piped"), is_told);
        Ok((Self { process, is_gone: false }, words))
    }

    /// How it ended, if it has.
    fn look(&mut self) -> io::Result<Option<ExitStatus>> {
        let seen = self.process.try_wait();
        self.is_gone = !matches!(seen, Ok(None));
        seen
    }

    /// Waits for its end.
    fn wait(&mut self) -> io::Result<ExitStatus> {
        self.is_gone = true;
        self.process.wait()
    }

    /// Kills it with what it started, unless it was gone before.
    fn kill(&mut self) {
        if self.is_gone {
            return;
        }
        // Not reaped yet, so that the number is nobody else's.
        let group = Pid::from_raw(self.process.id().cast_signed());
        if let Err(error) = killpg(group, Signal::SIGKILL) {
            tracing::warn!(%group, %error, "a program that is not needed any more cannot be killed");
        } else if let Err(error) = self.wait() {
            tracing::warn!(%group, %error, "a program that was killed is lost");
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}
