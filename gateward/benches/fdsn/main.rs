//! The FDSN door beside nginx: large answers of waveforms, and small ones with Digest.
//!
//! `cargo bench -p gateward --bench fdsn` puts the release binary and an nginx, both with plain HTTP
//! on the loopback device, before the same upstream: another nginx, which sends files of synthetic
//! miniSEED. It prints how fast each carries 1 GiB, with the records of the answer looked into
//! (`verify_stream`) and without, what processor time that takes, and the memory of the door; then
//! how many answers of 1 KiB each gives a second, the door with HTTP Digest and a durable event for
//! each answer, nginx with a password in plain text and an access log. Whoever is compared takes
//! turns. Needs `nginx`.
//!
//! `MIB=n`, `ROUNDS=n` and `ANSWERS=n` for other amounts, `ONLY=streams` or `ONLY=answers` for half
//! of it.

#![expect(clippy::cast_precision_loss, reason = "counts and seconds, printed with three digits")]

use std::path::Path;

use crate::door::Door;
use crate::measuring::{number, wanted};
use crate::running_nginx::Nginx;

mod answers;
mod archive;
mod door;
mod measuring;
mod nginx;
#[path = "../../tests/shared/cluster/ports.rs"]
mod ports;
mod process;
mod running_nginx;
mod stream;

/// What a benchmark's step comes to.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let dir = tempfile::Builder::new().prefix("fdsn-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let upstream = nginx::upstream(dir.path(), &archive::FILES)?;
    let peer = nginx::peer(dir.path(), &upstream)?;
    let door = Door::before(&upstream, dir.path())?;
    measure(dir.path(), &door, &peer).inspect_err(|_| eprintln!("{}", door.log()))
}

fn measure(dir: &Path, door: &Door, peer: &Nginx) -> Outcome<()> {
    let rounds = number("ROUNDS").unwrap_or(5);
    if wanted("streams") {
        for file in archive::LARGE {
            let path = dir.join(file.name);
            archive::write_large(&path, file.record_length, number("MIB").unwrap_or(1024) << 20)?;
            stream::compare(door, peer, file, rounds)?;
            std::fs::remove_file(path)?;
        }
    }
    if wanted("answers") {
        archive::write_small(&dir.join(archive::SMALL))?;
        for connections in [16, 48] {
            let count = number("ANSWERS").unwrap_or(20_000);
            answers::compare(door, peer, answers::Load { count, connections, rounds })?;
        }
    }
    Ok(())
}
