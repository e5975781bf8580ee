//! The stand-in for a station service, which knows the archive's inventory.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use super::archive::ARCHIVE;
use super::tools::{python, start};

/// The service, stopped when it is dropped.
pub struct Station {
    process: Child,
    port: u16,
}

impl Station {
    /// Starts it, and returns once it listens.
    pub fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fdsn/station_stand_in.py");
        let mut service = python();
        service.arg(script).arg(ARCHIVE.file("inventory.xml"));
        let mut process = start(service.stdin(Stdio::null()).stdout(Stdio::piped()));
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let port = said.trim().parse();
        let station = Self { process, port: port.clone().unwrap_or_default() };
        assert!(port.is_ok(), "it said {said:?}");
        station
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
