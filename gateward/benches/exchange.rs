//! Exchanges of distinct tokens per second: real binary, TLS, durable, events included.
//!
//! `cargo bench -p gateward --bench exchange` starts the release binary on a fresh installation,
//! signs tokens with a throw-away RSA-2048 key, and posts each once over keep-alive connections.
//! In the same run, the conventional way does the same work one token at a time: a `gpg --verify`
//! process and two committed INSERTs. It prints both rates, their ratio, the time from start to
//! the first answer, and the resident memory when idle. Needs `gpg`.

#![expect(clippy::cast_precision_loss, reason = "counts and seconds, printed with three digits")]

use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateward::cli::demo::client::Client;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use openpgp::{Algorithm, SigningKey};

/// How many tokens are exchanged; `TOKENS=n` for another number.
const TOKENS: usize = 20_000;

/// How many connections post them.
const CONNECTIONS: usize = 32;

/// How many tokens the conventional way takes on.
const CONVENTIONAL: usize = 100;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let tokens = std::env::args()
        .find_map(|argument| argument.strip_prefix("TOKENS=")?.parse().ok())
        .unwrap_or(TOKENS);
    let dir = tempfile::tempdir()?;
    let install = dir.path().join("demo");
    let program = Path::new(env!("CARGO_BIN_EXE_gateward"));
    let listen = ["--public", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--once"];
    let made = Command::new(program)
        .arg("demo")
        .arg("--dir")
        .arg(&install)
        .args(listen)
        .stdout(Stdio::null())
        .status()?;
    assert!(made.success(), "the demo makes an installation");

    let now = now();
    let issuer = SigningKey::generate("bench NON-PRODUCTION", Algorithm::Rsa2048, now, seed()?)?;
    std::fs::write(install.join("bench.asc"), issuer.public_armored()?)?;
    let config = install.join("gateward.toml");
    let more = format!("\n[[issuer]]\nkey = \"bench.asc\"\nfingerprint = \"{}\"\n", issuer.fingerprint());
    std::fs::OpenOptions::new().append(true).open(&config)?.write_all(more.as_bytes())?;
    let tokens: Arc<Vec<Bytes>> = Arc::new(sign(&issuer, tokens, now)?);

    let started = Instant::now();
    let server = Server(
        Command::new(program).arg("serve").arg("--config").arg(&config).stderr(Stdio::null()).spawn()?,
    );
    let public: SocketAddr = listening_on(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let client = Client::trusting(&std::fs::read_to_string(install.join("ca.pem"))?)?;
    runtime.block_on(first_answer(&client, public))?;
    println!("start to first answer      {:>9.1} ms", started.elapsed().as_secs_f64() * 1e3);
    std::thread::sleep(Duration::from_millis(500));
    println!("resident when idle         {:>9.1} MiB", server.resident()? / 1024.0);

    let before = server.cpu()?;
    let begun = Instant::now();
    let exchanged = runtime.block_on(post_all(&client, public, &tokens))?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = server.cpu()? - before;
    let rate = exchanged as f64 / seconds;
    println!("exchanges                  {exchanged:>9} of {} in {seconds:.2} s", tokens.len());
    println!(
        "exchanges per second       {rate:>9.0}  (server: {:.0} us of processor time each)",
        cpu / exchanged as f64 * 1e6
    );
    println!("resident after             {:>9.1} MiB", server.resident()? / 1024.0);

    let conventional = conventional(dir.path(), &install.join("bench.asc"), &tokens[..CONVENTIONAL])?;
    println!("gpg and INSERTs per second {conventional:>9.1}");
    println!("ratio                      {:>9.1}", rate / conventional);
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
            r#"{{"valid_until": "{valid_until:.6}", "cn": "Person {index}", "memberof": "/epos/demo;/epos;/", "sn": "P", "issued": "{now:.6}", "mail": "person{index}@example.org", "givenName": "Ann", "expiration": "1m"}}"#
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

/// Reads the public address out of the configuration.
fn listening_on(config: &Path) -> Outcome<SocketAddr> {
    let text = std::fs::read_to_string(config)?;
    let value: toml::Table = text.parse()?;
    Ok(value["listen"].as_str().ok_or("no listen")?.parse()?)
}

struct Server(Child);

impl Server {
    fn field(&self, file: &str, name: &str) -> Outcome<f64> {
        let text = std::fs::read(format!("/proc/{}/{file}", self.0.id()))?;
        let line =
            text.lines().map_while(Result::ok).find(|line| line.starts_with(name)).ok_or("no such field")?;
        Ok(line.split_whitespace().nth(1).ok_or("no value")?.parse()?)
    }

    /// Resident memory in KiB.
    fn resident(&self) -> Outcome<f64> {
        self.field("status", "VmRSS:")
    }

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
    for _ in 0..CONNECTIONS {
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

/// Verifies each token with a process of gpg and commits two rows, one after the other.
fn conventional(dir: &Path, key: &Path, tokens: &[Bytes]) -> Outcome<f64> {
    let home: PathBuf = dir.join("gnupg");
    std::fs::create_dir(&home)?;
    let gpg = || {
        let mut command = Command::new("gpg");
        command
            .arg("--homedir")
            .arg(&home)
            .args(["--batch", "--quiet", "--no-autostart"])
            .stderr(Stdio::null());
        command
    };
    assert!(gpg().arg("--import").arg(key).status()?.success(), "gpg imports the issuer");
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
        assert!(gpg().arg("--verify").arg(&file).status()?.success(), "gpg verifies the token");
        let login = format!("LOGIN{index}");
        connection.execute("INSERT INTO users VALUES (?1, ?2)", [&login, "2026-11-22"])?;
        connection.execute("INSERT INTO credentials VALUES (?1, ?2)", [&login, "0123456789abcdef"])?;
    }
    Ok(tokens.len() as f64 / begun.elapsed().as_secs_f64())
}
