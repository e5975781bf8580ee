//! Verifies an export of a log against a checkpoint that was kept elsewhere: what an outsider needs, and no more.
//!
//! ```text
//! cargo run --release -p audit-log --example verify -- EXPORT CHECKPOINT KEY
//! ```
//!
//! EXPORT is what `gateward audit export --format ndjson` wrote, `-` for standard input; CHECKPOINT a note of the log;
//! KEY the log's verifier key, `NAME+ID+KEY`. Exit status: 0 it verifies, 1 something is wrong and is named, 2 it
//! could not be found out.

use std::fs::File;
use std::io::{Read, Write};
use std::process::ExitCode;

use audit_log::{Checkpoint, Exported, VerifierKey, verify_export};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (status, text) = verify(&arguments);
    // Nobody may be reading; the status says it, too.
    let _ = if status == 0 {
        writeln!(std::io::stdout(), "{text}")
    } else {
        writeln!(std::io::stderr(), "{text}")
    };
    ExitCode::from(status)
}

/// Verifies what the arguments name; returns the exit status and what to say.
pub fn verify(arguments: &[String]) -> (u8, String) {
    let [export, checkpoint, key] = arguments else {
        return (2, "usage: verify EXPORT CHECKPOINT KEY".to_owned());
    };
    let key: VerifierKey = match key.parse() {
        Ok(key) => key,
        Err(why) => return (2, format!("the verifier key: {why}")),
    };
    let known = [key];
    let checkpoint = match std::fs::read(checkpoint) {
        Ok(note) => match Checkpoint::open(&note, &known) {
            Ok(checkpoint) => checkpoint,
            Err(why) => return (1, format!("the checkpoint: {why}")),
        },
        Err(why) => return (2, format!("the checkpoint: {why}")),
    };
    let input: Box<dyn Read> = if export == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        match File::open(export) {
            Ok(file) => Box::new(file),
            Err(why) => return (2, format!("the export: {why}")),
        }
    };
    match verify_export(input, std::slice::from_ref(&checkpoint), &known) {
        Ok(exported) => match exported.verified.unannounced {
            None => (0, found(&exported, &checkpoint)),
            Some((first, last)) => (
                2,
                format!(
                    "of the events {first} to {last} a part is missing, and no event here says what took it"
                ),
            ),
        },
        Err(why) => (if why.is_a_finding() { 1 } else { 2 }, why.to_string()),
    }
}

fn found(exported: &Exported, checkpoint: &Checkpoint) -> String {
    let Exported { origin, first, verified, .. } = exported;
    let last = verified.edge.size().saturating_sub(1);
    let erased = match (verified.without_personal, verified.erased) {
        (0, 0) => String::new(),
        (parts, whole) => format!("; the personal part of {parts} and all of {whole} are erased"),
    };
    let size = checkpoint.size();
    let bound = last.min(size.saturating_sub(1));
    let behind = match &exported.checkpoint {
        _ if bound == last => String::new(),
        Some(other) => format!(
            "; those behind them, up to {last}, are bound by the checkpoint of {} in the export alone: whoever has the log's \
             key makes another",
            other.size()
        ),
        None => format!("; those behind them, up to {last}, are bound by nothing"),
    };
    format!(
        "the events {first} to {bound} of {origin} are those of the checkpoint of {size} events{erased}{behind}"
    )
}
