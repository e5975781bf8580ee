//! The second lock: what the upstream sends is compared with what may be had, record by record.

use crate::code::{Codes, CodesRef};
use crate::line::Line;
use crate::pattern::{Pattern, Patterns};
use crate::permit::Permitted;
use crate::rights::Rights;
use crate::rules::Rules;
use crate::span::Span;
use crate::spans::Spans;
use crate::time::Time;
use std::collections::HashMap;
use std::fmt::Write as _;

/// What is to be done with a record.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It was asked for and nothing in it is forbidden.
    Pass,
    /// It was asked for, or lies beside what was, and is not sent on.
    LeftOut(Why),
    /// Nobody asked for it: the upstream does not do what it is told.
    Outside,
}

/// Why a record is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Some of it may be had and some not.
    Straddles,
    /// It came by a wildcard, and the inventory does not list it.
    Unlisted,
    /// It ends before what was asked for, or begins after it, by less than its own length or a second.
    /// Servers that let a record last until the next one begins send such a neighbour.
    Beside,
}

/// Judges the records that answer one request, by the rules that made its lines.
///
/// Works out once what holds for a channel, and remembers it: to judge one more record of the same
/// channel takes no allocation. The first record of a channel is compared with the lines that name its
/// network and its station, and with those that name one of them and have a wildcard for the other, or
/// for both. So its cost is that of all lines only where all have a wildcard for the same thing, at most
/// [`MAX_LINES`](crate::MAX_LINES) comparisons: about a millisecond.
#[derive(Debug)]
pub struct Judge {
    lines: Vec<Line>,
    /// By each network and station that they name, or [`ANY`] for a list with a wildcard.
    by_station: HashMap<String, Vec<usize>>,
    rules: Rules,
    rights: Rights,
    known: HashMap<String, usize>,
    verdicts: Vec<Verdict>,
    /// The channel of the last record, as its header had it, and its place among the verdicts.
    last: Codes,
    last_at: Option<usize>,
    key: String,
}

/// What holds for one channel.
#[derive(Debug)]
struct Verdict {
    asked: Spans,
    forbidden: Spans,
    /// Forbidden for more than being unlisted.
    restricted: Spans,
}

impl Judge {
    /// Judges what answers `permitted`, which [`permit`](crate::permit) made by the same `rules` and `rights`.
    pub fn new(permitted: &Permitted, rules: Rules, rights: Rights) -> Self {
        let mut by_station: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, line) in permitted.lines.iter().enumerate() {
            for network in places(&line.networks) {
                for station in places(&line.stations) {
                    by_station.entry(station_key(network, station)).or_default().push(at);
                }
            }
        }
        Self {
            lines: permitted.lines.clone(),
            by_station,
            rules,
            rights,
            known: HashMap::new(),
            verdicts: Vec::new(),
            last: Codes::default(),
            last_at: None,
            key: String::new(),
        }
    }

    /// Judges a record of a channel from its first to its last sample.
    ///
    /// The codes may be as a header has them, with blanks and in any case. A record whose end is
    /// before its start holds nothing that could have been asked for: [`Judgement::Outside`].
    pub fn judge(&mut self, codes: CodesRef<'_>, start: Time, end: Time) -> Judgement {
        let at = match self.last_at {
            Some(at) if same(&self.last, codes) => at,
            _ => self.place_of(codes),
        };
        self.verdicts[at].judge(Span::new(start, end))
    }

    /// Where the verdict on a channel is; made if this is its first record.
    fn place_of(&mut self, codes: CodesRef<'_>) -> usize {
        self.key.clear();
        for code in [codes.network, codes.station, codes.location, codes.channel] {
            // With its length, so that no two channels share a key, whatever a header holds.
            let _ = write!(self.key, "{}:{code}", code.len());
        }
        let at = match self.known.get(self.key.as_str()) {
            Some(at) => *at,
            None => self.add(codes),
        };
        replace(&mut self.last, codes);
        self.last_at = Some(at);
        at
    }

    fn add(&mut self, codes: CodesRef<'_>) -> usize {
        if self.verdicts.len() >= MAX_CHANNELS {
            self.known.clear();
            self.verdicts.clear();
        }
        let codes = codes.normalised();
        let (network, station) = (codes.network.as_str(), codes.station.as_str());
        let near = [(network, station), (network, ANY), (ANY, station), (ANY, ANY)];
        let near = near
            .into_iter()
            .filter_map(|(network, station)| self.by_station.get(&station_key(network, station)));
        let lines = near.flatten().map(|at| &self.lines[*at]);
        let asked = Spans::union(lines.filter(|line| line.matches(codes.borrowed())).map(|line| line.span));
        let forbidden = self.rules.forbidden(&codes, &self.rights);
        self.verdicts.push(Verdict { asked, forbidden: forbidden.all(), restricted: forbidden.listed() });
        let at = self.verdicts.len() - 1;
        self.known.insert(self.key.clone(), at);
        at
    }
}

/// Channels remembered at once, so that an upstream that makes channels up does not fill the memory.
const MAX_CHANNELS: usize = 65_536;

impl Verdict {
    fn judge(&self, record: Span) -> Judgement {
        if !self.asked.overlaps(record) {
            let beside = neighbourhood(record).is_some_and(|around| self.asked.overlaps(around));
            return if beside { Judgement::LeftOut(Why::Beside) } else { Judgement::Outside };
        }
        if !self.forbidden.overlaps(record) {
            return Judgement::Pass;
        }
        let asked = self.asked.and(&Spans::from(record));
        if !asked.without(&self.forbidden).is_empty() {
            Judgement::LeftOut(Why::Straddles)
        } else if asked.and(&self.restricted).is_empty() {
            Judgement::LeftOut(Why::Unlisted)
        } else {
            Judgement::Outside
        }
    }
}

/// The record, and its own length (or a second, if it is shorter) on both sides.
fn neighbourhood(record: Span) -> Option<Span> {
    let (first, last) = (record.first().as_micros(), record.last().as_micros());
    let around = (last - first).max(A_SECOND);
    (first <= last).then(|| Span::new(Time::from_micros(first - around), Time::from_micros(last + around)))
}

/// In microseconds.
const A_SECOND: i64 = 1_000_000;

/// Where lines with a wildcard are; no code is a star.
const ANY: &str = "*";

/// The codes under which a list is found.
fn places(patterns: &Patterns) -> Vec<&str> {
    if patterns.are_literal() { patterns.iter().map(Pattern::as_str).collect() } else { vec![ANY] }
}

fn station_key(network: &str, station: &str) -> String {
    format!("{network}\n{station}")
}

/// Whether `codes` are `last`. Empty texts are not handed to `memcmp`: an empty `String` has no place in
/// memory, and a masked vector load from there takes longer than all the rest of a judgement.
fn same(last: &Codes, codes: CodesRef<'_>) -> bool {
    let last = last.borrowed();
    let same = |one: &str, other: &str| one.len() == other.len() && (one.is_empty() || one == other);
    same(last.station, codes.station)
        && same(last.channel, codes.channel)
        && same(last.network, codes.network)
        && same(last.location, codes.location)
}

/// Keeps the allocations of what stood there before.
fn replace(last: &mut Codes, codes: CodesRef<'_>) {
    codes.network.clone_into(&mut last.network);
    codes.station.clone_into(&mut last.station);
    codes.location.clone_into(&mut last.location);
    codes.channel.clone_into(&mut last.channel);
}
