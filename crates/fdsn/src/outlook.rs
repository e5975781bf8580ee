//! Whether anything forbidden is in a line, and which codes it stands for.

use crate::code::Codes;
use crate::inventory::{Channel, Inventory, Network, Station};
use crate::line::Line;
use crate::narrow::named;
use crate::pattern::Patterns;
use crate::permit::{TooMany, Wildcards};
use crate::restriction::Restriction;
use crate::rights::Rights;
use crate::rules::{Forbidden, Reason, Rules, Unlisted};
use crate::spans::Spans;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::rc::Rc;

/// What may become of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// Nothing forbidden is in it that would have to be taken out before it is sent on.
    Open,
    /// Nothing permitted is in it.
    Shut(Reason),
    /// It has to be taken apart; for a line with wildcards that may turn out to be for nothing.
    Mixed(Reason),
}

/// The rules for one caller, and how much was looked up for one request.
pub(crate) struct Survey<'a> {
    rules: &'a Rules,
    rights: &'a Rights,
    wildcards: Wildcards,
    forbidden: HashMap<Codes, Rc<Forbidden>>,
    work: usize,
}

/// The work for one request, in comparisons of a code with a pattern: a fraction of a second.
const MAX_WORK: usize = 10_000_000;

impl<'a> Survey<'a> {
    pub(crate) fn new(rules: &'a Rules, rights: &'a Rights, wildcards: Wildcards) -> Self {
        Self { rules, rights, wildcards, forbidden: HashMap::new(), work: 0 }
    }

    /// Says whether anything forbidden is in `line`.
    pub(crate) fn outlook(&mut self, line: &Line) -> Result<Outlook, TooMany> {
        self.work(WORK_A_LINE + said(line) + line.networks.count() * self.rights.granted().len())?;
        if self.rights.cover(line) {
            return Ok(Outlook::Open);
        }
        if let Some(codes) = named(line) {
            return self.outlook_of_one(codes, line);
        }
        self.work(said(line) * self.rules.restrictions.len())?;
        let Some(inventory) = &self.rules.inventory else {
            return Ok(self.unless_granted(line, Reason::InventoryUnknown));
        };
        if self.rules.restrictions.iter().any(|restriction| restriction.covers(line)) {
            return Ok(self.unless_granted(line, Reason::Configured));
        }
        if self.rules.restrictions.iter().any(|restriction| self.concerns(restriction, line)) {
            return Ok(Outlook::Mixed(Reason::Configured));
        }
        if self.lists_restricted(inventory, line)? {
            return Ok(Outlook::Mixed(Reason::Inventory));
        }
        if self.rules.unlisted == Unlisted::Open {
            return Ok(Outlook::Open);
        }
        if !self.lists_any(inventory, line)? {
            return Ok(self.unless_granted(line, Reason::Unlisted));
        }
        match self.wildcards {
            Wildcards::Stay => Ok(Outlook::Open),
            Wildcards::Expand => Ok(Outlook::Mixed(Reason::Unlisted)),
        }
    }

    /// Which instants of the line's network are granted.
    pub(crate) fn granted(&self, line: &Line) -> Spans {
        line.networks.single().map_or_else(Spans::none, |network| self.rights.of(network))
    }

    /// What of one channel is forbidden.
    pub(crate) fn forbidden(&mut self, codes: Codes) -> Result<Rc<Forbidden>, TooMany> {
        if let Some(known) = self.forbidden.get(&codes) {
            return Ok(Rc::clone(known));
        }
        self.work(self.rules.restrictions.len())?;
        let forbidden = Rc::new(self.rules.forbidden(&codes, self.rights));
        self.forbidden.insert(codes, Rc::clone(&forbidden));
        Ok(forbidden)
    }

    /// The networks that the line names, or that are listed or granted and match.
    pub(crate) fn networks(&mut self, line: &Line) -> Result<BTreeSet<String>, TooMany> {
        let mut codes = named_in(&line.networks);
        let granted = self.rights.granted().iter().map(|granted| granted.network.to_ascii_uppercase());
        codes.extend(granted.filter(|code| line.networks.matches(code)));
        if let Some(inventory) = &self.rules.inventory {
            self.work(work_to_seek(&line.networks))?;
            for (code, _, is_meant) in near(inventory.networks(), &line.networks) {
                self.work(1)?;
                codes.extend(is_meant.then(|| code.clone()));
            }
        }
        Ok(codes)
    }

    /// The stations that the line names, or that are listed in its network and match.
    pub(crate) fn stations(&mut self, line: &Line) -> Result<BTreeSet<String>, TooMany> {
        let mut codes = named_in(&line.stations);
        let network =
            line.networks.single().and_then(|code| self.rules.inventory.as_ref()?.networks().get(code));
        if let Some(network) = network {
            self.work(work_to_seek(&line.stations))?;
            for (code, _, is_meant) in near(&network.stations, &line.stations) {
                self.work(1)?;
                codes.extend(is_meant.then(|| code.clone()));
            }
        }
        Ok(codes)
    }

    /// The locations that the line names, or that are listed at its station and match.
    pub(crate) fn locations(&mut self, line: &Line) -> Result<BTreeSet<String>, TooMany> {
        let channels = self.listed_at(line);
        self.work(channels.len() * line.locations.count())?;
        let listed =
            channels.iter().map(|channel| &channel.location).filter(|code| line.locations.matches(code));
        let mut codes = named_in(&line.locations);
        codes.extend(listed.cloned());
        Ok(codes)
    }

