//! Validators that others wrote: npm `fhir`, PyPI `fhir.resources`, xmllint, and npm `glossy`, which OpenHIM reads with.

use std::path::{Path, PathBuf};
use std::process::Command;

use audit_event::codes::{self, Code};
use audit_event::{Event, dicom, fhir, syslog};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::tools::{python, run};

/// Stops the test unless every validator finds nothing wrong with any of the events in any of their forms.
///
/// Each has a name that the test says of it.
#[track_caller]
pub fn all_valid(events: &[(String, Event)]) {
    let resources: Vec<Value> = events.iter().map(|(_, event)| fhir::write(event)).collect();
    let lines: Vec<String> = resources.iter().map(|resource| resource.to_string() + "\n").collect();
    let lines = lines.concat();
    let name = |index: usize| format!("{}\n{}", events[index].0, resources[index]);
    for (index, found) in by_npm_fhir(&lines).iter().enumerate() {
        let found: Vec<_> = found.as_array().unwrap().iter().filter(|found| !is_expected(found)).collect();
        assert!(found.is_empty(), "npm fhir: {found:?}\n{}", name(index));
    }
    assert_eq!(by_fhir_resources(&lines), "", "fhir.resources");
    for (name, event) in events {
        by_xmllint(name, &dicom::write(event));
    }
}

/// Tells whether npm `fhir` only says that a code is of no value set which R4 lets others extend: BALP has two of these codes in
/// its profiles, DICOM the third in its messages, and our own kinds stand beside those of others.
fn is_expected(found: &Value) -> bool {
    let extended = [codes::X_REQUEST_ID, codes::CUSTODIAN, codes::NODE_ID];
    let says = |code: &Code| {
        found["message"] == format!("Code \"{}\" ({}) not found in value set", code.code, code.system)
    };
    let is_our_own = || found["message"].as_str().is_some_and(|message| message.contains("(urn:x-gateward:"));
    found["severity"] == "warning" && (extended.iter().any(says) || is_our_own())
}

/// What npm `fhir` finds in each line.
pub fn by_npm_fhir(lines: &str) -> Vec<Value> {
    let found = run(&mut node("validate.cjs"), lines.as_bytes()).good().json();
    assert_eq!(found.len(), lines.lines().count());
    found
}

/// What PyPI `fhir.resources` finds in all lines: a line for each that is wrong.
pub fn by_fhir_resources(lines: &str) -> String {
    let mut python = python();
    python.arg(here().join("validate.py"));
    run(&mut python, lines.as_bytes()).good().text().to_owned()
}

/// Stops the test unless the message is as DICOM's cardinalities have it.
#[track_caller]
pub fn by_xmllint(name: &str, message: &str) {
    let mut xmllint = Command::new("xmllint");
    xmllint.args(["--nonet", "--noout", "--schema"]).arg(here().join("audit-message.xsd")).arg("-");
    let ran = run(&mut xmllint, message.as_bytes());
    assert_eq!(ran.status, 0, "{name}: {}\n{message}", ran.stderr);
}

/// What npm `glossy` reads of each message.
pub fn by_glossy(events: &[(String, Event)], sender: syslog::Sender<'_>) -> Vec<Value> {
    let messages: Vec<_> = events.iter().map(|(_, event)| syslog::write(event, sender).to_bytes()).collect();
    glossy_reads(&messages)
}

/// The same of messages as they came.
pub fn glossy_reads(messages: &[Vec<u8>]) -> Vec<Value> {
    let lines: String = messages.iter().map(|message| BASE64_STANDARD.encode(message) + "\n").collect();
    run(&mut node("glossy.cjs"), lines.as_bytes()).good().json()
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audit")
}

fn node(script: &str) -> Command {
    let packages = here().join("../../../target/npm/audit/node_modules");
    assert!(
        packages.join("fhir").exists() && packages.join("glossy").exists(),
        "the npm packages fhir and glossy are missing in target/npm/audit: run ./test --install"
    );
    let mut node = Command::new("node");
    node.arg(here().join(script)).env("NODE_PATH", packages);
    node
}
