//! `fdsnws_fetch`, as its users call it.

use std::path::Path;
use std::process::Command;

use super::obspy::isolated;
use super::tools::{python, run};

/// What a run of it brought.
#[derive(Debug)]
pub struct Fetched {
    /// The file that it wrote, in the order in which answers came.
    pub waveforms: Vec<u8>,
    /// What it told its user.
    pub said: String,
}

/// Fetches `lines` by the routes of a routing service, with a token or without.
///
/// It does not retry, and asks nobody on the Internet how to cite what it fetched.
pub fn fdsnws_fetch(routing: &str, lines: &str, token: Option<&str>, ca: &Path) -> Fetched {
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str| home.path().join(name);
    std::fs::write(file("lines"), lines).unwrap();
    let python = python();
    // It repeats for ever what is answered with 5xx.
    let mut command = Command::new("timeout");
    command.arg("120").arg(python.get_program()).args(["-m", "fdsnwsscripts.fdsnws_fetch"]);
    command.args(["-u", &format!("{routing}/eidaws/routing/1"), "--no-citation", "--verbose"]);
    command.args(["--retries", "0", "--retry-wait", "1", "--timeout", "60"]);
    command.arg("--post-file").arg(file("lines")).arg("--output-file").arg(file("waveforms"));
    if let Some(token) = token {
        std::fs::write(file("token"), token).unwrap();
        command.arg("--auth-file").arg(file("token"));
    }
    isolated(&mut command, home.path(), ca);
    let said = run(&mut command, b"").good().stderr;
    Fetched { waveforms: std::fs::read(file("waveforms")).unwrap(), said }
}