    /// The channels that the line names, or that are listed at its location and match.
    pub(crate) fn channels(&mut self, line: &Line) -> Result<BTreeSet<String>, TooMany> {
        let channels = self.listed_at(line);
        self.work(channels.len() * (line.locations.count() + line.channels.count()))?;
        let here = channels.iter().filter(|channel| line.locations.matches(&channel.location));
        let listed = here.map(|channel| &channel.code).filter(|code| line.channels.matches(code));
        let mut codes = named_in(&line.channels);
        codes.extend(listed.cloned());
        Ok(codes)
    }

    fn listed_at(&self, line: &Line) -> &'a [Channel] {
        let station = || {
            let inventory = self.rules.inventory.as_ref()?;
            inventory.station(line.networks.single()?, line.stations.single()?)
        };
        station().map_or(&[], |station| station.near(&line.locations))
    }

    fn outlook_of_one(&mut self, codes: Codes, line: &Line) -> Result<Outlook, TooMany> {
        let forbidden = self.forbidden(codes)?;
        let asked = Spans::from(line.span);
        let Some(reason) = forbidden.reasons(&asked).next() else {
            return Ok(Outlook::Open);
        };
        let is_shut = asked.without(&forbidden.all()).is_empty();
        Ok(if is_shut { Outlook::Shut(reason) } else { Outlook::Mixed(reason) })
    }

    fn unless_granted(&self, line: &Line, reason: Reason) -> Outlook {
        if self.rights.touch(line) { Outlook::Mixed(reason) } else { Outlook::Shut(reason) }
    }

    /// Whether the restriction concerns anything in the line that is not granted; a yes may be wrong.
    fn concerns(&self, restriction: &Restriction, line: &Line) -> bool {
        let Some(when) = restriction.touches(line) else {
            return false;
        };
        let granted = |network: &str| Spans::from(when).without(&self.rights.of(network)).is_empty();
        if line.networks.are_literal() {
            let codes = line.networks.iter().filter(|code| restriction.network.matches(code.as_str()));
            return codes.into_iter().any(|code| !granted(code.as_str()));
        }
        !(restriction.network.is_literal() && granted(restriction.network.as_str()))
    }

    /// Whether the inventory restricts anything in the line that is not granted.
    fn lists_restricted(&mut self, inventory: &Inventory, line: &Line) -> Result<bool, TooMany> {
        self.work(work_to_seek(&line.networks))?;
        for (code, network, is_meant) in near(inventory.networks(), &line.networks) {
            self.work(1)?;
            if !is_meant || !network.has_restricted {
                continue;
            }
            self.work(self.rights.granted().len())?;
            let asked = Spans::from(line.span).without(&self.rights.of(code));
            let is_restricted = |channel: &Channel| !channel.restricted.and(&asked).is_empty();
            if self.any(network, line, |station| station.has_restricted, is_restricted)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the inventory lists anything in the line.
    fn lists_any(&mut self, inventory: &Inventory, line: &Line) -> Result<bool, TooMany> {
        self.work(work_to_seek(&line.networks))?;
        for (_, network, is_meant) in near(inventory.networks(), &line.networks) {
            self.work(1)?;
            if is_meant && self.any(network, line, |_| true, |channel| channel.listed.overlaps(line.span))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether any channel that the line asks for in a network, at one of these stations, is such a one.
    fn any(
        &mut self,
        network: &Network,
        line: &Line,
        at: impl Fn(&Station) -> bool,
        is_such: impl Fn(&Channel) -> bool,
    ) -> Result<bool, TooMany> {
        self.work(work_to_seek(&line.stations))?;
        for (_, station, is_meant) in near(&network.stations, &line.stations) {
            self.work(1)?;
            if !is_meant || !at(station) {
                continue;
            }
            for channel in station.near(&line.locations) {
                self.work(line.locations.count() + line.channels.count())?;
                if is_asked(line, channel) && is_such(channel) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Counts all that is looked at, whether or not it is found to be meant.
    fn work(&mut self, comparisons: usize) -> Result<(), TooMany> {
        self.work = self.work.saturating_add(comparisons);
        if self.work > MAX_WORK { Err(TooMany) } else { Ok(()) }
    }
}

/// What it takes to make one more line, in comparisons.
const WORK_A_LINE: usize = 64;

/// What it takes to find where in a map the codes near each pattern begin.
fn work_to_seek(patterns: &Patterns) -> usize {
    4 * patterns.count()
}

/// How many patterns the line has.
fn said(line: &Line) -> usize {
    line.networks.count() + line.stations.count() + line.locations.count() + line.channels.count()
}

fn is_asked(line: &Line, channel: &Channel) -> bool {
    line.locations.matches(&channel.location) && line.channels.matches(&channel.code)
}

/// The codes that a list names without wildcards.
fn named_in(patterns: &Patterns) -> BTreeSet<String> {
    patterns
        .iter()
        .filter(|pattern| pattern.is_literal())
        .map(|pattern| pattern.as_str().to_owned())
        .collect()
}

/// Everything under a code that begins as one of the patterns does, and whether the pattern means it.
///
/// What is near two of them comes twice. To look at one takes one comparison.
fn near<'m, T>(
    map: &'m BTreeMap<String, T>,
    patterns: &'m Patterns,
) -> impl Iterator<Item = (&'m String, &'m T, bool)> {
    let all = (!patterns.is_said()).then(|| map.iter()).into_iter().flatten();
    let all = all.map(|(code, under)| (code, under, true));
    all.chain(patterns.iter().flat_map(|pattern| {
        let prefix = pattern.as_str().split(['*', '?']).next().unwrap_or_default();
        let from = map.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let near = from.take_while(move |(code, _)| {
            if pattern.is_literal() { code.as_str() == prefix } else { code.starts_with(prefix) }
        });
        near.map(|(code, under)| (code, under, pattern.matches(code)))
    }))
}
