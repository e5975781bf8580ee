//! The archive for systems without Debian's packages.

use std::process::Command;

use super::tools::{pack, run};

#[test]
fn the_same_program_makes_the_same_archive_and_it_runs_from_there() {
    let archive = pack("tarball");
    let first = std::fs::read(&archive).unwrap();
    assert_eq!(pack("tarball"), archive);
    assert!(first == std::fs::read(&archive).unwrap(), "{} changed", archive.display());

    let folder = tempfile::tempdir().unwrap();
    let name = archive.file_name().unwrap().to_str().unwrap().strip_suffix(".tar.gz").unwrap();
    run(Command::new("tar")
        .arg("--extract")
        .arg("--file")
        .arg(&archive)
        .arg("--directory")
        .arg(folder.path()))
    .good();
    let top = folder.path().join(name);
    for file in [
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "THIRD-PARTY-LICENCES.gz",
        "README.md",
        "docs/gateward.sample.toml",
        "systemd/gateward.service",
        "systemd/gateward-cleanup.service",
        "systemd/gateward-cleanup.timer",
        "systemd/gateward-backup.service",
        "systemd/gateward-backup.timer",
        "systemd/sysusers.conf",
    ] {
        assert!(top.join(file).is_file(), "{file}");
    }
    let said = run(Command::new(top.join("gateward")).arg("--version")).good().stdout;
    let version = said.trim().strip_prefix("gateward ").unwrap();
    assert!(name.starts_with(&format!("gateward-{version}-")), "{name}");
}
