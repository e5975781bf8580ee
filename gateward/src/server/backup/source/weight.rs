//! How much a folder holds, for an estimate: looked at for a moment and no longer.

use std::path::Path;
use std::time::{Duration, Instant};

use super::pattern::Patterns;

/// How long is looked; what is larger has no estimate.
const PATIENCE: Duration = Duration::from_secs(3);

/// Adds up the files in `root`; `None` where that takes long.
pub(super) fn weight(root: &Path, exclude: &Patterns) -> Option<u64> {
    let begun = Instant::now();
    let mut bytes = 0;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        // What cannot be read is told when it is backed up.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if begun.elapsed() > PATIENCE {
                return None;
            }
            let path = entry.path();
            let Ok(about) = entry.metadata() else { continue };
            if path.strip_prefix(root).is_ok_and(|beneath| exclude.match_path(beneath)) {
                continue;
            }
            if about.is_dir() {
                folders.push(path);
            } else if about.is_file() {
                bytes += about.len();
            }
        }
    }
    Some(bytes)
}
