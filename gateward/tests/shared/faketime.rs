//! Debian's faketime, which stands between a program and the time.

use std::path::{Path, PathBuf};

pub fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok);
    folders
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
        .unwrap_or_else(|| panic!("no libfaketimeMT.so.1 under /usr/lib; install Debian's package faketime"))
}

/// The environment of a program whose wall clock, and nothing else, is off by what `offset` says.
pub fn clock_off_by(offset: &Path) -> [(&'static str, PathBuf); 6] {
    [
        ("LD_PRELOAD", library()),
        ("FAKETIME_TIMESTAMP_FILE", offset.to_owned()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("NO_FAKE_STAT", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("DONT_FAKE_MONOTONIC", "1".into()),
    ]
}

/// Sets the clocks off by this that go by `offset`; whole or not at all.
pub fn set_off(offset: &Path, by: &str) {
    let partial = offset.with_extension("partial");
    std::fs::write(&partial, by).unwrap();
    std::fs::rename(&partial, offset).unwrap();
}
