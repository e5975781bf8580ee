//! Large bodies: how fast 100 MiB come through.

use std::process::Command;
use std::time::Instant;

use crate::Outcome;
use crate::measuring::median;
use crate::nginx::LARGE;
use crate::pair::{Pair, Side};

/// Prints how fast the two carry 100 MiB, and what that takes.
pub fn compare(pair: &Pair, rounds: usize) -> Outcome<()> {
    let mut sides = pair.sides();
    // Who is asked about the token, once, makes no difference here.
    sides.truncate(2);
    let mut all: [Vec<[f64; 2]>; 2] = [Vec::new(), Vec::new()];
    for at in 0..=rounds {
        for (side, rounds) in sides.iter().zip(&mut all) {
            let before = side.cpu()?;
            let seconds = fetch(pair, side)?;
            if at > 0 {
                rounds.push([seconds, side.cpu()? - before]);
            }
        }
    }
    println!("\n100 MiB to curl; median of {rounds} rounds");
    for (side, rounds) in sides.iter().zip(&all) {
        let rate = median(rounds.iter().map(|round| 100.0 / round[0]));
        let cpu = median(rounds.iter().map(|round| round[1]));
        println!("{:<12} {rate:>8.0} MiB/s   {:>6.0} ms of processor time", side.name, cpu * 1e3);
    }
    let ratios = all[0].iter().zip(&all[1]).map(|(ours, theirs)| theirs[0] / ours[0]);
    println!("ratio     {:>8.2}", median(ratios));
    println!("resident  {:>8.1} MiB at most so far", pair.site.process.memory("VmHWM")?);
    Ok(())
}

fn fetch(pair: &Pair, side: &Side<'_>) -> Outcome<f64> {
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--fail",
        "--output",
        "/dev/null",
        "--write-out",
        "%{size_download}",
    ]);
    curl.arg("--cacert").arg(&pair.certificates.ca);
    curl.arg("--cert").arg(&pair.certificates.node[0]).arg("--key").arg(&pair.certificates.node[1]);
    curl.args(["--header", &format!("Authorization: Bearer {}", pair.site.token)]);
    let begun = Instant::now();
    let ran = curl.arg(format!("https://localhost:{}/data/{}", side.port, LARGE.0)).output()?;
    let seconds = begun.elapsed().as_secs_f64();
    if ran.stdout != LARGE.1.to_string().into_bytes() {
        return Err(format!("curl: {}", String::from_utf8_lossy(&ran.stderr)).into());
    }
    Ok(seconds)
}
