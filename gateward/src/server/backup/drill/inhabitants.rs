//! Who works in a folder: the processes of a server are found by their working directory.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a server may take to end by itself, and how long whoever was killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The processes that work in `folder` or below; those that have ended and were not waited for do not count.
pub(super) fn inhabitants(folder: &Path) -> BTreeSet<Pid> {
    let lives_there = |pid: &Pid| {
        // One that has ended has none.
        std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|home| home.starts_with(folder))
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.map(Pid::from_raw).filter(lives_there).collect()
}

/// Ends all who work in `folder`: PostgreSQL's first process lets the others end, and gives back what it
/// shares with them.
pub(super) fn end_all(folder: &Path) {
    for (signal, asked) in [(Signal::SIGQUIT, first(folder)), (Signal::SIGKILL, inhabitants(folder))] {
        for pid in &asked {
            // Whoever has ended meanwhile is as good.
            let _ = kill(*pid, signal);
        }
        let begun = Instant::now();
        while !asked.is_empty() && !inhabitants(folder).is_empty() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The server's first process, as it says itself, if it still works there.
fn first(folder: &Path) -> BTreeSet<Pid> {
    let text = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    let said = text.lines().next().and_then(|line| line.trim().parse().ok()).map(Pid::from_raw);
    inhabitants(folder).into_iter().filter(|pid| Some(*pid) == said).collect()
}
