//! A FHIR server to stand in front of: Medplum's router with its repository in memory.
//!
//! The npm package `@medplum/fhir-router` is the part of the Medplum server that reads and answers requests, and
//! what `@medplum/mock` serves with; `server.cjs` puts it behind HTTP. It knows no logins, keeps nothing, and
//! has neither versions of a deleted resource nor every operation of R4.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::tools::start;

/// The server, stopped when it is dropped.
pub struct Upstream {
    process: Child,
    url: String,
}

impl Upstream {
    /// Starts it, and returns once it listens.
    pub fn start() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let packages = here.join("../target/npm/fhir/node_modules");
        assert!(
            packages.join("@medplum/fhir-router").exists(),
            "the npm package @medplum/fhir-router is missing in target/npm/fhir: run ./test --install"
        );
        let mut server = Command::new("node");
        server.arg(here.join("tests/fhir/server.cjs")).env("NODE_PATH", packages);
        let mut process = start(server.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        Self { process, url: said.trim().to_owned() }
    }

    /// Where it is: the base of its resources.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
