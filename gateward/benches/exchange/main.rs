//! Exchanges of distinct tokens per second: real binary, TLS, durable, events included.
//!
//! `cargo bench -p gateward --bench exchange` starts the release binary on a fresh installation,
//! signs tokens with a throw-away RSA-2048 key, and posts each once over keep-alive connections.
//! In the same run, the conventional way does the same work one token at a time: a `gpg --verify`
//! process and two committed INSERTs. It prints both rates, their ratio, the time from start to
//! the first answer, and the resident memory when idle. Needs `gpg`.

#![expect(clippy::cast_precision_loss, reason = "counts and seconds, printed with three digits")]

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;

use measuring::number;
use posting::{Gpg, Installation};

#[path = "../fdsn/measuring.rs"]
mod measuring;
mod posting;
#[path = "../fdsn/process.rs"]
mod process;

/// How many tokens are exchanged; `TOKENS=n` for another number.
const TOKENS: usize = 20_000;

/// How many connections post them.
const CONNECTIONS: usize = 32;

/// How many tokens the conventional way takes on.
const CONVENTIONAL: usize = 100;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let dir = tempfile::tempdir()?;
    let installation = Installation::make(dir.path().join("demo"))?;
    let tokens = installation.sign(number("TOKENS").unwrap_or(TOKENS), "/epos/demo;/epos;/")?;

    let started = Instant::now();
    let server = installation.serve()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(server.first_answer())?;
    println!("start to first answer      {:>9.1} ms", started.elapsed().as_secs_f64() * 1e3);
    std::thread::sleep(Duration::from_millis(500));
    println!("resident when idle         {:>9.1} MiB", server.process.memory("VmRSS")?);

    let before = server.process.cpu()?;
    let begun = Instant::now();
    let exchanged = runtime.block_on(server.exchange_all(&tokens, CONNECTIONS))?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = server.process.cpu()? - before;
    let rate = exchanged as f64 / seconds;
    println!("exchanges                  {exchanged:>9} of {} in {seconds:.2} s", tokens.len());
    println!(
        "exchanges per second       {rate:>9.0}  (server: {:.0} us of processor time each)",
        cpu / exchanged as f64 * 1e6
    );
    println!("resident after             {:>9.1} MiB", server.process.memory("VmRSS")?);

    let conventional = conventional(dir.path(), &installation.key(), &tokens[..CONVENTIONAL])?;
    println!("gpg and INSERTs per second {conventional:>9.1}");
    println!("ratio                      {:>9.1}", rate / conventional);
    Ok(())
}

/// Verifies each token with a process of gpg and commits two rows, one after the other.
fn conventional(dir: &Path, key: &Path, tokens: &[Bytes]) -> Outcome<f64> {
    let gpg = Gpg::believing(key, dir)?;
    let connection = rusqlite::Connection::open(dir.join("conventional.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = wal; PRAGMA synchronous = full;
         CREATE TABLE users (login TEXT PRIMARY KEY, expires_at TEXT);
         CREATE TABLE credentials (login TEXT PRIMARY KEY, hash TEXT);",
    )?;
    let begun = Instant::now();
    for (index, token) in tokens.iter().enumerate() {
        let file = dir.join("token.asc");
        std::fs::write(&file, token)?;
        gpg.verify(&file)?;
        let login = format!("LOGIN{index}");
        connection.execute("INSERT INTO users VALUES (?1, ?2)", [&login, "2026-11-22"])?;
        connection.execute("INSERT INTO credentials VALUES (?1, ?2)", [&login, "0123456789abcdef"])?;
    }
    Ok(tokens.len() as f64 / begun.elapsed().as_secs_f64())
}
