//! What a program says on its standard error.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::ChildStderr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::server::outwards::one_line;

/// The words of a program, as they come.
#[derive(Debug)]
pub(super) struct Words {
    kept: Arc<Mutex<Said>>,
    end: Receiver<()>,
}

/// What a program wrote to its standard error.
#[derive(Debug, Default)]
pub struct Said {
    /// The first lines.
    pub first: Vec<String>,
    /// The last lines that came after those.
    pub last: VecDeque<String>,
    /// How many there were in all.
    pub lines: u64,
}

/// How many lines are kept from the beginning and from the end, and how long each may be.
const FIRST: usize = 40;
const LAST: usize = 5;
const LONGEST_LINE: u64 = 4096;

/// How long those are waited for who still hold the standard error of a program that has ended.
const PATIENCE: Duration = Duration::from_secs(1);

impl Words {
    /// Begins to keep the lines that `is_told` wants.
    pub fn listen(from: ChildStderr, is_told: fn(&str) -> bool) -> Self {
        let kept = Arc::new(Mutex::new(Said::default()));
        let (ends, end) = channel();
        let keeps = Arc::clone(&kept);
        std::thread::spawn(move || {
            hear(from, |line| {
                if is_told(&line) {
                    keeps.lock().unwrap_or_else(PoisonError::into_inner).add(line);
                }
            });
            drop(ends);
        });
        Self { kept, end }
    }

    /// All that was said, by whoever it was: complaints that came late count, too.
    pub fn all(&self) -> Said {
        // The end is that nobody is there to send.
        let _ = self.end.recv();
        self.take()
    }

    /// What was said by a program that has ended.
    pub fn last(&self) -> Said {
        // A grandchild may hold the pipe for ever.
        if self.end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            tracing::debug!("somebody still holds the standard error of a program that has ended");
        }
        self.take()
    }

    fn take(&self) -> Said {
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Hands on line by line what comes.
fn hear(from: ChildStderr, mut tell: impl FnMut(String)) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    // An error is an end, too: there is nothing more to hear.
    while let Ok(1..) = (&mut from).take(LONGEST_LINE).read_until(b'\n', &mut line) {
        tell(one_line(&String::from_utf8_lossy(&line)));
        line.clear();
    }
}

impl Said {
    fn add(&mut self, line: String) {
        self.lines += 1;
        if self.first.len() < FIRST {
            self.first.push(line);
            return;
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// All lines that were kept, in their order.
    pub fn kept(&self) -> impl Iterator<Item = &str> {
        self.first.iter().chain(&self.last).map(String::as_str)
    }
}

impl std::fmt::Display for Said {
    /// The last words, on one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kept: Vec<&str> = self.kept().filter(|line| !line.trim().is_empty()).collect();
        f.write_str(&kept[kept.len().saturating_sub(LAST)..].join("; "))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::Child;
    use super::*;

    fn words(script: &str) -> (Child, Words) {
        Child::start(Command::new("sh").args(["-c", script]), |_| true).unwrap()
    }

    #[test]
    fn of_a_flood_of_words_the_first_and_the_last_are_kept() {
        let (mut child, words) = words("for number in $(seq 1000); do echo $number >&2; done");
        child.wait().unwrap();
        let said = words.all();
        assert_eq!((said.lines, said.first.len()), (1000, FIRST));
        assert_eq!(said.to_string(), "996; 997; 998; 999; 1000");
    }

    #[test]
    fn the_last_words_do_not_wait_for_whoever_was_left_behind() {
        let (mut child, words) = words("sleep 20 & echo good bye >&2");
        child.wait().unwrap();
        let begun = std::time::Instant::now();
        assert_eq!(words.last().to_string(), "good bye");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
