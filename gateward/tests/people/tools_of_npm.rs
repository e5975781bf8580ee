//! What npm put into `target/npm/people`: package.json says what, `./test --install` does it.

use std::path::{Path, PathBuf};

/// Where it is, with `node_modules` below.
pub fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm/people");
    let there = folder.join("node_modules/oidc-provider").exists();
    assert!(there, "the npm package oidc-provider is missing in target/npm/people: run ./test --install");
    folder.canonicalize().unwrap()
}

/// A script beside this file.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/people").join(name)
}
