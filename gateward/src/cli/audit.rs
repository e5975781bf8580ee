//! `gateward audit`
//!
//! Whoever reads the log is recorded in it first; where that cannot be done, nothing is shown.

mod anchors;
mod checkpoint;
mod export;
mod feeds;
mod reading;
mod report;
mod retention;
mod usage;
mod verify;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::reading::{ReadFrom, Reading};
use super::access::block_on;
use super::{AskedFormat, Context, Format, YES, no};
use crate::base::id::{EventId, LoginName, Reference};
use crate::flows::record::LogReading;
use crate::server::system;
use crate::store::event::{self, Filter, Recorded};

/// Look at what happened, show that nobody changed it, pass it on, and let it go.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Audit {
    /// List events, oldest first; all of them unless an option says which.
    Search(Search),
    /// Show one event, or all that a reference or a request stands for.
    Show {
        /// An event's id, a request's id, or the reference that a caller was given.
        name: String,
        #[command(flatten)]
        from: ReadFrom,
    },
    Report(report::Report),
    /// List the places that events are sent to, and how far each has them.
    ///
    /// Exit status 1 where one of them fails.
    Feeds,
    Export(export::Export),
    /// Count requests, bytes and persons for a report that names nobody.
    ///
    /// A request counts once, in the month in which its answer ended. A line that counts few persons
    /// tells of them all the same: look at it before you publish it.
    Usage(usage::Usage),
    Expire(retention::Expire),
    Erase(retention::Erase),
    #[command(subcommand)]
    Hold(retention::Hold),
    /// Print the newest checkpoint of the log, signed now if it has grown since the last.
    ///
    /// Kept where nobody who can change the log can change it, it shows later whether somebody did.
    Checkpoint,
    Verify(verify::Verify),
    /// List the places that checkpoints are kept in, and how far each has seen the log.
    ///
    /// Exit status 1 where one cannot be read, or has seen what the store has not.
    Anchors,
    /// Begin a new log where the store has lost what an anchor has seen.
    ///
    /// Its first event names the old one and what was lost of it. Restore a newer backup instead, if there is one.
    Recover,
    /// Print a file that proves that an event is in the log, to whoever has the log's key.
    Prove {
        /// The event's id.
        id: String,
    },
    /// Print the public key by which others believe the log's checkpoints.
    Key {
        /// Instead the key by which others believe what is cosigned here.
        #[arg(long)]
        witness: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Search {
    /// Recorded then or later: 2026-11-21T20:30:00Z, 2026-11-21, or 2h for two hours ago.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    since: Option<Timestamp>,
    /// Recorded before then.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    /// Login, user, os:NAME, mail address, network address or pseudonym.
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// The service's name.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// How it came out.
    #[arg(long, value_parser = ["done", "refused", "failed"])]
    outcome: Option<String>,
    #[command(flatten)]
    from: ReadFrom,
}

/// How many lines wait for the record that they are shown.
const LINES: usize = 5_000;

/// Reads an instant, a day (its beginning, in UTC), or how long ago.
fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| error.to_string())?;
        return Ok(midnight.timestamp());
    }
    let ago =
        text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()).map(|days| days.saturating_mul(24));
    let ago = match ago {
        Some(hours) => SignedDuration::from_hours(hours.min(24 * 365_000)),
        None => text
            .parse()
            .map_err(|_| "neither 2026-11-21T20:30:00Z, nor 2026-11-21, nor 30m, 2h, 7d".to_owned())?,
    };
    system::wall_clock().checked_sub(ago).map_err(|error| error.to_string())
}

