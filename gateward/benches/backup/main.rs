//! Backups a second, beside the recipe of the field and its peers, in the same run.
//!
//! `cargo bench -p gateward --bench backup` starts PostgreSQL, fills a database with what a data repository has
//! (texts, JSON, numbers), makes a folder of incompressible files, and backs each up: by `gateward backup run`,
//! by `pg_dump --format=custom | gpg --encrypt` as the recipe has it, by `gpg -z 0`, by zstd and `age`, and by
//! restic into a local repository. The ways take turns, `ROUNDS` times; it prints the median seconds, GB a
//! second of what went in, the ratio to each, and the most memory that was resident in gateward's process.
//! `MEGABYTES=n` for another size, `ONLY=database` or `ONLY=files` for one half. Needs PostgreSQL 15, `gpg`;
//! `zstd`, `age` and `restic` are left out where they are not installed.

#![expect(clippy::cast_precision_loss, reason = "counts and seconds, printed with three digits")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "what it shares with tests may stop where it stands")]

#[path = "../../tests/shared/cluster/mod.rs"]
mod cluster;
#[path = "../fdsn/measuring.rs"]
mod measuring;
mod ways;

use std::path::Path;

use cluster::Cluster;
use measuring::{median, number, wanted};
use ways::{Site, Way};

/// How much is backed up, in millions of bytes.
const MEGABYTES: usize = 1000;

/// How often each way is taken.
const ROUNDS: usize = 3;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let dir = tempfile::Builder::new().prefix("backup").tempdir_in(std::env::temp_dir())?;
    let megabytes = number("MEGABYTES").unwrap_or(MEGABYTES);
    let cluster = Cluster::start();
    let site = Site::make(dir.path(), &cluster)?;
    if wanted("database") {
        site.fill_database(megabytes);
        let bytes = site.bytes(&["pg_dump", "--format=custom", "--compress=0"])?;
        println!("a database: {:.0} MB of rows as pg_dump writes them", bytes as f64 / 1e6);
        compare(&site, &site.ways_of_database(), bytes)?;
    }
    if wanted("files") {
        site.fill_files(dir.path(), megabytes)?;
        let bytes = site.bytes(&["tar"])?;
        println!("incompressible files: {:.0} MB", bytes as f64 / 1e6);
        compare(&site, &site.ways_of_files(), bytes)?;
    }
    Ok(())
}

fn compare(site: &Site, ways: &[Way], bytes: u64) -> Outcome<()> {
    let rounds = number("ROUNDS").unwrap_or(ROUNDS);
    let mut seconds = vec![Vec::new(); ways.len()];
    let (mut memory, mut sizes) = (vec![0.0f64; ways.len()], vec![0; ways.len()]);
    for _ in 0..rounds {
        for (at, way) in ways.iter().enumerate() {
            let taken = site.take(way)?;
            seconds[at].push(taken.seconds);
            memory[at] = memory[at].max(taken.memory);
            sizes[at] = taken.bytes;
        }
    }
    let medians: Vec<f64> = seconds.into_iter().map(median).collect();
    // The recipe is the last of the ways.
    let recipe = medians[medians.len() - 1];
    for (at, way) in ways.iter().enumerate() {
        let rate = bytes as f64 / medians[at] / 1e9;
        let (ratio, out) = (recipe / medians[at], sizes[at] as f64 / 1e6);
        let memory = if memory[at] > 0.0 { format!(", {:.0} MiB", memory[at]) } else { String::new() };
        println!(
            "{:<44}{:>7.2} s {rate:>6.3} GB/s, {ratio:>5.2} times the recipe, {out:.0} MB{memory}",
            way.name, medians[at]
        );
    }
    Ok(())
}

/// How long all files below `folder` are.
fn length_of(folder: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let there = entry.metadata()?;
        bytes += if there.is_dir() { length_of(&entry.path())? } else { there.len() };
    }
    Ok(bytes)
}
