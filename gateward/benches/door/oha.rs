//! The load generator: oha, which can show a client certificate.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::Outcome;
use crate::certificates::Certificates;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How many requests.
    pub count: usize,
    /// On how many connections at once.
    pub connections: usize,
    /// Whether they are kept.
    pub kept: bool,
}

/// How it went.
#[derive(Debug, Clone, Copy)]
pub struct Went {
    pub per_second: f64,
    /// The 99th percentile, in milliseconds.
    pub p99: f64,
}

/// Asks at `port`, and makes sure that every answer is 200.
pub fn ask(port: u16, token: &str, certificates: &Certificates, load: Load) -> Outcome<Went> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin/oha");
    let mut oha = Command::new(if own.exists() { own } else { "oha".into() });
    oha.args(["--no-tui", "--output-format", "json", "-n", &load.count.to_string()]);
    oha.args(["-c", &load.connections.to_string(), "--http-version", "1.1"]);
    if !load.kept {
        oha.arg("--disable-keepalive");
    }
    oha.arg("--cacert").arg(&certificates.ca);
    oha.arg("--cert").arg(&certificates.node[0]).arg("--key").arg(&certificates.node[1]);
    oha.args(["-H", &format!("Authorization: Bearer {token}")]);
    let ran = oha.arg(format!("https://localhost:{port}/data/small")).output()?;
    let said: Value = serde_json::from_slice(&ran.stdout)
        .map_err(|error| format!("oha: {error}: {}", String::from_utf8_lossy(&ran.stderr)))?;
    let good = said["statusCodeDistribution"]["200"].as_u64().unwrap_or(0);
    if good != load.count as u64 {
        let wrong = (&said["statusCodeDistribution"], &said["errorDistribution"]);
        return Err(format!("of {} requests {good} were answered with 200: {wrong:?}", load.count).into());
    }
    let figure = |value: &Value| value.as_f64().ok_or("oha did not say");
    let per_second = figure(&said["summary"]["requestsPerSec"])?;
    Ok(Went { per_second, p99: figure(&said["latencyPercentiles"]["p99"])? * 1e3 })
}