impl Audit {
    /// Whether it has a form of output that few commands have.
    pub(super) fn knows(&self, format: AskedFormat) -> bool {
        match self {
            Self::Report(_) => matches!(format, AskedFormat::Csv | AskedFormat::Html),
            Self::Export(_) => {
                matches!(format, AskedFormat::Ndjson | AskedFormat::Csv | AskedFormat::FhirBundle)
            }
            Self::Search(_)
            | Self::Show { .. }
            | Self::Feeds
            | Self::Usage(_)
            | Self::Expire(_)
            | Self::Erase(_)
            | Self::Hold(_)
            | Self::Checkpoint
            | Self::Key { .. }
            | Self::Verify(_)
            | Self::Anchors
            | Self::Recover
            | Self::Prove { .. } => false,
        }
    }

    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match self {
            Self::Search(search) => search.run(context, out),
            Self::Usage(usage) => usage.run(context, out),
            Self::Report(report) => report.run(context, out),
            Self::Feeds => feeds::run(context, out),
            Self::Export(export) => export.run(context, out),
            Self::Show { name, from } => show(name, from, context, out),
            Self::Expire(expire) => expire.run(context, out),
            Self::Erase(erase) => erase.run(context, out),
            Self::Hold(hold) => hold.run(context, out),
            Self::Checkpoint => checkpoint::checkpoint(context, out),
            Self::Key { witness: true } => checkpoint::witness_key(context, out),
            Self::Key { witness: false } => checkpoint::key(context, out),
            Self::Anchors => anchors::list(context, out),
            Self::Recover => anchors::recover(context, out),
            Self::Verify(verify) => verify.run(context, out),
            Self::Prove { id } => verify::prove(id, context, out),
        }
    }
}

fn show(name: &str, from: &ReadFrom, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    // A reference is found however it was written down.
    let name = match (name.parse::<EventId>(), name.parse::<Reference>()) {
        (Err(_), Ok(reference)) => reference.to_string(),
        _ => name.to_owned(),
    };
    let reading = Reading::open(context, from, LogReading::Show, &name)?;
    let found = block_on(event::show(reading.reader(), &name))??;
    reading.record(found.len())?;
    if found.is_empty() {
        eprintln!("gateward: nothing is recorded under {name}");
        return Ok(no());
    }
    for (at, recorded) in found.iter().enumerate() {
        if at > 0 && context.format == Format::Text {
            writeln!(out)?;
        }
        context.print(out, &in_full(recorded)?, &as_json(recorded)?)?;
    }
    Ok(YES)
}

impl Search {
    fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let reading = Reading::open(context, &self.from, LogReading::Search, &self.asked())?;
        let filter = Filter {
            since: self.since,
            until: self.until,
            service: self.service.clone(),
            outcome: self.outcome.clone(),
            who: self.who.clone().filter(|who| is_account(who)),
        };
        let mut search = block_on(event::Search::begin(reading.reader(), filter))??;
        let (mut lines, mut shown) = (Vec::new(), false);
        loop {
            let page = block_on(search.page())??;
            let is_last = page.is_empty();
            for recorded in page {
                lines.extend(self.line(context, &recorded)?);
            }
            if lines.len() >= LINES || (is_last && !(shown && lines.is_empty())) {
                reading.record(lines.len())?;
                shown = true;
                for line in lines.drain(..) {
                    writeln!(out, "{line}")?;
                }
            }
            if is_last {
                return Ok(YES);
            }
        }
    }

    /// What is asked, as the command line says it.
    fn asked(&self) -> String {
        reading::asked(&[
            ("--since", reading::instant(self.since)),
            ("--until", reading::instant(self.until)),
            ("--who", self.who.clone()),
            ("--service", self.service.clone()),
            ("--outcome", self.outcome.clone()),
        ])
    }

    fn line(&self, context: &Context, recorded: &Recorded) -> anyhow::Result<Option<String>> {
        let json = as_json(recorded)?;
        if self.who.as_ref().is_some_and(|who| !names(&json, who)) {
            return Ok(None);
        }
        Ok(Some(match context.format {
            Format::Text => in_a_line(&json),
            Format::Json => json.to_string(),
        }))
    }
}

/// Whether `who` can only be an account, which the store finds by an index: neither a pseudonym, nor
/// a mail address, nor a network address.
fn is_account(who: &str) -> bool {
    who.starts_with("os:") || who.parse::<LoginName>().is_ok()
}

/// Tells whether the event names `who`, by account, pseudonym, mail address or network address.
fn names(event: &Value, who: &str) -> bool {
    let fields = [
        &event["body"]["who"],
        &event["body"]["subject"],
        &event["personal"]["mail"],
        &event["personal"]["address"],
    ];
    fields.into_iter().any(|field| field.as_str() == Some(who))
}

