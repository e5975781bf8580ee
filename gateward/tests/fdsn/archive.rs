//! The archive behind the door: made once, by ObsPy, and only read.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::tools::{python, run};

/// Makes it, and says what is in it.
const SCRIPT: &str = include_str!("archive.py");

pub struct Archive {
    pub folder: PathBuf,
}

/// The archive that all tests read, in the folder that cargo has for what tests leave behind.
pub static ARCHIVE: LazyLock<Archive> = LazyLock::new(|| {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, SCRIPT.as_bytes());
    let name = format!("fdsn-archive-{}", data_encoding::HEXLOWER.encode(&hash.as_ref()[..8]));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if !folder.exists() {
        let unfinished = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        make(unfinished.path());
        // Whoever else makes it at the same time makes the same, and one of us is the first.
        let moved = std::fs::rename(unfinished.keep(), &folder);
        assert!(moved.is_ok() || folder.exists(), "{moved:?}");
    }
    Archive { folder }
});

fn make(folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fdsn/archive.py");
    run(python().arg(script).arg(folder), b"").good();
    // The server's own summary of the index, which it wants for wildcards.
    let configuration = folder.join("summary.ini");
    std::fs::write(&configuration, "[index_db]\npath = index.sqlite\nsummary_table = summary\n").unwrap();
    let server = ["-m", "portable_fdsnws_dataselect.server", "-i"];
    run(python().args(server).arg(configuration), b"").good();
}

impl Archive {
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What was recorded on one channel, `NET.STA.LOC.CHA`, on one day: whole records.
    #[track_caller]
    pub fn waveforms(&self, channel: &str, day: &str) -> Vec<u8> {
        let path = self.file(&format!("data/{channel}.{day}.mseed"));
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}
