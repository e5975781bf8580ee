//! Somebody who looks on while a command runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Looks all the time at what everybody on the machine may see of the processes of a session, and at what
/// lies in some folders.
pub struct Onlooker {
    stop: Arc<AtomicBool>,
    seen: JoinHandle<BTreeSet<Vec<u8>>>,
}

impl Onlooker {
    pub fn at(session: i32, folders: Vec<PathBuf>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let seen = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !asked.load(Ordering::Relaxed) {
                look_at_processes(session, &mut seen);
                for folder in &folders {
                    look_at_files(folder, &mut seen);
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            seen
        });
        Self { stop, seen }
    }

    /// Everything that was seen.
    pub fn saw(self) -> BTreeSet<Vec<u8>> {
        self.stop.store(true, Ordering::Relaxed);
        self.seen.join().unwrap()
    }
}

fn look_at_processes(session: i32, seen: &mut BTreeSet<Vec<u8>>) {
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let process = entry.path();
        // proc(5): the session is the fourth word behind the name, which is in parentheses.
        let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
        let of = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(3)?.parse().ok());
        if of == Some(session) {
            seen.extend(["cmdline", "environ"].iter().flat_map(|name| std::fs::read(process.join(name))));
        }
    }
}

/// Names of files, and what is in those that are not sealed: what is sealed is compared afterwards.
fn look_at_files(folder: &Path, seen: &mut BTreeSet<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        seen.insert(entry.file_name().into_encoded_bytes());
        seen.extend(std::fs::read(entry.path()));
    }
}

/// Where something stands, with a little of what is around it.
pub fn found<'a>(bytes: &'a [u8], part: &str) -> Option<&'a [u8]> {
    let at = bytes.windows(part.len()).position(|window| window == part.as_bytes())?;
    Some(&bytes[at.saturating_sub(80)..(at + part.len() + 80).min(bytes.len())])
}
