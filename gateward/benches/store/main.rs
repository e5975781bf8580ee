//! What the store costs: our writer beside the best raw way, from one caller to many, from one
//! machine to four, and at size.
//!
//! `cargo bench -p gateward --bench store` writes events of about 1 KB durably through
//! [`gateward::store::Writer`], and in turns the same rows, computed beforehand, into the same
//! tables of other databases, one commit for 256 or for 512: prepared statements on SQLite, `INSERT
//! ... SELECT unnest` on PostgreSQL. It prints the rates and their ratios; then the rate with 1, 8, 64
//! and 512 callers, and with 1, 2 and 4 machines on one database. Needs `postgresql-15`.
//!
//! `EVENTS=10000000` fills each engine with so many instead, and prints how long a search takes and
//! how many bytes an event has on the disk (1.3 KB each, so mind the room in `TMPDIR`).
//! `ENGINE=sqlite` or `ENGINE=postgres` for one of them, `ONLY=ratio`, `callers` or `machines` for a
//! part, `ROUNDS=n` for more turns.

#![expect(clippy::cast_precision_loss, reason = "counts and seconds, printed with three digits")]

use crate::engine::Engine;
use crate::events::Source;
use crate::measuring::{argument, number, wanted};

#[path = "../../tests/shared/cluster/mod.rs"]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark without its server may stop there")]
mod cluster;
mod engine;
mod events;
#[path = "../fdsn/measuring.rs"]
mod measuring;
mod raw;
mod row;
mod size;
mod speed;

/// What a benchmark's step comes to.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for name in ["sqlite", "postgres"] {
        if argument("ENGINE").is_none_or(|only| only == name) {
            runtime.block_on(measure(&Engine::named(name)?))?;
        }
    }
    Ok(())
}

async fn measure(engine: &Engine) -> Outcome<()> {
    let source = Source::new();
    println!("{}", engine.name());
    if let Some(events) = number("EVENTS") {
        return size::measure(engine, &source, events).await;
    }
    let rounds = number("ROUNDS").unwrap_or(7);
    if wanted("ratio") {
        speed::beside_raw(engine, &source, rounds).await?;
    }
    if wanted("callers") {
        speed::by_callers(engine, &source).await?;
    }
    // One server serves on a SQLite file.
    if wanted("machines") && matches!(engine, Engine::Postgres(_)) {
        speed::by_machines(engine, &source, rounds).await?;
    }
    Ok(())
}
