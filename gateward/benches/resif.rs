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

#[path = "../tests/postgres/cluster.rs"]
mod cluster;
#[path = "../tests/resif/databases.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod databases;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateward::cli::demo::client::Client;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use openpgp::{Algorithm, SigningKey};

use databases::Databases;

/// How many tokens are exchanged.
const TOKENS: usize = 20_000;

/// How many connections post them.
const CONNECTIONS: usize = 128;

/// How many tokens each conventional way takes on.
const CONVENTIONAL: usize = 400;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn argument(name: &str, default: usize) -> usize {
    let value = std::env::args().find_map(|argument| argument.strip_prefix(name)?.parse().ok());
    value.unwrap_or(default)
}

fn main() -> Outcome<()> {
    let dir = tempfile::tempdir()?;
    let install = dir.path().join("demo");
    let program = Path::new(env!("CARGO_BIN_EXE_gateward"));
    let mut demo = Command::new(program);
    demo.args(["demo", "--public", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--once", "--dir"]).arg(&install);
    assert!(demo.stdout(Stdio::null()).status()?.success(), "the demo makes an installation");

    let databases = Databases::new();
    let now = now();
    let issuer = SigningKey::generate("bench NON-PRODUCTION", Algorithm::Rsa2048, now, seed()?)?;
    std::fs::write(install.join("bench.asc"), issuer.public_armored()?)?;
    let config = install.join("gateward.toml");
    let more = format!(
        "\n[[issuer]]\nkey = \"bench.asc\"\nfingerprint = \"{}\"\n{}",
        issuer.fingerprint(),
        databases.configuration()
    );
    std::fs::OpenOptions::new().append(true).open(&config)?.write_all(more.as_bytes())?;
    let tokens: Arc<Vec<Bytes>> = Arc::new(sign(&issuer, argument("TOKENS=", TOKENS), now)?);

    // The conventional way first, into tables that are still small.
    let conventional = conventional(dir.path(), &install.join("bench.asc"), &tokens, &databases)?;
    let serve =
        Command::new(program).arg("serve").arg("--config").arg(&config).stderr(Stdio::null()).spawn()?;
    let server = Server(serve);
    let value: toml::Table = std::fs::read_to_string(&config)?.parse()?;
    let public: SocketAddr = value["listen"].as_str().ok_or("no listen")?.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let client = Client::trusting(&std::fs::read_to_string(install.join("ca.pem"))?)?;
    runtime.block_on(first_answer(&client, public))?;
    let before = server.cpu()?;
    let begun = Instant::now();
    let exchanged = runtime.block_on(post_all(&client, public, &tokens))?;
    let seconds = begun.elapsed().as_secs_f64();
    let rate = exchanged as f64 / seconds;
    println!("exchanges                  {exchanged:>9} in {seconds:.2} s");
    let cpu = (server.cpu()? - before) / exchanged as f64 * 1e6;
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

#[expect(clippy::disallowed_methods, reason = "a benchmark has no caller to take the time from")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn seed() -> Outcome<[u8; 32]> {
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed).map_err(|_| "no random bytes")?;
    Ok(seed)
}

/// Signs `count` distinct tokens, on both cores.
fn sign(issuer: &SigningKey, count: usize, now: Timestamp) -> Outcome<Vec<Bytes>> {
    let valid_until = now.checked_add(SignedDuration::from_hours(24 * 30))?;
    let sign = |index: usize| -> Outcome<Bytes> {
        let text = format!(
            r#"{{"valid_until": "{valid_until:.6}", "cn": "Person {index}", "memberof": "/epos/alparray;/epos;/", "sn": "P", "issued": "{now:.6}", "mail": "person{index}@example.org", "givenName": "Ann", "expiration": "1m"}}"#
        );
        Ok(issuer.sign_cleartext(&text, now)?.into())
    };
    let (front, back) = std::thread::scope(|scope| {
        let front = scope.spawn(|| (0..count / 2).map(sign).collect::<Outcome<Vec<_>>>());
        let back = (count / 2..count).map(sign).collect::<Outcome<Vec<_>>>();
        (front.join(), back)
    });
    let mut tokens = front.map_err(|_| "signing failed")??;
    tokens.append(&mut back?);
    Ok(tokens)
}

struct Server(Child);

impl Server {
    /// Processor time in seconds, user and system.
    fn cpu(&self) -> Outcome<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let fields: Vec<&str> = text.rsplit(')').next().ok_or("no stat")?.split_whitespace().collect();
        // utime and stime, in ticks of 10 ms (proc(5), CLK_TCK = 100 on Linux).
        Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            eprintln!("the server could not be stopped: {error}");
        }
    }
}

async fn first_answer(client: &Client, to: SocketAddr) -> Outcome<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Ok(mut door) = client.connect(to).await
            && door.get("/files/restricted.txt", None).await?.status == StatusCode::UNAUTHORIZED
        {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err("the server does not answer".into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn post_all(client: &Client, to: SocketAddr, tokens: &Arc<Vec<Bytes>>) -> Outcome<usize> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..argument("CONNECTIONS=", CONNECTIONS) {
        let (mut door, next, tokens) = (client.connect(to).await?, Arc::clone(&next), Arc::clone(tokens));
        tasks.push(tokio::spawn(async move {
            let mut done = 0;
            while let Some(token) = tokens.get(next.fetch_add(1, Ordering::Relaxed)) {
                let answer = door.post("/auth", token.clone()).await?;
                if answer.status != StatusCode::OK || answer.text().matches(':').count() != 1 {
                    return Err(format!("{}: {}", answer.status, answer.text()).into());
                }
                done += 1;
            }
            Outcome::Ok(done)
        }));
    }
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    Ok(done)
}

/// Does each token's work with a process of gpg and two fresh connections; returns how many a second
/// one after the other, and eight at once.
fn conventional(dir: &Path, key: &Path, tokens: &[Bytes], databases: &Databases) -> Outcome<(f64, f64)> {
    let home = dir.join("gnupg");
    std::fs::create_dir(&home)?;
    let imported = gpg(&home).arg("--import").arg(key).status()?;
    assert!(imported.success(), "gpg imports the issuer");
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
                assert!(gpg(&home).arg("--verify").arg(&file).status()?.success(), "gpg verifies the token");
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

fn gpg(home: &Path) -> Command {
    let mut command = Command::new("gpg");
    command.arg("--homedir").arg(home).args(["--batch", "--quiet", "--no-autostart"]).stderr(Stdio::null());
    command
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
