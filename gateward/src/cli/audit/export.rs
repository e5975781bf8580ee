//! `gateward audit export`

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use audit_log::ExportWriter;
use jiff::Timestamp;
use serde_json::Value;

use super::anchors;
use super::reading::{self, ReadFrom, Reading};
use super::report::in_a_cell;
use super::{as_json, instant};
use crate::cli::access::block_on;
use crate::cli::{AskedFormat, Context, YES, no};
use crate::flows::audit::{Observer, resources};
use crate::flows::export_log::{self, Bound};
use crate::flows::record::LogReading;
use crate::server::system;
use crate::store::event::{self, Filter, Recorded, Search};
use crate::store::{Reader, evidence};

/// Write out the log, or a stretch of it: with proof, as CSV, or as FHIR AuditEvents.
///
/// `--format` says how. Of one with proof (ndjson), `gateward audit verify --export` or anybody else's verifier finds out with the
/// log's key alone whether each event stands there as it was recorded.
///
/// It is recorded first how many events leave. However long the log is, memory stays small.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Export {
    /// Recorded then or later: 2026-11-21T20:30:00Z, 2026-11-21, or 2h for two hours ago.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    since: Option<Timestamp>,
    /// Recorded before then.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    /// The file to write, which must not be there yet; standard output unless named.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    from: ReadFrom,
}

impl Export {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let asked = reading::asked(&[
            ("--since", reading::instant(self.since)),
            ("--until", reading::instant(self.until)),
            ("--out", self.out.as_ref().map(|out| out.display().to_string())),
        ]);
        let form = match context.asked_format {
            AskedFormat::Csv => Some(Form::Csv),
            AskedFormat::FhirBundle => Some(Form::FhirBundle),
            AskedFormat::Ndjson => None,
            AskedFormat::Text | AskedFormat::Json | AskedFormat::Html => {
                anyhow::bail!("say in which form: --format ndjson, csv or fhir-bundle")
            }
        };
        let reading = Reading::open(context, &self.from, LogReading::Export, &asked)?;
        let Some(form) = form else { return self.with_proof(&reading, out) };
        let filter = Filter { since: self.since, until: self.until, ..Filter::default() };
        let search = block_on(Search::begin(reading.reader(), filter))??;
        // The file first: where it cannot be made, nothing leaves.
        let file = self.out.as_deref().map(create).transpose()?;
        reading.record(search.positions())?;
        let observer = system::observer(&reading.access().config);
        let Some(file) = file else { return form.write(search, &observer, out).map(|()| YES) };
        let mut file = BufWriter::new(file);
        form.write(search, &observer, &mut file)?;
        let file = file.into_inner().context("writing the export")?;
        file.sync_all().context("writing the export")?;
        Ok(YES)
    }

    /// Writes the events as they are stored, with what binds them.
    fn with_proof(&self, reading: &Reading, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        if !anchors::may_sign(reading.access())? {
            return Ok(no());
        }
        let reader = reading.reader();
        let at = |time: Timestamp| block_on(event::first_at(reader, time));
        let end = match self.until {
            Some(until) => at(until)??,
            None => block_on(event::length(reader))??.map_or(0, |length| length.events),
        };
        let first = self.since.map_or(Ok(Ok(0)), at)??.min(end);
        let door = &reading.access().door;
        let bound = block_on(export_log::bind(door, (first, end), reading.access().now))??;
        let file = self.out.as_deref().map(create).transpose()?;
        reading.record(usize::try_from(end - first).unwrap_or(usize::MAX))?;
        let Some(file) = file else {
            write_bound(reader, (first, end), bound, BufWriter::new(out))?;
            return Ok(YES);
        };
        let file = write_bound(reader, (first, end), bound, BufWriter::new(file))?;
        file.get_ref().sync_all().context("writing the export")?;
        Ok(YES)
    }
}

/// Writes the events from `first` to before `end`, as they stand there: what is wrong in the log is wrong in its export.
fn write_bound<W: Write>(
    reader: &Reader,
    (first, end): (u64, u64),
    bound: Bound,
    out: W,
) -> anyhow::Result<W> {
    let mut export = ExportWriter::begin(out, &bound.origin, &bound.edge)?;
    let mut next = first;
    loop {
        let page = block_on(evidence::page(reader, next, end))??;
        let Some(last) = page.last() else { break };
        next = last.position + 1;
        for evidence in &page {
            export.write(&evidence.row()).with_context(|| format!("event {}", evidence.position))?;
        }
    }
    Ok(export.finish(Some((bound.note, &bound.consistency)))?)
}

/// Nobody else reads it, and what is there already stays.
fn create(path: &Path) -> anyhow::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(path);
    made.with_context(|| format!("making {}", path.display()))
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Csv,
    FhirBundle,
}

impl Form {
    fn write(self, search: Search, observer: &Observer, out: &mut impl Write) -> anyhow::Result<()> {
        match self {
            Self::Csv => as_csv(search, out),
            Self::FhirBundle => as_bundle(search, observer, out),
        }
    }
}

const COLUMNS: [&str; 12] = [
    "position",
    "id",
    "recorded_at",
    "occurred_at",
    "kind",
    "outcome",
    "service",
    "who",
    "transaction",
    "reference",
    "body",
    "personal",
];

fn as_csv(mut search: Search, out: &mut impl Write) -> anyhow::Result<()> {
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    csv.write_record(COLUMNS)?;
    loop {
        let page = block_on(search.page())??;
        if page.is_empty() {
            return Ok(csv.flush()?);
        }
        for recorded in &page {
            csv.write_record(cells(recorded)?.map(in_a_cell))?;
        }
    }
}

fn cells(recorded: &Recorded) -> anyhow::Result<[String; 12]> {
    let event = as_json(recorded)?;
    let word = |name: &str| event["body"][name].as_str().unwrap_or_default().to_owned();
    let part = |name: &str| if event[name].is_null() { String::new() } else { event[name].to_string() };
    Ok([
        recorded.position.to_string(),
        recorded.id.clone(),
        recorded.recorded_at.clone(),
        recorded.occurred_at.clone(),
        word("kind"),
        word("outcome"),
        word("service"),
        word("who"),
        word("transaction"),
        word("reference"),
        part("body"),
        part("personal"),
    ])
}

/// Writes a Bundle of type collection, an entry a line.
fn as_bundle(mut search: Search, observer: &Observer, out: &mut impl Write) -> anyhow::Result<()> {
    let mut between = "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[\n";
    loop {
        let page = block_on(search.page())??;
        if page.is_empty() {
            // FHIR has no empty lists.
            let end = if between == ",\n" {
                "\n]}\n"
            } else {
                "{\"resourceType\":\"Bundle\",\"type\":\"collection\"}\n"
            };
            return Ok(out.write_all(end.as_bytes())?);
        }
        for resource in page.iter().flat_map(|recorded| resources(recorded, observer)) {
            let entry = Value::from_iter([("resource", resource)]);
            write!(out, "{between}{entry}")?;
            between = ",\n";
        }
    }
}
