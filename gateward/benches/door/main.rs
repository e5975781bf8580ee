//! The door for known machines and people beside nginx, over TLS with client certificates.
//!
//! `cargo bench -p gateward --bench door` puts the release binary and an nginx before the same upstream, a plain
//! nginx. The door wants a registered node's certificate and an API token, decides by grants, and has each
//! answer's event on the disk before it leaves; its peer wants a certificate of the authority (`ssl_verify_client
//! on`), asks a small authoriser about the token (`auth_request`) and writes an access log. There are two such peers:
//! one asks another nginx with a table, the quickest there is, one asks a server in Node (`authoriser.js`), as usual
//! ones are. Whoever is compared takes turns. It prints
//!
//! - `requests`: answers of 1 KiB a second and their 99th percentile, on connections that are kept and on new ones;
//! - `bodies`: how fast 100 MiB come;
//! - `memory`: what an idle connection takes, and 1 000 answers that run at once;
//! - `grants`: what a decision about one node costs with 10, 1 000 and 100 000 grants;
//! - `scale`: start, memory and requests with 10 000 nodes, 100 000 users and 1 000 000 API tokens.
//!
//! Needs `nginx`, `curl` and `node`. `ONLY=part` for one of these, `ANSWERS=n`, `ROUNDS=n`, `STREAMS=n` for other
//! amounts, `STORE=postgres://...` for an empty database there.

#![expect(clippy::cast_precision_loss, reason = "counts and seconds, printed with three digits")]

use std::path::Path;

use crate::measuring::{number, wanted};
use crate::pair::Pair;

mod authoriser;
mod bodies;
mod certificates;
mod connections;
mod grants;
mod load;
#[path = "../fdsn/measuring.rs"]
mod measuring;
mod nginx;
mod pair;
mod population;
#[path = "../../tests/shared/cluster/ports.rs"]
mod ports;
#[path = "../fdsn/process.rs"]
mod process;
mod requests;
#[path = "../fdsn/running_nginx.rs"]
mod running_nginx;
mod scale;
mod site;

/// What a benchmark's step comes to.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let dir = tempfile::Builder::new().prefix("door-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    if ["requests", "bodies", "memory"].into_iter().any(wanted) {
        let pair = Pair::start(dir.path())?;
        beside_nginx(&pair).inspect_err(|_| eprintln!("{}", pair.site.log()))?;
    }
    if wanted("grants") {
        grants::measure(dir.path())?;
    }
    if wanted("scale") {
        scale::measure(&fresh(dir.path(), "scale")?)?;
    }
    Ok(())
}

fn beside_nginx(pair: &Pair) -> Outcome<()> {
    let rounds = number("ROUNDS").unwrap_or(5);
    if wanted("requests") {
        requests::compare(pair, rounds)?;
    }
    if wanted("bodies") {
        bodies::compare(pair, rounds)?;
    }
    if wanted("memory") {
        connections::measure(pair, number("STREAMS").unwrap_or(1000))?;
    }
    Ok(())
}

fn fresh(dir: &Path, name: &str) -> Outcome<std::path::PathBuf> {
    let folder = dir.join(name);
    std::fs::create_dir(&folder)?;
    Ok(folder)
}
