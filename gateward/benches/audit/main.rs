//! The log of events beside others: what it takes to receive, to find, to verify, and to keep a tree.
//!
//! `cargo bench -p gateward --bench audit` prints
//!
//! - `receive`: syslog messages a second over TLS with client certificates (RFC 5425), received by the door on SQLite and
//!   on PostgreSQL, and by Debian's rsyslogd (imtcp) writing to the same PostgreSQL (ompgsql); whoever is compared takes
//!   turns, and every message has to be in each database at the end;
//! - `tree`: how many events a second become durable with the tree over them and without, by hand;
//! - `index`: how fast the index for searches is made, and how far it falls behind while others write;
//! - `search`: how long searches of IHE ITI-81 take, one for each parameter;
//! - `verify`: `gateward audit verify` beside `sha256sum` over the same events, and the memory that it takes.
//!
//! The last two are about one log of a million events (4 to 8 KB each on the disk with its index, in `TMPDIR`), `index` about
//! one of 50 000.
//! Needs `postgresql-15`, `rsyslog`, `rsyslog-gnutls` (or `rsyslog-openssl` with `DRIVER=ossl`), `rsyslog-pgsql` and `curl`.
//! `ONLY=part` for one of these, `ENGINE=sqlite` or `postgres`, `MESSAGES=n`, `ROUNDS=n`, `EVENTS=n` for other amounts.

#![expect(clippy::cast_precision_loss, reason = "counts and seconds, printed with three digits")]

use std::path::Path;

use crate::engine::Engine;
use crate::filled::Filled;
use crate::measuring::{argument, number, wanted};

#[path = "../door/certificates.rs"]
mod certificates;
#[path = "../../tests/shared/cluster/mod.rs"]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark without its server may stop there")]
mod cluster;
#[path = "../store/engine.rs"]
mod engine;
mod events;
mod filled;
mod https;
mod index;
mod indexed;
mod installation;
#[path = "../fdsn/measuring.rs"]
mod measuring;
mod message;
#[path = "../fdsn/process.rs"]
mod process;
#[path = "../store/raw.rs"]
mod raw;
mod receive;
#[path = "../store/row.rs"]
mod row;
mod rsyslog;
mod search;
mod sending;
mod tree;
mod verify;

/// What a benchmark's step comes to.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let dir = tempfile::Builder::new().prefix("audit-").tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        if wanted("receive") {
            receive::compare(dir.path(), number("ROUNDS").unwrap_or(5)).await?;
        }
        for name in ["sqlite", "postgres"] {
            if argument("ENGINE").is_none_or(|only| only == name) {
                of_one_engine(&dir.path().join(name), &Engine::named(name)?).await?;
            }
        }
        Ok(())
    })
}

async fn of_one_engine(dir: &Path, engine: &Engine) -> Outcome<()> {
    std::fs::create_dir(dir)?;
    if wanted("tree") {
        tree::cost(engine, number("ROUNDS").unwrap_or(9)).await?;
    }
    if wanted("index") {
        let events = number("EVENTS").unwrap_or(50_000) as u64;
        let filled = Filled::make(dir, engine, ("indexed", events)).await?;
        index::measure(&filled).await?;
    }
    if !["search", "verify"].into_iter().any(wanted) {
        return Ok(());
    }
    let filled = Filled::make(dir, engine, ("filled", number("EVENTS").unwrap_or(1_000_000) as u64)).await?;
    if wanted("verify") {
        verify::measure(&filled)?;
    }
    if wanted("search") {
        indexed::make(&filled).await?;
        search::measure(&filled)?;
    }
    Ok(())
}
