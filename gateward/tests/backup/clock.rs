//! Runs at other times than now, by Debian's faketime.

use std::process::Command;

use jiff::{SignedDuration, Timestamp};

use crate::faketime::{clock_off_by, set_off};
use crate::site::{Said, Site, finish};

/// Tomorrow half past twelve (UTC), so many hours later: later than whatever was made now, and nothing that is begun
/// then ends in another hour.
pub fn noon_and(hours: i64) -> Timestamp {
    let noon = gateward::server::system::wall_clock().to_zoned(jiff::tz::TimeZone::UTC).date();
    let noon = noon.tomorrow().unwrap().at(12, 30, 0, 0);
    let noon = noon.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    noon.checked_add(SignedDuration::from_hours(hours)).unwrap()
}

/// A command whose clock begins at `at`.
pub fn command_at(site: &Site, at: Timestamp, arguments: &[&str]) -> Command {
    let offset = site.offset();
    let seconds = at.duration_since(gateward::server::system::wall_clock()).as_secs();
    set_off(&offset, &format!("{seconds:+}"));
    let mut command = site.command(arguments);
    command.envs(clock_off_by(&offset));
    command
}

/// Runs a command whose clock begins at `at`.
pub fn run_at(site: &Site, at: Timestamp, arguments: &[&str]) -> Said {
    finish(&mut command_at(site, at, arguments))
}

/// Runs one that must answer yes.
#[track_caller]
pub fn good_at(site: &Site, at: Timestamp, arguments: &[&str]) -> Said {
    let said = run_at(site, at, arguments);
    assert_eq!(said.status, Some(0), "{arguments:?} at {at}: {}{}", said.out, said.err);
    said
}
