//! How much work a guess at a password costs.

use serde::Deserialize;

/// What Argon2id (RFC 9106) takes for the password of a user; `gateward init` measures it.
///
/// Each hash says what it was made with, so these can be raised at any time: hashes that cost less are made
/// anew when their users log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Passwords {
    /// Memory of one hash, in MiB.
    pub memory_mib: u32,
    /// How often that memory is gone through.
    pub passes: u32,
    /// How many hashes are computed at once; whoever comes beyond waits a little, and is then told to come back.
    pub at_once: u32,
}

impl Default for Passwords {
    /// OWASP's second choice for Argon2id.
    fn default() -> Self {
        Self { memory_mib: 19, passes: 2, at_once: 2 }
    }
}

impl Passwords {
    /// Refuses what a thief of the database would find too cheap, and what no machine has.
    pub(super) fn check(self) -> Result<(), String> {
        let Self { memory_mib, passes, at_once } = self;
        // OWASP's password storage cheat sheet: 46 MiB once, 19 MiB twice.
        if !(19..=4096).contains(&memory_mib)
            || (memory_mib < 46 && passes < 2)
            || !(1..=100).contains(&passes)
        {
            let reason = "memory_mib is 19 to 4096 and passes 1 to 100, with less than 46 MiB at least 2";
            return Err(reason.into());
        }
        if !(1..=64).contains(&at_once) {
            return Err("at_once is 1 to 64".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_that_costs_next_to_nothing_is_refused() {
        let passwords = |memory_mib, passes, at_once| Passwords { memory_mib, passes, at_once }.check();
        for (memory, passes, at_once) in [(19, 2, 1), (46, 1, 2), (64, 3, 64), (4096, 100, 1)] {
            assert!(passwords(memory, passes, at_once).is_ok(), "{memory} {passes}");
        }
        for (memory, passes, at_once) in
            [(18, 9, 1), (19, 1, 1), (45, 1, 1), (64, 0, 1), (64, 1, 0), (64, 1, 65)]
        {
            assert!(passwords(memory, passes, at_once).is_err(), "{memory} {passes}");
        }
    }
}
