//! `gateward store status`

use std::io::Write;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::base::store_address::StoreAddress;
use crate::cli::access::{become_owner, block_on};
use crate::cli::{Context, YES, no};
use crate::server::system;
use crate::store::event::{self, Length};
use crate::store::instance::{self, Leased};
use crate::store::{self, Schema};

pub(super) fn run(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let store = context.store()?;
    become_owner(&[&store])?;
    let (schema, found) = block_on(look(&store))??;
    let text = lines(&store, &schema, found.as_ref()).join("\n");
    context.print(out, &text, &json(&store, &schema, found.as_ref()))?;
    Ok(if verdict(&schema).is_none() { YES } else { no() })
}

/// What stands in the tables.
struct Found {
    length: Option<Length>,
    running: Vec<Leased>,
    now: Timestamp,
}

/// Reads the schema's state and, where there are tables, what they hold.
async fn look(store: &StoreAddress) -> Result<(Schema, Option<Found>), store::Error> {
    let schema = store::schema(store).await?;
    if schema.version == 0 {
        return Ok((schema, None));
    }
    let (reader, clock) = store::look(store, system::clock())?;
    reader.measure_clock().await?;
    let now = clock.now().unwrap_or_else(|unbelieved| unbelieved.nearest());
    let length = event::length(&reader).await?;
    let running = instance::leased(&reader, now).await?;
    Ok((schema, Some(Found { length, running, now })))
}

/// Says why this program cannot serve on the store.
fn verdict(schema: &Schema) -> Option<&'static str> {
    if schema.oldest_binary > schema.known {
        return Some("it needs a newer gateward");
    }
    (schema.version < schema.known).then_some("it must be migrated: gateward store migrate")
}

fn engine(store: &StoreAddress) -> &'static str {
    match store {
        StoreAddress::Sqlite(_) => "SQLite",
        StoreAddress::Postgres(_) => "PostgreSQL",
    }
}

/// What is said for people.
fn lines(store: &StoreAddress, schema: &Schema, found: Option<&Found>) -> Vec<String> {
    let Schema { version, oldest_binary, known } = schema;
    let mut lines = vec![
        format!("store     {store} ({})", engine(store)),
        format!(
            "schema    version {version}; serves programs that know {oldest_binary} or later; this one knows {known}"
        ),
    ];
    if let Some(Found { length, running, now }) = found {
        lines.push(match length {
            Some(Length { events, newest }) => format!("events    {events}, the newest of {newest:.0}"),
            None => "events    none".to_owned(),
        });
        if running.is_empty() {
            lines.push("running   no server".to_owned());
        }
        lines.extend(running.iter().map(|Leased { id, started_at, until }| {
            let left = until.duration_since(*now).as_secs();
            format!("running   {id} since {started_at:.0}, believed to for {left} s more")
        }));
    }
    lines.extend(verdict(schema).map(|verdict| format!("verdict   {verdict}")));
    lines
}

fn json(store: &StoreAddress, schema: &Schema, found: Option<&Found>) -> Value {
    let length = found.and_then(|found| found.length);
    let running = found.map(|found| {
        let instance = |leased: &Leased| {
            json!({
                "instance": leased.id, "started_at": leased.started_at.to_string(),
                "lease_until": leased.until.to_string(),
            })
        };
        found.running.iter().map(instance).collect::<Vec<_>>()
    });
    json!({
        "store": store.to_string(), "engine": engine(store), "version": schema.version,
        "oldest_binary": schema.oldest_binary, "known": schema.known,
        "events": found.map(|_| length.map_or(0, |length| length.events)),
        "newest": length.map(|length| length.newest.to_string()), "running": running,
        "verdict": verdict(schema),
    })
}
