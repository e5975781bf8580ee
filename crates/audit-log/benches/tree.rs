//! What the tree costs: appending entries, and verifying an export of events beside `sha256sum` over the same bytes.
//!
//! `cargo bench -p audit-log --bench tree`; needs `sha256sum`; EVENTS=n

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::BufWriter;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use audit_log::verify_export;
use audit_log::{
    Checkpoint, Edge, Entry, Event, ExportWriter, FORMAT_VERSION, Hash, PersonalHash, Row, Salted, Signer,
};

const ORIGIN: &str = "cr.example.org/log";
const INSTANCE: &str = "0193507a-0000-7000-8000-000000000002";
const ROUNDS: u32 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "a benchmark is told its size like this")]
    let events = std::env::var("EVENTS").map_or(Ok(1_000_000), |events| events.parse::<u64>())?;
    append(events);

    let path = std::env::temp_dir().join(format!("audit-log-bench-{}.ndjson", std::process::id()));
    let checkpoint = write_export(&path, events)?;
    let megabytes = decimal(std::fs::metadata(&path)?.len()) / 1e6;
    println!("an export of {events} events: {megabytes:.0} MB");
    let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        theirs = theirs.min(timed(|| sha256sum(&path))?);
        ours = ours.min(timed(|| {
            let exported = verify_export(File::open(&path)?, std::slice::from_ref(&checkpoint), &[])?;
            assert_eq!(exported.verified.confirmed, Some(events));
            Ok(())
        })?);
    }
    std::fs::remove_file(&path)?;
    for (what, time) in [("verified", ours), ("sha256sum", theirs)] {
        let seconds = time.as_secs_f64();
        println!(
            "{what}: {seconds:.2} s, {:.0} events/s, {:.0} MB/s",
            decimal(events) / seconds,
            megabytes / seconds
        );
    }
    println!("times sha256sum: {:.2}", ours.as_secs_f64() / theirs.as_secs_f64());
    Ok(())
}

/// Appends as a writer does: hashes the leaf, then keeps the nodes over 256 that get complete.
fn append(events: u64) {
    let (mut edge, mut kept) = (Edge::default(), 0_u64);
    let begun = Instant::now();
    for index in 0..events {
        let mut entry = Entry([7; 32]);
        entry.0[..8].copy_from_slice(&index.to_be_bytes());
        edge.append(Hash::of_leaf(&entry), |node| kept += u64::from(node.level >= 8 && node.level % 8 == 0));
    }
    black_box(edge.root());
    let nanoseconds = begun.elapsed().as_secs_f64() * 1e9 / decimal(events);
    println!("an entry appended to the tree: {nanoseconds:.0} ns ({kept} nodes kept of {events})");
}

/// Events as requests for a patient make them.
fn write_export(path: &Path, events: u64) -> Result<Checkpoint, Box<dyn Error>> {
    let mut edge = Edge::default();
    let mut export = ExportWriter::begin(BufWriter::new(File::create(path)?), ORIGIN, &edge)?;
    for position in 0..events {
        let id = format!("0193507a-0000-7000-8000-{position:012x}");
        // A thousand a second.
        let (second, part) = (position / 1000, position % 1000 * 1000);
        let (hour, minute) = (second / 3600 % 24, second / 60 % 60);
        let recorded_at = format!("2026-11-21T{hour:02}:{minute:02}:{:02}.{part:06}Z", second % 60);
        let body = format!(
            r#"{{"bytes":2048,"grant":"node:cr-{}","kind":"released","method":"GET","outcome":"done","path":"/fhir/Patient","service":"fhir","status":200,"transaction":"{id}","who":"node:cr-{}"}}"#,
            position % 97,
            position % 97,
        );
        let personal =
            format!(r#"{{"address":"192.0.2.{}","patients":["Patient/{position}"]}}"#, position % 250);
        let mut salt = [9; 16];
        salt[..8].copy_from_slice(&position.to_be_bytes());
        let personal_hash = PersonalHash::of(&salt, &personal);
        let (occurred_at, recorded_at) = (&*recorded_at, &*recorded_at);
        let event = Event {
            id: &id,
            format_version: FORMAT_VERSION,
            instance: INSTANCE,
            occurred_at,
            recorded_at,
            body: &body,
        };
        let entry = event.entry(&salt, personal_hash);
        edge.append(Hash::of_leaf(&entry), |_| ());
        export.write(&Row {
            position,
            id: &id,
            format_version: FORMAT_VERSION,
            instance: INSTANCE,
            occurred_at,
            recorded_at,
            body: Some(Salted { salt, text: &body }),
            personal: Some(Salted { salt, text: &personal }),
            personal_hash,
            entry,
            erasure: None,
        })?;
    }
    let checkpoint = Checkpoint::of(ORIGIN, &edge)?;
    let note = checkpoint.sign(&Signer::from_seed(ORIGIN, &[1; 32])?)?;
    export.finish(Some((note, &[])))?;
    Ok(checkpoint)
}

fn sha256sum(path: &Path) -> Result<(), Box<dyn Error>> {
    let done = Command::new("sha256sum").arg(path).stdout(Stdio::null()).status()?;
    if done.success() { Ok(()) } else { Err("sha256sum failed".into()) }
}

fn timed(mut what: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let begun = Instant::now();
    what()?;
    Ok(begun.elapsed())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn decimal(number: u64) -> f64 {
    number as f64
}
