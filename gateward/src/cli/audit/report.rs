//! `gateward audit report`

mod page;

use std::io::Write;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::reading::{self, ReadFrom, Reading};
use super::{instant, plain};
use crate::cli::access::block_on;
use crate::cli::{AskedFormat, Context, YES};
use crate::flows::audit::report::{self, Entry, Whom};
use crate::flows::record::LogReading;
use crate::store::event::Filter;

/// Tell a patient who was told of them, or a person what was done in their name.
///
/// Text, JSON, CSV, or with `--format html` a page to print. It holds what it was asked for and
/// names others who asked: look at it before you hand it on.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Report {
    #[command(flatten)]
    whom: Asked,
    /// Recorded then or later: 2026-11-21T20:30:00Z, 2026-11-21, or 2h for two hours ago.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    since: Option<Timestamp>,
    /// Recorded before then.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    #[command(flatten)]
    from: ReadFrom,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Asked {
    /// A patient: Patient/ID, ID, or SYSTEM|VALUE of an identifier.
    #[arg(long, value_name = "ID")]
    patient: Option<String>,
    /// A user, login, node:NAME, mail address or pseudonym; by the last two their logins are found, too.
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
}

impl Asked {
    fn whom(&self) -> Whom {
        match (&self.patient, &self.person) {
            (Some(patient), _) => Whom::Patient(patient.clone()),
            (None, person) => Whom::Person(person.clone().unwrap_or_default()),
        }
    }
}

impl Report {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let asked = reading::asked(&[
            ("--patient", self.whom.patient.clone()),
            ("--person", self.whom.person.clone()),
            ("--since", reading::instant(self.since)),
            ("--until", reading::instant(self.until)),
        ]);
        let reading = Reading::open(context, &self.from, LogReading::Report, &asked)?;
        let filter = Filter { since: self.since, until: self.until, ..Filter::default() };
        let entries = block_on(report::gather(reading.reader(), &self.whom.whom(), filter))??;
        reading.record(entries.len())?;
        match context.asked_format {
            AskedFormat::Csv => as_csv(&entries, out)?,
            AskedFormat::Html => {
                let access = reading.access();
                let about = page::About {
                    whom: self.whom.whom(),
                    since: self.since,
                    until: self.until,
                    made_at: access.now,
                    made_by: &access.by,
                };
                out.write_all(page::page(&about, &entries).as_bytes())?;
            }
            AskedFormat::Text | AskedFormat::Json | AskedFormat::Ndjson | AskedFormat::FhirBundle => {
                for entry in &entries {
                    context.print(out, &in_a_line(entry), &as_json(entry))?;
                }
            }
        }
        Ok(YES)
    }
}

/// The columns, each with its value of an entry.
fn columns(entry: &Entry) -> [(&'static str, String); 12] {
    let or_nothing = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        ("at", entry.at.clone()),
        ("outcome", entry.outcome.clone()),
        ("service", or_nothing(&entry.service)),
        ("who", or_nothing(&entry.who)),
        ("node", or_nothing(&entry.node)),
        ("address", or_nothing(&entry.address)),
        ("kind", entry.kind.clone()),
        ("what", entry.what.clone()),
        ("named_in_answer", entry.named_in_answer.to_string()),
        ("why", or_nothing(&entry.why)),
        ("reference", or_nothing(&entry.reference)),
        ("id", entry.id.clone()),
    ]
}

fn as_csv(entries: &[Entry], out: &mut impl Write) -> anyhow::Result<()> {
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    csv.write_record(columns(&Entry::default()).map(|(name, _)| name))?;
    for entry in entries {
        csv.write_record(columns(entry).map(|(_, value)| in_a_cell(value)))?;
    }
    csv.flush()?;
    Ok(())
}

/// Keeps a spreadsheet from taking for a formula what a stranger wrote.
pub(super) fn in_a_cell(value: String) -> String {
    if value.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{value}") } else { value }
}

fn as_json(entry: &Entry) -> Value {
    json!({
        "at": entry.at, "id": entry.id, "kind": entry.kind, "outcome": entry.outcome, "service": entry.service,
        "who": entry.who, "node": entry.node, "address": entry.address, "what": entry.what,
        "named_in_answer": entry.named_in_answer, "why": entry.why, "reference": entry.reference,
    })
}

fn in_a_line(entry: &Entry) -> String {
    let or_dash = |text: &Option<String>| plain(&Value::from(text.clone().unwrap_or_else(|| "-".to_owned())));
    let mut line = format!(
        "{} {:<7} {} {} {} {} {}",
        entry.at,
        entry.outcome,
        or_dash(&entry.service),
        or_dash(&entry.who),
        or_dash(&entry.address),
        entry.kind,
        plain(&Value::from(entry.what.clone())),
    );
    let more = [("node", &entry.node), ("why", &entry.why), ("reference", &entry.reference)];
    let said = more.into_iter().filter_map(|(name, value)| {
        value.as_ref().map(|value| format!(" {name}={}", plain(&Value::from(value.clone()))))
    });
    line.extend(said);
    if entry.named_in_answer { line + " named-in-answer" } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_wrote_is_no_formula() {
        let entry =
            Entry { what: "=HYPERLINK(\"x\")".into(), why: Some("a,b\n\"c\"".into()), ..Entry::default() };
        let mut out = Vec::new();
        as_csv(&[entry], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\"'=HYPERLINK(\"\"x\"\")\""), "{text}");
        assert!(text.contains("\"a,b\n\"\"c\"\"\""), "{text}");
    }
}
