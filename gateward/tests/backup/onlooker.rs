//! Somebody who looks, all the time that a run lasts, at what is written to the disk and at what everybody on the
//! machine sees of processes.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Whoever looks; what was seen is said in the end.
#[derive(Debug)]
pub struct Onlooker {
    stop: Arc<AtomicBool>,
    seen: JoinHandle<Seen>,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// The files in which one of the secrets stood.
    pub files: BTreeSet<PathBuf>,
    /// Arguments and environments of processes that had one of the secrets.
    pub processes: BTreeSet<String>,
    /// The arguments of all processes that were there, a space between them.
    pub arguments: BTreeSet<String>,
    /// How often somebody looked.
    pub looks: u32,
}

/// How long lies between two looks.
const PAUSE: Duration = Duration::from_millis(1);

impl Onlooker {
    /// Looks for `secrets` in all files below `folder` but those below `apart`.
    pub fn of_files(secrets: &[&str], folder: &Path, apart: &[PathBuf]) -> Self {
        let (folder, apart) = (folder.to_owned(), apart.to_vec());
        let mut known = Known::default();
        Self::begin(secrets, move |secrets, seen| known.look(secrets, &folder, &apart, &mut seen.files))
    }

    /// Looks for `secrets` at every process of this machine.
    pub fn of_processes(secrets: &[&str]) -> Self {
        Self::begin(secrets, look_at_processes)
    }

    fn begin(secrets: &[&str], mut look: impl FnMut(&[String], &mut Seen) + Send + 'static) -> Self {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let seen = std::thread::spawn(move || {
            let mut seen = Seen::default();
            loop {
                // Once more after the end: what was left is seen, too.
                let is_over = asked.load(Ordering::SeqCst);
                look(&secrets, &mut seen);
                seen.looks += 1;
                if is_over {
                    return seen;
                }
                std::thread::sleep(PAUSE);
            }
        });
        Self { stop, seen }
    }

    /// Everything that was seen.
    pub fn saw(self) -> Seen {
        self.stop.store(true, Ordering::SeqCst);
        self.seen.join().unwrap()
    }
}

/// The files that were looked into, as they were then: those that stay the same are not read again.
#[derive(Debug, Default)]
struct Known(BTreeMap<PathBuf, (u64, u64, i64, i64)>);

impl Known {
    fn look(&mut self, secrets: &[String], folder: &Path, apart: &[PathBuf], found: &mut BTreeSet<PathBuf>) {
        // Whatever is gone meanwhile was there for a shorter time than a look.
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| !apart.contains(path)) {
            let Ok(there) = path.symlink_metadata() else { continue };
            if there.is_dir() {
                self.look(secrets, &path, apart, found);
            }
            let state = (there.ino(), there.len(), there.mtime(), there.mtime_nsec());
            if !there.is_file() || self.0.get(&path) == Some(&state) {
                continue;
            }
            let Ok(content) = std::fs::read(&path) else { continue };
            if secrets.iter().any(|secret| holds(&content, secret)) {
                found.insert(path.clone());
            }
            self.0.insert(path, state);
        }
    }
}

fn look_at_processes(secrets: &[String], seen: &mut Seen) {
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        for name in ["cmdline", "environ"] {
            let Ok(content) = std::fs::read(entry.path().join(name)) else { continue };
            let text = String::from_utf8_lossy(&content).replace('\0', " ");
            if secrets.iter().any(|secret| text.contains(secret)) {
                seen.processes.insert(text.clone());
            }
            if name == "cmdline" {
                seen.arguments.insert(text);
            }
        }
    }
}

fn holds(content: &[u8], text: &str) -> bool {
    let (first, text) = (text.as_bytes()[0], text.as_bytes());
    let mut from = 0;
    while let Some(at) = content[from..].iter().position(|byte| *byte == first) {
        if content[from + at..].starts_with(text) {
            return true;
        }
        from += at + 1;
    }
    false
}

/// The files below `folder`, those below `apart` left out, in which one of `secrets` stands now.
pub fn files_with(secrets: &[&str], folder: &Path, apart: &[PathBuf]) -> BTreeSet<PathBuf> {
    Onlooker::of_files(secrets, folder, apart).saw().files
}

#[test]
fn an_onlooker_sees_what_is_there_for_a_moment_and_what_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("a/b")).unwrap();
    std::fs::create_dir(path("apart")).unwrap();
    std::fs::write(path("apart/source"), "xxmarkerxx").unwrap();
    let onlooker = Onlooker::of_files(&["marker"], folder.path(), &[path("apart")]);
    std::fs::write(path("a/b/.moment"), "xxmarkerxx").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    std::fs::remove_file(path("a/b/.moment")).unwrap();
    std::fs::write(path("a/harmless"), "mark, er").unwrap();
    std::fs::write(path("stays"), "mmarker").unwrap();
    let seen = onlooker.saw();
    assert_eq!(seen.files, [path("a/b/.moment"), path("stays")].into());
    assert_eq!(files_with(&["marker"], folder.path(), &[path("apart")]), [path("stays")].into());
}
