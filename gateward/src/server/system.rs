//! The clock and the random source of the operating system, read here and in `cli` alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use jiff::Timestamp;

use crate::base::random::Random;
use crate::base::steady::SteadyClock;
use crate::base::time::Clock;
use crate::config::Config;
use crate::flows::audit::Observer;

/// Reads the wall clock.
#[expect(clippy::disallowed_methods, reason = "here the time comes in; everywhere else it is an argument")]
pub fn wall_clock() -> Timestamp {
    Timestamp::now()
}

/// Makes the clock of a program: the system's, judged by its own monotonic timer.
pub fn clock() -> Clock {
    let steady = Arc::new(Mutex::new(SteadyClock::new(wall_clock(), Instant::now())));
    let doubted = Arc::clone(&steady);
    Clock::judged(
        move || Ok(locked(&steady).read(wall_clock(), Instant::now())?),
        move || locked(&doubted).believe(wall_clock(), Instant::now()),
    )
}

fn locked(steady: &Mutex<SteadyClock>) -> MutexGuard<'_, SteadyClock> {
    steady.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the machine's name.
pub fn host_name() -> String {
    nix::unistd::gethostname()
        .map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Names this installation, as the configuration does.
pub fn observer(config: &Config) -> Observer {
    config
        .audit
        .name
        .as_ref()
        .map_or_else(|| Observer::new(host_name()), |name| Observer::new(name.to_string()))
}

/// Makes the random source of a program: the operating system's.
pub fn random() -> Random {
    let system = SystemRandom::new();
    Random::new(move |bytes| system.fill(bytes).expect("the operating system gives random bytes"))
}
