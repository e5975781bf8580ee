//! Tokens to exchange, the server that exchanges them, and who posts them.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateward::cli::demo::client::Client;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use openpgp::{Algorithm, SigningKey};

use crate::Outcome;
use crate::process::Process;

/// An installation that the demo made, which believes a throw-away issuer of ours.
pub struct Installation {
    folder: PathBuf,
    issuer: SigningKey,
    now: Timestamp,
}

impl Installation {
    /// Makes it in `folder`.
    pub fn make(folder: PathBuf) -> Outcome<Self> {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_gateward"));
        demo.args(["demo", "--public", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--once", "--dir"]);
        let made = demo.arg(&folder).stdout(Stdio::null()).status()?;
        assert!(made.success(), "the demo makes an installation");
        let now = now();
        let issuer = SigningKey::generate("bench NON-PRODUCTION", Algorithm::Rsa2048, now, seed()?)?;
        let installation = Self { folder, issuer, now };
        std::fs::write(installation.key(), installation.issuer.public_armored()?)?;
        let fingerprint = installation.issuer.fingerprint();
        installation
            .append(&format!("\n[[issuer]]\nkey = \"bench.asc\"\nfingerprint = \"{fingerprint}\"\n"))?;
        Ok(installation)
    }

    /// The issuer's public key.
    pub fn key(&self) -> PathBuf {
        self.folder.join("bench.asc")
    }

    fn config(&self) -> PathBuf {
        self.folder.join("gateward.toml")
    }

    /// Writes more to the end of the configuration.
    pub fn append(&self, more: &str) -> Outcome<()> {
        let mut file = std::fs::OpenOptions::new().append(true).open(self.config())?;
        Ok(file.write_all(more.as_bytes())?)
    }

    /// Signs `count` distinct tokens of members of `groups`, on both cores.
    pub fn sign(&self, count: usize, groups: &str) -> Outcome<Arc<Vec<Bytes>>> {
        let now = self.now;
        let valid_until = now.checked_add(SignedDuration::from_hours(24 * 30))?;
        let sign = |index: usize| -> Outcome<Bytes> {
            let text = format!(
                r#"{{"valid_until": "{valid_until:.6}", "cn": "Person {index}", "memberof": "{groups}", "sn": "P", "issued": "{now:.6}", "mail": "person{index}@example.org", "givenName": "Ann", "expiration": "1m"}}"#
            );
            Ok(self.issuer.sign_cleartext(&text, now)?.into())
        };
        let (front, back) = std::thread::scope(|scope| {
            let front = scope.spawn(|| (0..count / 2).map(sign).collect::<Outcome<Vec<_>>>());
            let back = (count / 2..count).map(sign).collect::<Outcome<Vec<_>>>();
            (front.join(), back)
        });
        let mut tokens = front.map_err(|_| "signing failed")??;
        tokens.append(&mut back?);
        Ok(Arc::new(tokens))
    }

    /// Starts its server and does not wait for anything.
    pub fn serve(&self) -> Outcome<Server> {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_gateward"));
        let child = serve.arg("serve").arg("--config").arg(self.config()).stderr(Stdio::null()).spawn()?;
        let process = Process::of(child);
        let text: toml::Table = std::fs::read_to_string(self.config())?.parse()?;
        let public = text["listen"].as_str().ok_or("no listen")?.parse()?;
        let client = Client::trusting(&std::fs::read_to_string(self.folder.join("ca.pem"))?)?;
        Ok(Server { process, client, public })
    }
}

/// A running server, and who posts there.
pub struct Server {
    pub process: Process,
    client: Client,
    public: SocketAddr,
}

impl Server {
    /// Waits until it answers.
    pub async fn first_answer(&self) -> Outcome<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Ok(mut door) = self.client.connect(self.public).await
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

    /// Posts each token once, over so many connections; returns how many were exchanged.
    pub async fn exchange_all(&self, tokens: &Arc<Vec<Bytes>>, connections: usize) -> Outcome<usize> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for _ in 0..connections {
            let mut door = self.client.connect(self.public).await?;
            let (next, tokens) = (Arc::clone(&next), Arc::clone(tokens));
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
}

/// The conventional way to verify tokens: a process of gpg for each.
pub struct Gpg(PathBuf);

impl Gpg {
    /// One that believes `key`, with its home in a fresh folder in `dir`.
    pub fn believing(key: &Path, dir: &Path) -> Outcome<Self> {
        let gpg = Self(dir.join("gnupg"));
        std::fs::create_dir(&gpg.0)?;
        assert!(gpg.command().arg("--import").arg(key).status()?.success(), "gpg imports the issuer");
        Ok(gpg)
    }

    /// Verifies the token in a file.
    pub fn verify(&self, file: &Path) -> Outcome<()> {
        assert!(self.command().arg("--verify").arg(file).status()?.success(), "gpg verifies the token");
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(&self.0).args(["--batch", "--quiet", "--no-autostart"]);
        command.stderr(Stdio::null());
        command
    }
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
