//! A small world, and what is forbidden in it, decided channel by channel and instant by instant.
//!
//! Written against the promise and not against the crate: its own matcher, its own time, its own sets.
//! Time has ticks, and a point between any two of them; intervals begin and end at ticks, so that one
//! point stands for all instants between its neighbours.

use std::fmt::Write as _;

pub const NETWORKS: [&str; 3] = ["A1", "A2", "B1"];
pub const STATIONS: [&str; 2] = ["S1", "T1"];
pub const LOCATIONS: [&str; 2] = ["", "00"];
pub const CHANNELS: [&str; 2] = ["HHZ", "BHN"];
/// How many channels there can be, listed or not.
pub const PLACES: usize = 24;
/// Ticks and the points between them.
pub const POINTS: u32 = 17;
/// Microseconds from one point to the next: three ticks in a row are a hole of more than a second.
const STEP: i64 = 200_000;
/// Point 0, in microseconds after 2015-01-01T00:00:00.
const ORIGIN: i64 = 10_000_000;
/// 2015-01-01T00:00:00 in microseconds since 1970.
const BASE: i64 = 1_420_070_400_000_000;

/// A set of points, one bit each.
pub type Points = u32;

/// First and last tick, both included.
pub type Ticks = (Option<u32>, Option<u32>);

#[derive(Clone, Debug)]
pub struct World {
    /// Nobody knows it if `None`: place, ticks, restricted.
    pub inventory: Option<Vec<(usize, u32, u32, bool)>>,
    pub restrictions: Vec<Restricted>,
    pub rights: Rights,
    pub refuses_unlisted: bool,
}

#[derive(Clone, Debug)]
pub struct Restricted {
    pub codes: [&'static str; 4],
    pub years: Ticks,
    pub when: Ticks,
}

#[derive(Clone, Debug)]
pub enum Rights {
    Nothing,
    Everything,
    Networks(Vec<(&'static str, Ticks)>),
}

/// What a request or an upstream's reading of one selects: lists of patterns, an empty one for everything.
#[derive(Clone, Debug)]
pub struct Selection {
    pub lists: [Vec<String>; 4],
    pub points: Points,
}

/// What one caller may not have of one channel.
#[derive(Clone, Copy, Debug)]
pub struct Forbidden {
    pub all: Points,
    /// For more than not being listed.
    pub restricted: Points,
    /// Whether the inventory knows the channel at all.
    pub is_known: bool,
}

pub fn codes(place: usize) -> [&'static str; 4] {
    [NETWORKS[place / 8], STATIONS[place / 4 % 2], LOCATIONS[place / 2 % 2], CHANNELS[place % 2]]
}

impl World {
    pub fn forbidden(&self, place: usize) -> Forbidden {
        let mut forbidden = Forbidden { all: 0, restricted: 0, is_known: false };
        let epochs = self.inventory.as_deref().unwrap_or_default();
        let epochs: Vec<_> =
            epochs.iter().filter(|epoch| epoch.0 == place).map(|epoch| (epoch.1, epoch.2, epoch.3)).collect();
        forbidden.is_known = !epochs.is_empty();
        for point in 0..POINTS {
            if self.is_granted(codes(place)[0], point) {
                continue;
            }
            let covering = epochs.iter().filter(|epoch| lasts(epoch.0, epoch.1, &epochs, point));
            let (is_listed, is_restricted) =
                covering.fold((false, false), |(_, before), epoch| (true, before || epoch.2));
            let is_unlisted = self.inventory.is_some() && self.refuses_unlisted && !is_listed;
            let restricted =
                self.inventory.is_none() || is_restricted || self.is_concerned(codes(place), point);
            forbidden.restricted |= u32::from(restricted) << point;
            forbidden.all |= u32::from(restricted || is_unlisted) << point;
        }
        forbidden
    }

    fn is_granted(&self, network: &str, point: u32) -> bool {
        match &self.rights {
            Rights::Nothing => false,
            Rights::Everything => true,
            Rights::Networks(granted) => {
                granted.iter().any(|(code, ticks)| *code == network && holds(*ticks, point))
            }
        }
    }

    fn is_concerned(&self, codes: [&str; 4], point: u32) -> bool {
        self.restrictions.iter().any(|restricted| {
            let named = restricted.codes.iter().zip(codes).all(|(pattern, code)| means(pattern, code));
            named && holds(restricted.years, point) && holds(restricted.when, point)
        })
    }
}

/// An epoch that ends at most a second before the next begins lasts until then.
fn lasts(start: u32, end: u32, epochs: &[(u32, u32, bool)], point: u32) -> bool {
    if holds((Some(start), Some(end)), point) {
        return true;
    }
    let next = epochs.iter().filter(|other| other.0 > end && other.0 <= other.1).map(|other| other.0).min();
    let lasts_until = next.filter(|next| i64::from(next - end) * 2 * STEP <= 1_000_000);
    start <= end && lasts_until.is_some_and(|next| point > end * 2 && point < next * 2)
}

/// Whether a point lies within ticks, both included.
pub fn holds((first, last): Ticks, point: u32) -> bool {
    first.is_none_or(|first| first * 2 <= point) && last.is_none_or(|last| point <= last * 2)
}

impl Selection {
    pub fn asks(&self, place: usize) -> Points {
        let named = self
            .lists
            .iter()
            .zip(codes(place))
            .all(|(list, code)| list.is_empty() || list.iter().any(|pattern| means(pattern, code)));
        if named { self.points } else { 0 }
    }

    pub fn is_literal(&self) -> bool {
        self.lists.iter().all(|list| !list.is_empty() && list.iter().all(|code| !code.contains(['*', '?'])))
    }
}

/// Whether any server could take `code` for one that `pattern` means.
pub fn means(pattern: &str, code: &str) -> bool {
    if code.is_empty() {
        return ["", "  ", "--"].iter().any(|blank| letters(pattern.as_bytes(), blank.as_bytes()));
    }
    letters(pattern.as_bytes(), code.as_bytes())
}

fn letters(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|cut| letters(rest, &text[cut..])),
        Some((b'?', rest)) => !text.is_empty() && letters(rest, &text[1..]),
        Some((letter, rest)) => text.first() == Some(letter) && letters(rest, &text[1..]),
    }
}

/// Reads what was written for the upstream, and nothing else: long names, one spelling.
pub fn read_query(query: &str) -> Selection {
    let mut lists: [Vec<String>; 4] = Default::default();
    let (mut start, mut end) = (i64::MIN, i64::MAX);
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').expect("name=value");
        match ["network", "station", "location", "channel"].iter().position(|known| *known == name) {
            Some(at) => lists[at] = value.split(',').map(ToOwned::to_owned).collect(),
            None if name == "starttime" => start = micros(value),
            None if name == "endtime" => end = micros(value),
            None => {}
        }
    }
    Selection { lists, points: points(start, end) }
}

