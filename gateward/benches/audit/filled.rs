//! An installation with a log of many events.

use std::path::Path;
use std::time::Instant;

use gateward::base::time::stored;
use gateward::server::system::wall_clock;
use gateward::store;
use jiff::{SignedDuration, Timestamp};

use crate::Outcome;
use crate::cluster::ports::free_port;
use crate::engine::{Database, Engine};
use crate::events::Source;
use crate::installation::Installation;
use crate::raw::Raw;
use crate::row::Row;

/// How many rows are filled in with one commit.
const FILL: u64 = 5000;

/// What the installation calls itself.
pub const NAME: &str = "bench.example.org";

/// How far apart events are.
const APART: SignedDuration = SignedDuration::from_secs(20);

/// The installation, and what is in its log.
pub struct Filled {
    pub installation: Installation,
    pub database: Database,
    /// Where it receives messages.
    pub syslog: u16,
    /// How many events were filled in; position and number are the same.
    pub events: u64,
    pub began: Timestamp,
}

impl Filled {
    /// Fills a log with `events` events up to now, past the program; `name` is the folder's and the database's.
    pub async fn make(dir: &Path, engine: &Engine, (name, events): (&str, u64)) -> Outcome<Self> {
        let database = engine.database(name).await?;
        let syslog = free_port();
        let more = format!("[audit]\nname = \"{NAME}\"\n[audit.syslog]\nlisten = \"127.0.0.1:{syslog}\"\n");
        let apart = i32::try_from(events + 60)?;
        let filled = Self {
            installation: Installation::make(&dir.join(name), &database, more)?,
            database,
            syslog,
            events,
            began: wall_clock() - APART * apart,
        };
        println!("\n{}", engine.name());
        let (begun, mut raw) = (Instant::now(), filled.database.raw().await?);
        tokio::task::block_in_place(|| filled.fill(&mut raw))?;
        println!("  filled in with {events} events in {:.0} s", begun.elapsed().as_secs_f64());
        filled.settle(engine, &raw).await?;
        Ok(filled)
    }

    /// When the event with this number happened.
    pub fn at(&self, number: u64) -> Timestamp {
        self.began + APART * i32::try_from(number).unwrap_or(0)
    }

    /// Writes the events, made on one core while the other writes.
    fn fill(&self, raw: &mut Raw) -> Outcome<()> {
        let (sender, receiver) = std::sync::mpsc::sync_channel::<Vec<Row>>(2);
        let runtime = tokio::runtime::Handle::current();
        let source = Source::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let sender = sender;
                for first in (0..self.events).step_by(usize::try_from(FILL).unwrap_or(1)) {
                    let row = |number: u64| {
                        let (position, at) = (i64::try_from(number).unwrap_or(0), self.at(number));
                        Row::new(position, at, source.event(number, at))
                    };
                    let rows = (first..self.events.min(first + FILL)).map(row).collect();
                    if sender.send(rows).is_err() {
                        return;
                    }
                }
            });
            for rows in receiver {
                runtime.block_on(raw.commit(&rows))?;
            }
            Ok(())
        })
    }

    /// Does what the writer and the server's own housekeeping would have done meanwhile; the tree is made from the events.
    async fn settle(&self, engine: &Engine, raw: &Raw) -> Outcome<()> {
        let (next, newest) = (self.events, stored(self.at(self.events - 1)));
        raw.run(&format!("UPDATE log_head SET next_position = {next}, recorded_at = '{newest}'")).await?;
        let begun = Instant::now();
        store::migrate(&self.database.address).await?;
        println!("  the tree over them in {:.1} s", begun.elapsed().as_secs_f64());
        match engine {
            Engine::Sqlite(_) => raw.run("PRAGMA wal_checkpoint(TRUNCATE)").await,
            Engine::Postgres(_) => {
                raw.run("VACUUM ANALYZE event").await?;
                raw.run("VACUUM ANALYZE search").await
            }
        }
    }
}
