//! Being told to stop while children run: they end, and whoever waits for them takes back what is half done.

use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

/// Whether somebody wants us to stop; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    by: Option<Signal>,
    children: Vec<Pid>,
}

/// What a person or a service manager ends a program with.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

impl Interrupt {
    /// From now on an interrupt ends no more than our children; called before the first thread is started.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn watch(&self) -> std::io::Result<()> {
        let (signals, watched) = (SigSet::from_iter(SIGNALS), self.clone());
        signals.thread_block()?;
        std::thread::Builder::new().name("interrupts".into()).spawn(move || {
            while let Ok(signal) = signals.wait() {
                watched.raise(signal);
            }
        })?;
        Ok(())
    }

    pub(super) fn raise(&self, by: Signal) {
        let mut state = self.state();
        state.by.get_or_insert(by);
        for child in &state.children {
            // One that has ended is there until it is waited for, and that is done under the same lock.
            let _ = kill(*child, Signal::SIGKILL);
        }
    }

    /// Whether to stop.
    pub fn is_raised(&self) -> bool {
        self.state().by.is_some()
    }

    /// Lets a child be ended by an interrupt, also by one that came before.
    pub(super) fn add(&self, child: u32) {
        let mut state = self.state();
        let child = Pid::from_raw(child.cast_signed());
        state.children.push(child);
        if state.by.is_some() {
            let _ = kill(child, Signal::SIGKILL);
        }
    }

    /// Looks after a child, which is not ended by us meanwhile; once it is gone, it never is.
    pub(super) fn look<T>(&self, child: u32, look: impl FnOnce() -> (bool, T)) -> T {
        let mut state = self.state();
        let (is_gone, seen) = look();
        if is_gone {
            let child = Pid::from_raw(child.cast_signed());
            state.children.retain(|other| *other != child);
        }
        seen
    }

    /// Lets `stream` break off once we are told to stop.
    pub fn over<R: Read>(&self, stream: R) -> Stoppable<R> {
        Stoppable(stream, self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that breaks off once we are told to stop.
#[derive(Debug)]
pub struct Stoppable<R>(R, Interrupt);

impl<R: Read> Read for Stoppable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.1.is_raised() {
            return Err(std::io::Error::other("it was stopped"));
        }
        self.0.read(buffer)
    }
}
