//! What nginx asks about tokens: an authoriser that is as quick as can be, and a usual one.

use std::path::Path;
use std::process::{Command, Stdio};

use gateward::base::sha256::Sha256;

use crate::Outcome;
use crate::nginx;
use crate::ports::free_port;
use crate::process::Process;
use crate::running_nginx::Nginx;

/// Says 204 to whoever has `token`: another nginx, with a table in memory.
pub fn quickest(dir: &Path, token: &str) -> Outcome<Nginx> {
    nginx::authoriser(dir, token)
}

/// Does so by Node's HTTP server, among 10 000 tokens with their ends.
pub fn usual(dir: &Path, token: &str) -> Outcome<Nginx> {
    const END: u64 = 4_070_908_800_000;
    let mut tokens = vec![(Sha256::of(token.as_bytes()).to_string(), END)];
    tokens.extend((1_u32..10_000).map(|at| (Sha256::of(&at.to_le_bytes()).to_string(), END)));
    let file = dir.join("tokens.json");
    std::fs::write(&file, serde_json::to_vec(&tokens)?)?;
    let (port, log) = (free_port(), dir.join("authoriser.log"));
    let mut node = Command::new("node");
    node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/door/authoriser.js"));
    node.arg(port.to_string()).arg(file).stdin(Stdio::null()).stderr(std::fs::File::create(&log)?);
    Ok(Nginx { port, process: Process::once_open(node.spawn()?, port, &log)? })
}
