//! What a store of many events takes: room on the disk, and time to find something.

use std::future::Future;
use std::time::Instant;

use gateward::base::time::stored;
use gateward::server::system::wall_clock;
use gateward::store::Reader;
use gateward::store::event::{Filter, Search, show};
use jiff::{SignedDuration, Timestamp};

use crate::engine::Engine;
use crate::events::{EACH, Source, login};
use crate::measuring::median;
use crate::raw::Raw;
use crate::row::Row;
use crate::{Outcome, speed};

/// How many rows are filled in with one commit.
const FILL: u64 = 5000;

/// How often each search is made, each time for something else.
const SEARCHES: u64 = 51;

/// Fills a store with `events` events, one a second up to now, and measures it.
pub async fn measure(engine: &Engine, source: &Source, events: usize) -> Outcome<()> {
    let events = events as u64;
    let database = engine.database("size").await?;
    let mut raw = database.raw().await?;
    let log = Log { events, began: wall_clock() - SignedDuration::from_secs(i64::try_from(events)? + 60) };
    let begun = Instant::now();
    let bytes = tokio::task::block_in_place(|| fill(&mut raw, source, log))?;
    println!("  filled in with {events} events in {:.0} s", begun.elapsed().as_secs_f64());
    settle(engine, &raw, log).await?;
    print_bytes(engine, &raw, events, bytes).await?;
    let store = database.open().await?;
    print_searches(&store.reader, &raw, log).await?;
    let rate = speed::through_writers(std::slice::from_ref(&store), 512, source.events(40_000)).await?;
    println!("  512 callers, events/s            {rate:>9.0}");
    Ok(())
}

/// The events that were filled in, one a second.
#[derive(Clone, Copy)]
struct Log {
    events: u64,
    began: Timestamp,
}

impl Log {
    fn at(self, number: u64) -> Timestamp {
        self.began + SignedDuration::from_secs(i64::try_from(number).unwrap_or(0))
    }

    /// One of the events, spread over the log.
    fn some(self, search: u64) -> u64 {
        self.events / SEARCHES * search + search * 7 % 100
    }
}

/// Writes the events, made on one core while the other writes; returns how many bytes their values have.
fn fill(raw: &mut Raw, source: &Source, log: Log) -> Outcome<usize> {
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Vec<Row>>(2);
    let runtime = tokio::runtime::Handle::current();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for first in (0..log.events).step_by(usize::try_from(FILL).unwrap_or(1)) {
                let row = |number: u64| {
                    let (position, at) = (i64::try_from(number).unwrap_or(0), log.at(number));
                    Row::new(position, at, source.event(number, at))
                };
                let rows = (first..log.events.min(first + FILL)).map(row).collect();
                if sender.send(rows).is_err() {
                    return;
                }
            }
        });
        let mut bytes = 0;
        for rows in receiver {
            bytes += rows.iter().map(Row::bytes).sum::<usize>();
            runtime.block_on(raw.commit(&rows))?;
        }
        Ok(bytes)
    })
}

/// Does what the writer and the server's own housekeeping would have done meanwhile.
async fn settle(engine: &Engine, raw: &Raw, log: Log) -> Outcome<()> {
    let (next, newest) = (log.events, stored(log.at(log.events - 1)));
    // The tree is made from the events when the store is opened, or migrated.
    raw.run(&format!("UPDATE log_head SET next_position = {next}, recorded_at = '{newest}'")).await?;
    match engine {
        Engine::Sqlite(_) => raw.run("PRAGMA wal_checkpoint(TRUNCATE)").await,
        Engine::Postgres(_) => {
            raw.run("VACUUM ANALYZE event").await?;
            raw.run("VACUUM ANALYZE search").await
        }
    }
}

async fn print_bytes(engine: &Engine, raw: &Raw, events: u64, values: usize) -> Outcome<()> {
    let each = |bytes: f64| bytes / events as f64;
    println!("  bytes of values, each event      {:>9.0}", each(values as f64));
    let parts: &[(&str, &str)] = match engine {
        Engine::Sqlite(_) => {
            &[("on disk", "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")]
        }
        Engine::Postgres(_) => &[
            ("on disk", "SELECT pg_total_relation_size('event') + pg_total_relation_size('search')"),
            ("  table event", "SELECT pg_table_size('event')"),
            ("  its indexes", "SELECT pg_indexes_size('event')"),
            ("  table search", "SELECT pg_table_size('search')"),
            ("  its indexes", "SELECT pg_indexes_size('search')"),
        ],
    };
    for (name, sql) in parts {
        println!("  bytes {name:<14}, each event {:>9.0}", each(raw.integer(sql).await? as f64));
    }
    Ok(())
}

async fn print_searches(reader: &Reader, raw: &Raw, log: Log) -> Outcome<()> {
    let all = Filter::default;
    let day = SignedDuration::from_hours(24);
    let since = |search| Some(log.at(log.some(search)));
    searched("a page from a time on", |search| found(reader, Filter { since: since(search), ..all() }))
        .await?;
    searched("a day of a login", |search| {
        let number = log.some(search);
        let (since, until) = (Some(log.at(number)), Some(log.at(number) + day));
        found(reader, Filter { since, until, who: Some(login(number / EACH * EACH + 1)), ..all() })
    })
    .await?;
    searched("a login", |search| {
        found(reader, Filter { who: Some(login(log.some(search) / EACH * EACH + 1)), ..all() })
    })
    .await?;
    searched("a login without events", |search| {
        found(reader, Filter { who: Some(format!("nobody{search}")), ..all() })
    })
    .await?;
    searched("the busy login from a time on", |search| {
        found(reader, Filter { since: since(search), who: Some(login(0)), ..all() })
    })
    .await?;
    searched("refusals from a time on", |search| {
        found(reader, Filter { since: since(search), outcome: Some("refused".into()), ..all() })
    })
    .await?;
    for (name, column) in [("a transaction", "search.transaction_id"), ("an event", "event.id")] {
        let mut names = Vec::new();
        for search in 0..SEARCHES {
            let position = log.some(search);
            let sql = format!(
                "SELECT {column} FROM event JOIN search USING (position) WHERE event.position = {position}"
            );
            names.push(raw.text(&sql).await?);
        }
        searched(name, |search| shown(reader, names[usize::try_from(search).unwrap_or(0)].clone())).await?;
    }
    searched("a reference that is not there", |search| shown(reader, format!("ABCDE-{search:05}"))).await
}

/// The first page of what `filter` lets through.
async fn found(reader: &Reader, filter: Filter) -> Outcome<usize> {
    Ok(Search::begin(reader, filter).await?.page().await?.len())
}

async fn shown(reader: &Reader, name: String) -> Outcome<usize> {
    Ok(show(reader, &name).await?.len())
}

/// Prints how long searches take, and how many events they find.
async fn searched<F>(what: &str, mut search: impl FnMut(u64) -> F) -> Outcome<()>
where
    F: Future<Output = Outcome<usize>>,
{
    let mut took = Vec::new();
    let mut events = 0;
    for number in 0..SEARCHES {
        let begun = Instant::now();
        events = events.max(search(number).await?);
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let most = took.iter().copied().fold(0.0, f64::max);
    println!("  {what:<30} {:>9.2} ms, at most {most:>7.1} ms, {events} events", median(took));
    Ok(())
}
