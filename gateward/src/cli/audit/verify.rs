//! `gateward audit verify` and `gateward audit prove`: whether the log is what it was, and how others know.

use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use audit_log::{Checkpoint, LogProof, Plan, VerifierKey, verify_export};
use serde_json::json;

use super::anchors;
use super::reading::{ReadFrom, Reading};
use crate::cli::access::{Access, block_on};
use crate::cli::{Context, Format, YES, no};
use crate::flows::anchor::{newest, newest_by};
use crate::flows::checkpoint;
use crate::flows::keyring::Keyring;
use crate::flows::record::LogReading;
use crate::flows::verify_log::{Found, is_named_as_lost, verify_log};
use crate::store::log::{self, Log};
use crate::store::{evidence, tree};

/// Check that nobody changed the log.
///
/// Without a checkpoint that was kept elsewhere it finds damage and mistakes: whoever owns the store and the keyring can
/// make both say anything.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Verify {
    /// A checkpoint that was kept elsewhere; of a file of many, the largest of each log. Several may be named.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Believe the events that this checkpoint covers, and look only at those behind it.
    #[arg(long, value_name = "FILE", conflicts_with = "export")]
    since: Option<PathBuf>,
    /// The public key of the log, as `gateward audit key` printed it, instead of the keyring's.
    #[arg(long, value_name = "KEY")]
    key: Vec<VerifierKey>,
    /// Look at what `gateward audit export` wrote, and not at the store.
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
}

impl Verify {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match &self.export {
            Some(export) => self.of_export(export, context, out),
            None => self.of_store(context, out),
        }
    }

    fn of_store(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access()?;
        let logs = block_on(log::all(&access.door.store.reader))??;
        let known = Known::of_store(&self.key, &access, &logs)?;
        let Some(mut kept) = self.kept(&known, context, out)? else { return Ok(no()) };
        if kept.iter().any(|kept| logs.last().is_some_and(|log| log.origin == kept.origin())) {
            kept.retain(|kept| !is_named_as_lost(&logs, kept));
        }
        let since = match &self.since {
            Some(file) => match opened(file, &known)? {
                Ok(mut found) => found.pop(),
                Err(why) => return wrong(context, out, &format!("{}: {why}", file.display())),
            },
            None => None,
        };
        let shown = std::io::stderr().is_terminal();
        let progress = |done: u64, of: u64| {
            if shown && (done == of || done.is_multiple_of(evidence::PAGE * 16)) {
                eprint!("\r{done} of {of} events");
                if done == of {
                    eprintln!();
                }
            }
        };
        let (reader, keyring) = (&access.door.store.reader, &access.door.keyring);
        match block_on(verify_log(reader, keyring, since.as_ref(), &kept, progress))? {
            Ok(found) => {
                let kept = kept.iter().chain(&since).map(Checkpoint::size).max();
                good(context, out, &found, Bound { kept, exported: None })
            }
            Err(error) if error.is_a_finding() => wrong(context, out, &error.to_string()),
            Err(error) => Err(error.into()),
        }
    }

    fn of_export(&self, export: &Path, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let known = Known { keys: self.key.clone(), own: None };
        let Some(mut kept) = self.kept(&known, context, out)? else { return Ok(no()) };
        // Of an installation that had several logs, an export is of the last.
        if let Some(origin) = kept.last().map(|last| last.origin().to_owned()) {
            kept.retain(|kept| kept.origin() == origin);
        }
        if kept.is_empty() && self.key.is_empty() {
            bail!(
                "an export proves nothing alone: name the log's --key, and a --checkpoint that was kept elsewhere"
            );
        }
        let file = std::fs::File::open(export).with_context(|| export.display().to_string())?;
        match verify_export(file, &kept, &self.key) {
            Ok(exported) => {
                if let Some((first, last)) = exported.verified.unannounced {
                    bail!(
                        "of the events {first} to {last} a part is missing, and no event in {} says what took it: export the \
                         log up to its newest event, or verify the store",
                        export.display()
                    );
                }
                if kept.is_empty() && exported.checkpoint.is_none() {
                    bail!(
                        "{} has no checkpoint of its log: anybody can write such a file; name a --checkpoint that was kept \
                         elsewhere",
                        export.display()
                    );
                }
                let kept = kept.iter().map(Checkpoint::size).max();
                let bound = Bound { kept, exported: exported.checkpoint.as_ref().map(Checkpoint::size) };
                let found = Found { first: exported.first, verified: exported.verified, checkpoints: 0 };
                good(context, out, &found, bound)
            }
            Err(error) if error.is_a_finding() => {
                wrong(context, out, &format!("{}: {error}", export.display()))
            }
            Err(error) => Err(error).with_context(|| export.display().to_string()),
        }
    }

    /// Opens the checkpoints that were kept; `None` once it was said that one of them is not the log's.
    fn kept(
        &self,
        known: &Known<'_>,
        context: &Context,
        out: &mut impl Write,
    ) -> anyhow::Result<Option<Vec<Checkpoint>>> {
        let mut kept = Vec::new();
        for file in &self.checkpoint {
            match opened(file, known)? {
                Ok(found) => kept.extend(found),
                Err(why) => {
                    wrong(context, out, &format!("{}: {why}", file.display()))?;
                    return Ok(None);
                }
            }
        }
        Ok(Some(kept))
    }
}

