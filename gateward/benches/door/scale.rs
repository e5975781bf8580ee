//! Many machines, people and credentials: what a start, a look and the memory come to.

use std::path::Path;

use crate::certificates::Certificates;
use crate::load::{self, Load};
use crate::measuring::number;
use crate::population::Population;
use crate::site::Site;
use crate::{Outcome, nginx};

/// Prints the same of a door that knows one of each, and of one that knows very many.
pub fn measure(dir: &Path) -> Outcome<()> {
    let many = Population { nodes: 10_000, users: 100_000, tokens: 1_000_000 };
    println!();
    for (name, population) in [("few", Population::default()), ("many", many)] {
        let dir = crate::fresh(dir, name)?;
        let certificates = Certificates::make(&dir)?;
        let upstream = nginx::upstream(&dir)?;
        let site = Site::open(&crate::fresh(&dir, "door")?, &upstream, &certificates, population)?;
        // What was written past the program is still on its way to the disk, and each answer waits behind it.
        nix::unistd::sync();
        let load = Load { count: number("ANSWERS").unwrap_or(20_000), connections: 16, kept: true };
        let went = load::ask(site.port, &site.token, &certificates, load)?;
        println!(
            "{} nodes, {} users, {} API tokens: open in {:.0} ms, {:.1} MiB resident, {:.0} answers/s, p99 {:.2} ms",
            population.nodes + 1,
            population.users + 1,
            population.tokens + 1,
            site.started_in.as_secs_f64() * 1e3,
            site.process.memory("VmRSS")?,
            went.per_second,
            went.p99,
        );
    }
    Ok(())
}