fn as_json(recorded: &Recorded) -> anyhow::Result<Value> {
    let parse =
        |text: &str| serde_json::from_str::<Value>(text).with_context(|| format!("event {}", recorded.id));
    let personal = recorded.personal.as_deref().map(parse).transpose()?;
    Ok(json!({
        "position": recorded.position,
        "id": recorded.id,
        "instance": recorded.instance,
        "occurred_at": recorded.occurred_at,
        "recorded_at": recorded.recorded_at,
        "body": recorded.body.as_deref().map(parse).transpose()?,
        "personal": personal,
    }))
}

/// The fields of every kind, which stand at the beginning of a line or say nothing to people.
const COMMON: [&str; 6] = ["kind", "outcome", "service", "who", "transaction", "subject"];

/// Writes an event as one line for people; `None` when it cannot be read.
pub(super) fn line(recorded: &Recorded) -> Option<String> {
    as_json(recorded).ok().map(|event| in_a_line(&event))
}

fn in_a_line(event: &Value) -> String {
    if event["body"].is_null() {
        return format!(
            "{} erased  (it expired, or somebody in it was erased)",
            plain(&event["recorded_at"])
        );
    }
    let body = &event["body"];
    let word = |name: &str| body[name].as_str().unwrap_or("-").to_owned();
    let own = body.as_object().into_iter().flatten().filter(|(name, _)| !COMMON.contains(&name.as_str()));
    let own: Vec<String> = own.map(|(name, value)| format!("{name}={}", plain(value))).collect();
    let personal = event["personal"].as_object().into_iter().flatten();
    let said = |name: &str, value| if is_sealed(event, name) { "(sealed)".into() } else { plain(value) };
    let personal: Vec<String> =
        personal.map(|(name, value)| format!("{name}={}", said(name, value))).collect();
    format!(
        "{} {:<7} {:<21} {} {} {} {}",
        event["recorded_at"].as_str().unwrap_or_default(),
        word("outcome"),
        word("kind"),
        word("service"),
        word("who"),
        own.join(" "),
        personal.join(" ")
    )
    .trim_end()
    .to_owned()
}

fn in_full(recorded: &Recorded) -> anyhow::Result<String> {
    let event = as_json(recorded)?;
    let mut rows = Vec::new();
    for name in ["id", "position", "recorded_at", "occurred_at", "instance"] {
        rows.push(format!("{name:<14} {}", plain(&event[name])));
    }
    for part in ["body", "personal"] {
        match event[part].as_object() {
            Some(fields) => {
                let said = |name: &str, value| {
                    if is_sealed(&event, name) && part == "personal" { SEALED.into() } else { plain(value) }
                };
                rows.extend(fields.iter().map(|(name, value)| format!("{name:<14} {}", said(name, value))));
            }
            None => rows.push(format!("{part:<14} erased")),
        }
    }
    Ok(rows.join("\n"))
}

/// What stands for something that is no use to anybody here.
const SEALED: &str =
    "sealed, and found by no search; its owner opens it: --format json | jq -r .personal.target | gpg -d";

/// Whether a part of what is personal is sealed to an auditor.
fn is_sealed(event: &Value, name: &str) -> bool {
    name == "target" && event["body"]["sealed_to"].is_string()
}

/// Writes a value for people: text as it is, but nothing that could command a terminal.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) if text.chars().any(|letter| letter.is_control() || letter == ' ') => {
            value.to_string()
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_an_instant_a_day_or_how_long_ago() {
        assert_eq!(instant("2026-11-21").unwrap().to_string(), "2026-11-21T00:00:00Z");
        assert_eq!(instant("2026-11-21T20:30:00Z").unwrap().to_string(), "2026-11-21T20:30:00Z");
        assert!(instant("2h").unwrap() > instant("3h").unwrap());
        assert!(instant("2d").unwrap() < instant("30h").unwrap());
        assert!(instant("yesterday").is_err());
    }

    #[test]
    fn what_an_attacker_wrote_does_not_command_the_terminal() {
        assert_eq!(plain(&Value::from("a\u{1b}[2Jb")), "\"a\\u001b[2Jb\"");
    }
}
