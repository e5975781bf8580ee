//! The text beside the backups: how to restore them with what every Debian has, and without this program.

use std::io;
use std::path::Path;

use super::state::write_whole;

const NAME: &str = "README.txt";

const TEXT: &str = include_str!("readme.txt");

/// Lays the text into `folder`, unless it lies there.
pub(super) fn lay(folder: &Path) -> io::Result<()> {
    let path = folder.join(NAME);
    match std::fs::read(&path) {
        Ok(there) if there == TEXT.as_bytes() => Ok(()),
        _ => write_whole(&path, TEXT.as_bytes()),
    }
}
