//! Syslog messages received a second.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::certificates::Certificates;
use crate::cluster::ports::free_port;
use crate::engine::Engine;
use crate::installation::Installation;
use crate::measuring::{median, number};
use crate::process::Process;
use crate::raw::Raw;
use crate::rsyslog::Rsyslog;
use crate::{Outcome, message, sending};

/// On how many connections they are sent.
const CONNECTIONS: [usize; 2] = [1, 8];

/// How long lies between two looks at a database.
const LOOK: Duration = Duration::from_millis(10);

/// How long all messages of a turn may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The position of the next event.
const NEXT: &str = "SELECT coalesce(max(position), -1) + 1 FROM event";

/// Somebody who receives.
struct Side {
    name: &'static str,
    certificates: Certificates,
    port: u16,
    receiver: Receiver,
}

enum Receiver {
    Gateward { process: Process, store: Raw },
    Rsyslog(Box<Rsyslog>),
}

/// Prints how many messages each of them keeps a second.
pub async fn compare(dir: &Path, rounds: usize) -> Outcome<()> {
    let (sqlite, postgres) = (Engine::named("sqlite")?, Engine::named("postgres")?);
    let Engine::Postgres(cluster) = &postgres else { return Err("no PostgreSQL".into()) };
    let mut sides = Vec::new();
    for (name, engine) in [("gateward, SQLite", &sqlite), ("gateward, PostgreSQL", &postgres)] {
        sides.push(Side::gateward(name, &dir.join(name), engine).await?);
    }
    let certificates = sides[0].certificates.clone();
    let rsyslog = Rsyslog::start(&dir.join("rsyslog"), cluster, &certificates).await?;
    let (name, port, receiver) = ("rsyslog, PostgreSQL", rsyslog.port, Receiver::Rsyslog(Box::new(rsyslog)));
    sides.push(Side { name, certificates, port, receiver });

    let messages = number("MESSAGES").unwrap_or(20_000);
    println!("messages of {} bytes", message::framed(messages).len());
    for connections in CONNECTIONS {
        between(&sides, connections, messages, rounds).await?;
    }
    Ok(())
}

/// One round: messages a second, processor time in microseconds each.
type Round = [f64; 2];

async fn between(sides: &[Side], connections: usize, messages: usize, rounds: usize) -> Outcome<()> {
    let mut all: Vec<Vec<Round>> = vec![Vec::new(); sides.len()];
    // The first round warms up.
    for at in 0..=rounds {
        for (side, rounds) in sides.iter().zip(&mut all) {
            let round = side.take(connections, messages).await?;
            rounds.extend((at > 0).then_some(round));
        }
    }
    println!("\n{connections} connections, median of {rounds} rounds of {messages}");
    for (side, rounds) in sides.iter().zip(&all) {
        let [rate, cpu] = [0, 1].map(|at| median(rounds.iter().map(|round| round[at])));
        println!("{:<22} {rate:>8.0} /s   {cpu:>5.0} us of its own processor time each", side.name);
    }
    let (theirs, ours) = all.split_last().ok_or("nobody receives")?;
    for (side, ours) in sides.iter().zip(ours) {
        let ratios = || ours.iter().zip(theirs).map(|(ours, theirs)| ours[0] / theirs[0]);
        let (least, most) = (ratios().fold(f64::MAX, f64::min), ratios().fold(0.0, f64::max));
        println!("{:<22} {:>8.2} times rsyslog ({least:.2} to {most:.2})", side.name, median(ratios()));
    }
    Ok(())
}

impl Side {
    async fn gateward(name: &'static str, dir: &Path, engine: &Engine) -> Outcome<Self> {
        let database = engine.database("received").await?;
        let port = free_port();
        let syslog = format!("[audit.syslog]\nlisten = \"127.0.0.1:{port}\"\n");
        let installation = Installation::make(dir, &database, syslog)?;
        installation.enroll()?;
        let process = installation.serve()?;
        let receiver = Receiver::Gateward { process, store: database.raw().await? };
        Ok(Self { name, certificates: installation.certificates, port, receiver })
    }

    /// Sends it messages, and waits until all of them are in its database.
    async fn take(&self, connections: usize, messages: usize) -> Outcome<Round> {
        let shares = (0..connections).map(|at| {
            let (first, end) = (at * messages / connections, (at + 1) * messages / connections);
            message::all_framed(first, end - first)
        });
        let shares = shares.collect();
        let (mark, cpu) = (self.mark().await?, self.cpu()?);
        let connected = sending::connect(&self.certificates, self.port, connections).await?;
        let begun = Instant::now();
        let connected = connected.send(shares).await?;
        let all = i64::try_from(messages)?;
        while self.kept(mark, all).await? < all {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{}: messages are missing", self.name).into());
            }
            tokio::time::sleep(LOOK).await;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let cpu = self.cpu()? - cpu;
        connected.close().await?;
        let kept = self.kept(mark, all).await?;
        if kept != all {
            return Err(format!("{}: {kept} messages are there, and not {all}", self.name).into());
        }
        let count = messages as f64;
        Ok([count / seconds, cpu / count * 1e6])
    }

    /// Where the next messages come to be: counting begins there, so that it stays cheap.
    async fn mark(&self) -> Outcome<i64> {
        match &self.receiver {
            Receiver::Gateward { store, .. } => store.integer(NEXT).await,
            Receiver::Rsyslog(rsyslog) => rsyslog.forget().await.map(|()| 0),
        }
    }

    /// How many messages its database has from `mark` on, and has read for what they are; it is looked at closely only
    /// once there are as many rows as messages.
    async fn kept(&self, mark: i64, all: i64) -> Outcome<i64> {
        match &self.receiver {
            Receiver::Gateward { store, .. } => {
                let rows = store.integer(NEXT).await? - mark;
                if rows < all {
                    return Ok(rows);
                }
                let read = format!(
                    "SELECT count(*) FROM event WHERE position >= {mark} AND body LIKE '%\"form\":\"dicom\"%'"
                );
                store.integer(&read).await
            }
            Receiver::Rsyslog(rsyslog) => rsyslog.kept().await,
        }
    }

    fn cpu(&self) -> Outcome<f64> {
        match &self.receiver {
            Receiver::Gateward { process, .. } => process.cpu(),
            Receiver::Rsyslog(rsyslog) => rsyslog.process.cpu(),
        }
    }
}
