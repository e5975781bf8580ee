//! Answers of 1 KiB, each to a machine and a person.

use crate::Outcome;
use crate::load::{self, Load};
use crate::measuring::{median, number};
use crate::pair::{Pair, Side};

/// Prints how many answers they give a second, on kept connections and on new ones.
pub fn compare(pair: &Pair, rounds: usize) -> Outcome<()> {
    let answers = number("ANSWERS").unwrap_or(20_000);
    for connections in [16, 64] {
        one(pair, Load { count: answers, connections, kept: true }, rounds)?;
    }
    one(pair, Load { count: answers / 10, connections: 16, kept: false }, rounds)
}

/// What a round came to: answers a second, 99th percentile in milliseconds, processor time in microseconds each.
type Round = [f64; 3];

fn one(pair: &Pair, load: Load, rounds: usize) -> Outcome<()> {
    let sides = pair.sides();
    let mut all: Vec<Vec<Round>> = vec![Vec::new(); sides.len()];
    // The first round warms up.
    for at in 0..=rounds {
        for (side, rounds) in sides.iter().zip(&mut all) {
            let round = measure(pair, side, load)?;
            if at > 0 {
                rounds.push(round);
            }
        }
    }
    let how = if load.kept { "kept" } else { "new" };
    println!("\n1 KiB, {} connections, {how}; median of {rounds} rounds of {}", load.connections, load.count);
    for (side, rounds) in sides.iter().zip(&all) {
        let middle = |at: usize| median(rounds.iter().map(|round| round[at]));
        let [per_second, p99, cpu] = [0, 1, 2].map(middle);
        println!(
            "{:<12} {per_second:>8.0} /s   p99 {p99:>7.2} ms   {cpu:>6.0} us of processor time each",
            side.name
        );
    }
    for (side, peer) in sides.iter().zip(&all).skip(1) {
        let ratios = all[0].iter().zip(peer).map(|(ours, theirs)| ours[0] / theirs[0]);
        println!("ratio     {:>8.2}, beside {}", median(ratios), side.name);
    }
    Ok(())
}

fn measure(pair: &Pair, side: &Side<'_>, load: Load) -> Outcome<Round> {
    let before = side.cpu()?;
    let went = load::ask(side.port, &pair.site.token, &pair.certificates, load)?;
    let cpu = (side.cpu()? - before) / load.count as f64 * 1e6;
    Ok([went.per_second, went.p99, cpu])
}
