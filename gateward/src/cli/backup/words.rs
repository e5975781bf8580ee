//! How lengths and times are said.

use jiff::SignedDuration;

/// Says a length in the unit that leaves one to three digits before the point.
pub(super) fn bytes(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut whole, mut tenths, mut unit) = (bytes / 1000, bytes % 1000 / 100, 0);
    while whole >= 1000 {
        (tenths, whole, unit) = (whole % 1000 / 100, whole / 1000, unit + 1);
    }
    format!("{whole}.{tenths} {}", units[unit])
}

/// Says a time in its two largest units.
pub(super) fn time(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    if seconds < 10 {
        return format!("{seconds}.{} s", time.subsec_millis().max(0) / 100);
    }
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_times_are_said_as_people_say_them() {
        for (count, said) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_550_000, "1.5 MB"), (u64::MAX, "18.4 EB")]
        {
            assert_eq!(bytes(count), said);
        }
        for (seconds, said) in
            [(4, "4.0 s"), (14, "14 s"), (64, "1 min 4 s"), (7260, "2 h 1 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(time(SignedDuration::from_secs(seconds)), said);
        }
    }
}