/// Whose checkpoints are believed.
struct Known<'a> {
    keys: Vec<VerifierKey>,
    /// Where no key was named, that of the keyring, under whatever name a log of ours has.
    own: Option<&'a Keyring>,
}

impl<'a> Known<'a> {
    fn of_store(named: &[VerifierKey], access: &'a Access, logs: &[Log]) -> anyhow::Result<Self> {
        if !named.is_empty() {
            return Ok(Self { keys: named.to_vec(), own: None });
        }
        let keyring = &access.door.keyring;
        let mut keys = Vec::new();
        for log in logs {
            keys.extend(keyring.log_signer(&log.origin)?.map(|signer| signer.verifier_key().clone()));
        }
        Ok(Self { keys, own: Some(keyring) })
    }
}

/// Reads the checkpoints in a file, of each log those that cover most, the log last that stands last in it; or says why
/// none is to be believed. Whoever can append to the file puts no older one in the place of the newest.
fn opened(file: &Path, known: &Known<'_>) -> anyhow::Result<Result<Vec<Checkpoint>, String>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    if known.keys.is_empty() {
        bail!("no key says whether {} is the log's: name the log's --key", file.display());
    }
    let found = match known.own {
        Some(keyring) => newest(&text, keyring),
        None => newest_by(&text, |origin| known.keys.iter().find(|key| key.id().name == origin).cloned()),
    };
    if !found.is_empty() {
        return Ok(Ok(found));
    }
    let last = Checkpoint::open(last_note(&text).as_bytes(), &known.keys);
    Ok(last.map(|last| vec![last]).map_err(|error| error.to_string()))
}

/// Takes the last note out of a file of notes, with an empty line between any two.
fn last_note(text: &str) -> &str {
    // A note has an empty line itself, before its signatures: what begins behind the last but one is the last note.
    let text = text.strip_suffix("\n\n").map_or(text, |rest| &text[..=rest.len()]);
    let signatures = text.rfind("\n\n").unwrap_or(0);
    text[..signatures].rfind("\n\n").map_or(text, |at| &text[at + 2..])
}

fn wrong(context: &Context, out: &mut impl Write, said: &str) -> anyhow::Result<ExitCode> {
    context.print(out, &format!("WRONG: {said}"), &json!({ "wrong": said }))?;
    Ok(no())
}

/// How many events of the log the largest checkpoint covers that binds them.
#[derive(Clone, Copy)]
struct Bound {
    /// Of those that were kept.
    kept: Option<u64>,
    /// The one in the export: whoever has the log's key makes another.
    exported: Option<u64>,
}

