//! The Debian package, and what is in it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use super::tools::{pack, run};

/// The package, made once for all tests.
pub fn deb() -> &'static Path {
    static DEB: LazyLock<PathBuf> = LazyLock::new(|| pack("deb"));
    &DEB
}

/// The same package with a higher version, made in `folder`.
pub fn newer(folder: &Path) -> PathBuf {
    let raw = folder.join("raw");
    run(Command::new("dpkg-deb").arg("--raw-extract").arg(deb()).arg(&raw)).good();
    let control = raw.join("DEBIAN/control");
    let text = std::fs::read_to_string(&control).unwrap();
    let version = text.lines().find_map(|line| line.strip_prefix("Version: ")).unwrap();
    std::fs::write(&control, text.replace(version, &format!("{version}+newer"))).unwrap();
    let newer = folder.join("newer.deb");
    run(Command::new("dpkg-deb").args(["--build", "--root-owner-group", "-Znone"]).arg(&raw).arg(&newer))
        .good();
    newer
}

fn unpacked() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(Command::new("dpkg-deb").arg("--extract").arg(deb()).arg(folder.path())).good();
    folder
}

#[test]
fn the_package_brings_the_licences_of_all_that_is_in_it() {
    let folder = unpacked();
    let docs = folder.path().join("usr/share/doc/gateward");
    let copyright = std::fs::read_to_string(docs.join("copyright")).unwrap();
    assert!(copyright.contains("License: MIT or Apache-2.0"), "{copyright}");
    assert!(copyright.contains("The above copyright notice and this permission notice"), "{copyright}");
    let linked = run(Command::new("zcat").arg(docs.join("THIRD-PARTY-LICENCES.gz"))).good().stdout;
    for package in ["aws-lc-sys", "pgp", "rustls", "hyper", "rusqlite"] {
        assert!(linked.lines().any(|line| line.starts_with(&format!("{package} "))), "{package}");
    }
    assert!(!linked.contains("\nproptest "), "what only tests need is not linked");
}

#[test]
fn the_package_says_what_the_program_is_linked_with() {
    let asked = run(Command::new("dpkg-deb").arg("--field").arg(deb()).arg("Depends")).good().stdout;
    assert!(asked.contains("libc6 (>= "), "{asked}");
}

#[test]
fn the_package_brings_no_file_outside_usr() {
    let folder = unpacked();
    let top: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(top, ["usr"]);
}
