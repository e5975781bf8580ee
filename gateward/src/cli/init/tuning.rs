//! What a password's hash may cost on this machine.

use std::num::NonZero;
use std::time::{Duration, Instant};

use crate::base::secret::Secret;
use crate::config::Passwords;
use crate::flows::passwords::Cost;
use crate::server::system;

/// How long one hash is to take: dear for whoever guesses, unnoticed by whoever logs in.
const WANTED: Duration = Duration::from_millis(100);

/// The memory of one hash, as RFC 9106 section 4 recommends where there is no more to spare.
const MEMORY_MIB: u32 = 64;

/// Measures how much fits into a tenth of a second, and never goes below what is recommended.
pub(super) fn measure() -> Passwords {
    let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
    let at_once = u32::try_from(cores.clamp(2, 8)).unwrap_or(2);
    let once = Cost { memory_kib: MEMORY_MIB * 1024, passes: 1 };
    let random = system::random();
    let took = |_| {
        let begun = Instant::now();
        let _hash = once.hash(&Secret::new("measured and thrown away".into()), &random);
        begun.elapsed()
    };
    // The second time, its memory is there already.
    let took = (0..2).map(took).min().unwrap_or(WANTED);
    fitting(took, at_once)
}

fn fitting(one_pass: Duration, at_once: u32) -> Passwords {
    if one_pass > WANTED * 2 {
        return Passwords { at_once, ..Passwords::default() };
    }
    let passes = WANTED.as_micros() / one_pass.as_micros().max(1);
    let passes = u32::try_from(passes).unwrap_or(10).clamp(1, 10);
    Passwords { memory_mib: MEMORY_MIB, passes, at_once }
}

/// Writes it as the configuration has it.
pub(super) fn text(passwords: Passwords) -> String {
    let Passwords { memory_mib, passes, at_once } = passwords;
    format!(
        "\n# What a guess at a user's password costs here, as measured: Argon2id, about a tenth of a second of one core.\n\
         [passwords]\nmemory_mib = {memory_mib}\npasses = {passes}\nat_once = {at_once}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_machine_still_gets_what_is_recommended_and_a_fast_one_more() {
        let fitting = |millis| fitting(Duration::from_millis(millis), 2);
        assert_eq!(fitting(1000), Passwords::default());
        assert_eq!((fitting(150).memory_mib, fitting(150).passes), (64, 1));
        assert_eq!((fitting(30).memory_mib, fitting(30).passes), (64, 3));
        assert_eq!(fitting(0).passes, 10);
    }
}
