//! Verification of a whole log, beside a plain sum over the same bytes.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::filled::Filled;
use crate::measuring::median;

const ROUNDS: usize = 3;

/// How often it is looked at how much memory a program had at most.
const LOOK: Duration = Duration::from_millis(3);

/// Prints how long it takes to verify the log, and what memory that takes.
pub fn measure(filled: &Filled) -> Outcome<()> {
    let installation = &filled.installation;
    let export = installation.file("export.ndjson");
    let path = export.to_str().ok_or("no text")?;
    installation.run(&["audit", "checkpoint"])?;
    let begun = Instant::now();
    installation.run(&["audit", "export", "--format", "ndjson", "--out", path])?;
    let bytes = std::fs::metadata(&export)?.len() as f64;
    println!("  exported, {:.0} MB in {:.1} s", bytes / 1e6, begun.elapsed().as_secs_f64());
    let sum = || {
        let mut sum = Command::new("sha256sum");
        sum.arg(&export);
        sum
    };
    let key = installation.run(&["audit", "key"])?;
    let of_export = || installation.command(&["audit", "verify", "--export", path, "--key", key.trim()]);
    let of_store = || installation.command(&["audit", "verify"]);
    let commands: [(&str, &dyn Fn() -> Command); 3] =
        [("sha256sum", &sum), ("verify --export", &of_export), ("verify", &of_store)];
    let mut all = commands.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((name, command), ran) in commands.iter().zip(&mut all) {
            ran.push(run(command()).map_err(|error| format!("{name}: {error}"))?);
        }
    }
    for ((name, _), ran) in commands.iter().zip(&all) {
        let seconds = median(ran.iter().map(|ran| ran.seconds));
        let ratio = median(ran.iter().zip(&all[0]).map(|(ran, sum)| ran.seconds / sum.seconds));
        let memory = ran.iter().map(|ran| ran.memory).fold(0.0, f64::max);
        println!(
            "  {name:<16} {seconds:>7.2} s, {:>9.0} events/s, {ratio:>6.2} times sha256sum, at most {memory:>6.1} MiB",
            filled.events as f64 / seconds
        );
    }
    std::fs::remove_file(&export)?;
    Ok(())
}

struct Ran {
    seconds: f64,
    /// Resident at most, in MiB.
    memory: f64,
}

/// Runs a program to a good end.
fn run(mut command: Command) -> Outcome<Ran> {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?;
    let (status, mut memory) = (format!("/proc/{}/status", child.id()), 0.0);
    loop {
        // It only grows, and is gone with the program.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let most = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        memory = most.and_then(|kib| kib.trim().parse::<f64>().ok()).unwrap_or(memory);
        if let Some(ended) = child.try_wait()? {
            let seconds = begun.elapsed().as_secs_f64();
            return if ended.success() {
                Ok(Ran { seconds, memory: memory / 1024.0 })
            } else {
                Err(format!("it said no: {ended}").into())
            };
        }
        std::thread::sleep(LOOK);
    }
}
