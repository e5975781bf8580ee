//! ObsPy, as its users call it.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::archive::ARCHIVE;
use super::tools::{python, run};

/// One trace: its id, start, number of samples, and their hash.
type Trace = (String, String, usize, String);

/// What ObsPy made of an answer.
#[derive(Debug, serde::Deserialize)]
pub struct Outcome {
    #[serde(default)]
    pub traces: Vec<Trace>,
    /// The class of what it raised.
    pub error: Option<String>,
    #[serde(default)]
    pub said: String,
}

/// Sees nothing of the account that runs the tests, and trusts `ca` alone.
pub fn isolated(command: &mut Command, home: &Path, ca: &Path) {
    command.env("HOME", home).env("GNUPGHOME", home).env("XDG_CACHE_HOME", home).env("MPLCONFIGDIR", home);
    command.env("SSL_CERT_FILE", ca).env("REQUESTS_CA_BUNDLE", ca).env_remove("SSL_CERT_DIR");
    for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
}

/// Does one task of `with_obspy.py`.
pub fn obspy(task: &Value, ca: &Path) -> Outcome {
    let home = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fdsn/with_obspy.py");
    let mut command = python();
    isolated(command.arg(script), home.path(), ca);
    let said = run(&mut command, task.to_string().as_bytes()).good();
    serde_json::from_slice(&said.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", said.text(), said.stderr))
}

/// What ObsPy reads from the archive's own files: channel and day of each.
pub fn archived(files: &[(&str, &str)]) -> Vec<Trace> {
    let path = |(channel, day): &(&str, &str)| ARCHIVE.file(&format!("data/{channel}.{day}.mseed"));
    let paths: Vec<_> = files.iter().map(path).collect();
    let outcome = obspy(&json!({ "do": "read", "paths": paths }), Path::new("/dev/null"));
    assert!(!outcome.traces.is_empty(), "{outcome:?}");
    outcome.traces
}