/// Reads a bulk request as it was written for the upstream.
pub fn read_body(body: &str) -> Vec<Selection> {
    let lines = body.lines().filter(|line| !line.contains('='));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            assert!(fields.len() == 6 && !line.contains(','), "{line}");
            let lists = [0, 1, 2, 3].map(|at| vec![fields[at].to_owned()]);
            Selection { lists, points: points(micros(fields[4]), micros(fields[5])) }
        })
        .collect()
}

/// The points from one instant to another.
fn points(start: i64, end: i64) -> Points {
    let within = |point: &u32| (start..=end).contains(&(ORIGIN + i64::from(*point) * STEP));
    (0..POINTS).filter(within).fold(0, |points, point| points | 1 << point)
}

/// Microseconds after 2015-01-01T00:00:00; every other day is before or after everything.
fn micros(text: &str) -> i64 {
    let Some(clock) = text.strip_prefix("2015-01-01T00:00:") else {
        return if text < "2015-01-01" { i64::MIN } else { i64::MAX };
    };
    let (seconds, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let fraction: i64 = format!("{fraction:0<6}").parse().expect("digits");
    seconds.parse::<i64>().expect("digits") * 1_000_000 + fraction
}

/// The instant of a point, in microseconds since 1970.
pub fn instant(point: u32) -> i64 {
    BASE + ORIGIN + i64::from(point) * STEP
}

/// The instant of a tick as text.
pub fn text_of(tick: u32) -> String {
    let micros = ORIGIN + i64::from(tick) * 2 * STEP;
    let mut text = format!("2015-01-01T00:00:{:02}", micros / 1_000_000);
    if micros % 1_000_000 != 0 {
        let _ = write!(text, ".{:06}", micros % 1_000_000);
    }
    text
}
