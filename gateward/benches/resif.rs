//! Exchanges a second with RESIF's databases on one local PostgreSQL, beside the conventional way.
//!
//! `cargo bench -p gateward --bench resif` starts PostgreSQL and the release binary, signs tokens with a
//! throw-away RSA-2048 key, and posts each once over keep-alive TLS connections: each answer comes after
//! the commits in our own store and in both databases. In the same run the conventional way does what
//! `eidaws-auth` does: a process of `gpg --verify`, a connection to each database for each request, the
//! same rows; serial, and eight at once. It prints the rates and the ratio to the better of the two.
//! Needs `gpg` and PostgreSQL 15. `TOKENS=n` and `CONNECTIONS=n` change what is posted.

#![expect(clippy::cast_precision_loss, reason = "counts and seconds, printed with three digits")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "what it shares with tests may stop where it stands")]

#[path = "../tests/shared/cluster/mod.rs"]
mod cluster;
#[path = "../tests/resif/databases.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod databases;

#[path = "fdsn/measuring.rs"]
mod measuring;
#[path = "exchange/posting.rs"]
mod posting;
#[path = "fdsn/process.rs"]
mod process;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;

use databases::Databases;
use measuring::number;
use posting::{Gpg, Installation};

/// How many tokens are exchanged.
const TOKENS: usize = 20_000;

/// How many connections post them.
const CONNECTIONS: usize = 128;

/// How many tokens each conventional way takes on.
const CONVENTIONAL: usize = 400;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let dir = tempfile::tempdir()?;
    let installation = Installation::make(dir.path().join("demo"))?;
    let databases = Databases::new();
    installation.append(&databases.configuration())?;
    let tokens = installation.sign(number("TOKENS").unwrap_or(TOKENS), "/epos/alparray;/epos;/")?;

    // The conventional way first, into tables that are still small.
    let conventional = conventional(dir.path(), &installation.key(), &tokens, &databases)?;
    let server = installation.serve()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(server.first_answer())?;
    let before = server.process.cpu()?;
    let begun = Instant::now();
    let connections = number("CONNECTIONS").unwrap_or(CONNECTIONS);
    let exchanged = runtime.block_on(server.exchange_all(&tokens, connections))?;
    let seconds = begun.elapsed().as_secs_f64();
    let rate = exchanged as f64 / seconds;
    println!("exchanges                  {exchanged:>9} in {seconds:.2} s");
    let cpu = (server.process.cpu()? - before) / exchanged as f64 * 1e6;
    println!("exchanges per second       {rate:>9.0}  (server: {cpu:.0} us of processor time each)");
    let whole = "SELECT count(*) FROM users JOIN credentials USING (user_index) WHERE expires_at > now()";
    let written: usize = databases.in_auth(whole).concat().concat().parse()?;
    assert_eq!(written, exchanged + 2 * CONVENTIONAL, "every answer has its rows");
    let (serial, eight) = conventional;
    println!("conventional, serial       {serial:>9.1}");
    println!("conventional, eight at once{eight:>9.1}");
    println!("ratio to the better        {:>9.1}", rate / serial.max(eight));
    Ok(())
}

/// Does each token's work with a process of gpg and two fresh connections; returns how many a second
/// one after the other, and eight at once.
fn conventional(dir: &Path, key: &Path, tokens: &[Bytes], databases: &Databases) -> Outcome<(f64, f64)> {
    let gpg = Gpg::believing(key, dir)?;
    let rate = |at_once: usize, first: usize| -> Outcome<f64> {
        let next = AtomicUsize::new(0);
        let begun = Instant::now();
        let work = || -> Outcome<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= CONVENTIONAL {
                    return Ok(());
                }
                let number = first + at;
                let file = dir.join(format!("token{number}.asc"));
                std::fs::write(&file, &tokens[number % tokens.len()])?;
                gpg.verify(&file)?;
                runtime.block_on(register(databases, &format!("C{number:013}")))?;
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a worker failed")?)
        })?;
        Ok(CONVENTIONAL as f64 / begun.elapsed().as_secs_f64())
    };
    Ok((rate(1, 0)?, rate(8, CONVENTIONAL)?))
}

async fn connect(databases: &Databases, database: &str) -> Outcome<tokio_postgres::Client> {
    let (client, connection) =
        tokio_postgres::connect(&databases.psql_url(database), tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Writes the rows of one login: two in one database, two in the other, each with its own COMMIT.
async fn register(databases: &Databases, login: &str) -> Outcome<()> {
    let client = connect(databases, &databases.auth).await?;
    client
        .batch_execute(&format!(
            "BEGIN; INSERT INTO users VALUES (DEFAULT, '{login}', 'Temp', 'EIDA', '{login}@eida', now() + interval '1 day'); \
             INSERT INTO credentials VALUES (currval('users_user_index_seq'), NULL, md5('{login}')); COMMIT"
        ))
        .await?;
    drop(client);
    let client = connect(databases, &databases.privileges).await?;
    client.batch_execute("BEGIN").await?;
    for (network, start, end) in [("Z3", 2015, 2020), ("3C", 2019, 2021)] {
        let id = format!(
            "SELECT network_id FROM networks WHERE start_year = {start} AND end_year = {end} AND network = '{network}'"
        );
        client
            .batch_execute(&format!(
                "INSERT INTO aut_user (network_id, network, start_year, end_year, name) \
                 VALUES (({id}), '{network}', {start}, {end}, '{login}')"
            ))
            .await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(())
}
