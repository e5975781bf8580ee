//! `gateward audit expire`, `erase` and `hold`

use std::io::Write;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::json;

use super::super::{Context, YES, no};
use super::instant;
use crate::base::id::HoldId;
use crate::base::store_address::StoreAddress;
use crate::cli::access::{Access, block_on};
use crate::flows::audit::{Asked, Reading, record_reading};
use crate::flows::feed::lacking;
use crate::flows::record::LogReading;
use crate::flows::retention::holds::{self, Wanted};
use crate::flows::retention::{self, Done};
use crate::store::scrub::{self, Scrubbed};

/// Take whatever was recorded before a time out of the log, but for what is held.
///
/// Position, id, times and hashes of each event stay, so that the log still verifies.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Expire {
    /// 2026-11-21T20:30:00Z, 2026-11-21 (its beginning, in UTC), or 3650d for so many days ago.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    before: Timestamp,
}

/// Take a person out of the log: what names them goes, but for what is held.
///
/// Found are a mail address, a user, os:NAME, a pseudonym, a temporary login, a patient as Patient/ID or
/// SYSTEM|VALUE, the subject of a certificate; by mail address also whatever the log calls them besides. An
/// event whose body names them loses everything but position, id, times and hashes; one that names them in its
/// personal part alone loses that part, with everybody else in it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Erase {
    /// By what they are named.
    #[arg(long, value_name = "NAME")]
    person: String,
    /// Count what would go, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Keep events from expiry and erasure, for a reason.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Hold {
    /// Hold what names a person, what was recorded in a time, or what is both; one of the three options at least.
    Create(Create),
    /// List what is held, and why.
    List,
    /// End a hold: the next expiry or erasure takes what it held.
    Release {
        /// The hold's id.
        id: HoldId,
    },
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Create {
    /// By what the events name somebody, as for `erase`.
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Recorded then or later: 2026-11-21T20:30:00Z, 2026-11-21, or 2h for two hours ago.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    since: Option<Timestamp>,
    /// Recorded before then.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    /// Why: a case number, a court's order.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Expire {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access_to_change()?;
        let Access { door, by, now, config } = &access;
        for (feed, events) in block_on(lacking(&door.store.reader, &config.audit.feed_names(), self.before))??
        {
            eprintln!("gateward: {feed} does not have {events} of these events yet, and will not get them");
        }
        let done = block_on(retention::expire(door, self.before, Some(by), *now))??;
        let left = scrub(&access, &[], &done)?;
        report(context, out, done, left)
    }
}

impl Erase {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        if self.dry_run {
            let access = context.access_to_change()?;
            let Access { door, by, now, .. } = &access;
            let preview = block_on(retention::preview(door, &self.person))??;
            let events = preview.whole + preview.personal + preview.held;
            let asked = format!("erase --dry-run --person {}", self.person);
            let asked = Asked::new(&asked)?;
            let reading = Reading { how: LogReading::Search, asked, events, who: by, address: None };
            block_on(record_reading(&door.recorder, reading, None, *now))??;
            let text = format!(
                "{} events would lose everything, {} their personal part; {} would stay because they are held\n\
                 the log also calls them: {}",
                preview.whole,
                preview.personal,
                preview.held,
                if preview.names.is_empty() { "nothing else".into() } else { preview.names.join(" ") }
            );
            let json = json!({
                "whole": preview.whole, "personal": preview.personal, "held": preview.held,
                "names": preview.names,
            });
            context.print(out, &text, &json)?;
            return Ok(YES);
        }
        let access = context.access_to_change()?;
        let Access { door, by, now, .. } = &access;
        let done = block_on(retention::erase(door, &self.person, by, *now))??;
        let left = scrub(&access, &[self.person.as_str()], &done)?;
        report(context, out, done, left)
    }
}

/// Takes out of the store's files what lies there beside the rows.
fn scrub(access: &Access, names: &[&str], done: &Done) -> anyhow::Result<Scrubbed> {
    match &access.config.store {
        StoreAddress::Sqlite(path) => Ok(scrub::scrub(path, names, done.events > 0)?),
        StoreAddress::Postgres(_) => Ok(Scrubbed::NotOurs),
    }
}

fn report(context: &Context, out: &mut impl Write, done: Done, left: Scrubbed) -> anyhow::Result<ExitCode> {
    let Done { events, held } = done;
    let text = format!("{events} events lost what was to go; {held} stayed because they are held");
    context.print(out, &text, &json!({ "events": events, "held": held, "files": left.as_str() }))?;
    match left {
        Scrubbed::Clean => {}
        Scrubbed::WalInUse => eprintln!(
            "gateward: the file ending in -wal could not be emptied, because somebody reads all the time: it is \
             emptied later, or by the same command"
        ),
        Scrubbed::StillNamed => eprintln!(
            "gateward: the name still stands in the database's file, outside the log: an account, a grant or an access \
             token of that name? Their own commands end them; then run this again"
        ),
        Scrubbed::NotOurs => eprintln!(
            "gateward: PostgreSQL keeps dead rows until they are vacuumed: as the owner of the tables, run VACUUM FULL \
             event, search; backups and archived WAL keep what they have"
        ),
    }
    Ok(if left == Scrubbed::WalInUse { no() } else { YES })
}

impl Hold {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(Create { person, since, until, reason }) => {
                let access = context.access_to_change()?;
                let wanted =
                    Wanted { person: person.clone(), since: *since, until: *until, reason: reason.clone() };
                let id = block_on(holds::create(&access.door, wanted, &access.by, access.now))??;
                context.print(out, &id.to_string(), &json!({ "hold": id }))?;
                Ok(YES)
            }
            Self::List => {
                let access = context.access()?;
                for hold in block_on(holds::list(&access.door))?? {
                    list(context, out, &hold)?;
                }
                Ok(YES)
            }
            Self::Release { id } => {
                let access = context.access_to_change()?;
                match block_on(holds::release(&access.door, *id, &access.by, access.now))? {
                    Ok(()) => Ok(YES),
                    Err(error @ holds::Error::NoSuchHold(_)) => {
                        eprintln!("gateward: {error}");
                        Ok(no())
                    }
                    Err(error) => Err(error.into()),
                }
            }
        }
    }
}

fn list(context: &Context, out: &mut impl Write, hold: &holds::Hold) -> anyhow::Result<()> {
    let person = hold.names.as_ref().map(retention::names::Names::asked);
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let text = format!(
        "{}  {}  from {} until {}  since {:.0} by {}: {}",
        hold.row.id,
        person.unwrap_or("anybody"),
        time(hold.row.since).as_deref().unwrap_or("the beginning"),
        time(hold.row.until).as_deref().unwrap_or("now and later"),
        hold.row.created_at,
        hold.row.created_by,
        super::plain(&hold.reason.clone().into())
    );
    let json = json!({
        "hold": hold.row.id, "person": person, "since": time(hold.row.since), "until": time(hold.row.until),
        "reason": hold.reason, "created_at": hold.row.created_at.to_string(), "created_by": hold.row.created_by,
    });
    Ok(context.print(out, &text, &json)?)
}