impl Bound {
    /// Says by what the first `size` events of the log are bound.
    fn said(self, size: u64) -> String {
        let kept = self.kept.unwrap_or(0);
        let beyond = match self.exported {
            Some(exported) if exported > kept => {
                "by the checkpoint in the export alone: whoever has the log's key makes another"
            }
            _ => "by nothing outside",
        };
        if kept >= size && self.kept.is_some() {
            "all of them are bound by a checkpoint that was kept".to_owned()
        } else if kept > 0 {
            format!(
                "the first {kept} of the log are bound by a checkpoint that was kept, those after it {beyond}"
            )
        } else if self.exported.is_some() {
            format!("they are bound {beyond}; name a --checkpoint that was kept elsewhere")
        } else {
            "nothing outside binds them: name a --checkpoint that was kept elsewhere".to_owned()
        }
    }
}

fn good(context: &Context, out: &mut impl Write, found: &Found, bound: Bound) -> anyhow::Result<ExitCode> {
    let size = found.verified.edge.size();
    let looked = size - found.first;
    let (without_personal, erased) = (found.verified.without_personal, found.verified.erased);
    let gone = match (without_personal, erased) {
        (0, 0) => String::new(),
        _ => {
            format!("; {without_personal} have lost what names a person, {erased} everything but their place")
        }
    };
    let said = bound.said(size);
    let text = format!("good: {looked} events, {} checkpoints{gone}; {said}", found.checkpoints);
    let json = json!({
        "first": found.first, "events": looked, "size": size, "root": found.verified.edge.root().to_string(),
        "checkpoints": found.checkpoints, "without_personal": without_personal, "erased": erased, "kept": bound.kept,
        "exported": bound.exported,
    });
    context.print(out, &text, &json)?;
    Ok(YES)
}

/// Prints the proof that an event is in the log: a file that needs nothing else than the log's key.
pub(super) fn prove(id: &str, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let reading = Reading::open(context, &ReadFrom::default(), LogReading::Prove, id)?;
    let access = reading.access();
    if !anchors::may_sign(access)? {
        return Ok(no());
    }
    let reader = &access.door.store.reader;
    let found = block_on(evidence::entry(reader, id))??;
    reading.record(usize::from(found.is_some()))?;
    let Some((index, entry)) = found else {
        eprintln!("gateward: no event has the id {id}");
        return Ok(no());
    };
    let signed = block_on(checkpoint::sign(&access.door, access.now))??;
    let signed = signed.context("the log has events and no checkpoint")?;
    let size = signed.size.unsigned_abs();
    let hashes = block_on(tree::proof(reader, &Plan::inclusion(index, size)?, size))??;
    let proof = LogProof { index, hashes, checkpoint: signed.note };
    let key = access.door.keyring.log_signer(&signed.origin)?;
    let known = key.map(|key| key.verifier_key().clone());
    if let Err(why) = proof.verify(&entry, known.as_slice()) {
        eprintln!("gateward: the proof does not hold: {why}; `gateward audit verify` says what is wrong");
        return Ok(no());
    }
    match context.format {
        // Byte for byte, as c2sp.org/tlog-proof has it.
        Format::Text => write!(out, "{proof}")?,
        Format::Json => {
            let entry = data_encoding::HEXLOWER.encode(&entry.0);
            writeln!(
                out,
                "{}",
                json!({ "id": id, "index": index, "entry": entry, "proof": proof.to_string() })
            )?;
        }
    }
    Ok(YES)
}

#[cfg(test)]
mod tests {
    use super::{Bound, last_note};

    #[test]
    fn the_checkpoint_of_an_export_counts_for_none_that_was_kept() {
        let said = |kept, exported| Bound { kept, exported }.said(7);
        assert!(said(Some(7), None).starts_with("all of them are bound by a checkpoint that was kept"));
        let both = said(Some(6), Some(7));
        assert!(both.contains("the first 6") && both.contains("in the export alone"), "{both}");
        assert!(said(Some(6), None).contains("those after it by nothing outside"));
        assert!(said(None, Some(7)).starts_with("they are bound by the checkpoint in the export alone"));
        assert!(said(None, None).starts_with("nothing outside binds them"));
    }

    #[test]
    fn of_a_file_of_checkpoints_the_last_one_counts() {
        let (first, second) = ("a\n1\nx\n\n— a b\n", "a\n2\ny\n\n— a c\n");
        for end in ["", "\n"] {
            assert_eq!(last_note(&format!("{first}{end}")), first);
            assert_eq!(last_note(&format!("{first}\n{second}{end}")), second);
        }
    }
}
