//! How far a backup is, for whoever looks on: a line that changes on a terminal, one line a minute elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::SignedDuration;

use super::words;
use crate::cli::terminal::cleared;
use crate::flows::backup::make::Progress;

/// How often the line changes.
const ON_A_TERMINAL: Duration = Duration::from_millis(200);

/// How often there is a line in a log.
const IN_A_LOG: Duration = Duration::from_secs(60);

/// Shows it until dropped.
pub(super) struct Shown {
    /// Dropped to stop it.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Shown {
    /// Shows how far `what` is.
    pub fn begin(what: String, progress: Arc<Progress>) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let begun = Instant::now();
            let every = if is_terminal { ON_A_TERMINAL } else { IN_A_LOG };
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let line = line(&what, progress.stream_bytes(), progress.likely_bytes(), begun.elapsed());
                let (before, after) = if is_terminal { (cleared(), "") } else { ("gateward: ", "\n") };
                // Nobody looks on any more: nothing to be done about it.
                let _ = write!(std::io::stderr(), "{before}{line}{after}");
            }
            if is_terminal {
                let _ = write!(std::io::stderr(), "{}", cleared());
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It only shows; what it could not show is not missed.
            let _ = thread.join();
        }
    }
}

/// How many letters the bar has.
const BAR: u128 = 20;

fn line(what: &str, done: u64, likely: Option<u64>, taken: Duration) -> String {
    let rate = u128::from(done) * 1000 / taken.as_millis().max(1);
    let rate = u64::try_from(rate).unwrap_or(u64::MAX);
    let said = format!("{what}: {}, {}/s", words::bytes(done), words::bytes(rate));
    match likely {
        Some(likely) if likely > done && rate > 0 => {
            let percent = u128::from(done) * 100 / u128::from(likely);
            let left = i64::try_from((likely - done).div_ceil(rate)).unwrap_or(i64::MAX);
            let bar = (0..BAR).map(|at| if at * 100 < percent * BAR { '#' } else { '.' }).collect::<String>();
            let left = words::time(SignedDuration::from_secs(left));
            format!("{said} [{bar}] about {percent} %, {left} left")
        }
        // It was guessed too low, or nobody can guess.
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_how_fast_and_how_long_still() {
        let ten = Duration::from_secs(10);
        let said = line("database", 5_000_000_000, Some(20_000_000_000), ten);
        assert_eq!(said, "database: 5.0 GB, 500.0 MB/s [#####...............] about 25 %, 30 s left");
        assert_eq!(line("database", 5_000_000_000, Some(1), ten), "database: 5.0 GB, 500.0 MB/s");
        assert_eq!(line("database", 0, Some(1), Duration::ZERO), "database: 0 B, 0 B/s");
    }
}
