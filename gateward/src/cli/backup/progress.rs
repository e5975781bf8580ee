//! How far a backup is, for whoever looks on: a line that changes on a terminal, one line a minute elsewhere.

use std::io::{IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::SignedDuration;

use super::words;
use crate::cli::terminal::cleared;
use crate::flows::backup::make::Progress;

/// Shows it until dropped.
pub(super) struct Shown {
    /// Dropped to stop it.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Shown {
    /// Shows how far `what` is.
    pub fn begin(what: String, progress: Arc<Progress>) -> Self {
        let said = move |taken| line(&what, progress.stream_bytes(), progress.likely_bytes(), taken);
        Self::to(std::io::stderr(), Manner::of(std::io::stderr().is_terminal()), said)
    }

    /// Writes to `out` what is `said` after so much time, again and again.
    fn to(
        mut out: impl Write + Send + 'static,
        manner: Manner,
        said: impl Fn(Duration) -> String + Send + 'static,
    ) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let begun = Instant::now();
            let Manner { every, before, after, last } = manner;
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                // Nobody looks on any more: nothing to be done about it.
                let _ = write!(out, "{before}{}{after}", said(begun.elapsed()));
            }
            let _ = write!(out, "{last}");
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

/// How lines are shown.
#[derive(Clone, Copy)]
struct Manner {
    /// How often there is one.
    every: Duration,
    before: &'static str,
    after: &'static str,
    /// What stands at the end of all.
    last: &'static str,
}

impl Manner {
    fn of(is_terminal: bool) -> Self {
        if is_terminal {
            Self { every: Duration::from_millis(200), before: cleared(), after: "", last: cleared() }
        } else {
            Self { every: Duration::from_secs(60), before: "gateward: ", after: "\n", last: "" }
        }
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
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn the_line_says_how_much_how_fast_and_how_long_still() {
        let ten = Duration::from_secs(10);
        let said = line("database", 5_000_000_000, Some(20_000_000_000), ten);
        assert_eq!(said, "database: 5.0 GB, 500.0 MB/s [#####...............] about 25 %, 30 s left");
        assert_eq!(line("database", 5_000_000_000, Some(1), ten), "database: 5.0 GB, 500.0 MB/s");
        assert_eq!(line("database", 0, Some(1), Duration::ZERO), "database: 0 B, 0 B/s");
    }

    /// What was written, for whoever looks meanwhile.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(buffer)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn without_a_terminal_there_is_a_whole_line_each_minute_until_it_is_over() {
        let manner = Manner::of(false);
        assert_eq!(manner.every, Duration::from_secs(60));
        let log = Log::default();
        let hasty = Manner { every: Duration::from_millis(5), ..manner };
        let shown =
            Shown::to(log.clone(), hasty, |taken| line("database", 1500, None, taken.min(Duration::ZERO)));
        let begun = Instant::now();
        while log.text().lines().count() < 3 {
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", log.text());
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(shown);
        let text = log.text();
        assert!(text.ends_with('\n'), "{text:?}");
        assert!(text.lines().all(|line| line == "gateward: database: 1.5 kB, 1.5 MB/s"), "{text:?}");
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(log.text(), text, "nothing is shown once it is over");
    }

    #[test]
    fn a_run_that_is_over_within_the_minute_shows_nothing() {
        let log = Log::default();
        drop(Shown::to(log.clone(), Manner::of(false), |taken| line("database", 0, None, taken)));
        assert_eq!(log.text(), "");
    }
}
