//! Whether anything forbidden is in a line, and which codes it stands for.

use crate::code::Codes;
use crate::inventory::{Channel, Inventory, Station};
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
    steps: usize,
}

/// Look-ups for one request: a fraction of a second.
const MAX_STEPS: usize = 2_000_000;

impl<'a> Survey<'a> {
    pub(crate) fn new(rules: &'a Rules, rights: &'a Rights, wildcards: Wildcards) -> Self {
        Self { rules, rights, wildcards, forbidden: HashMap::new(), steps: 0 }
    }

    /// Says whether anything forbidden is in `line`.
    pub(crate) fn outlook(&mut self, line: &Line) -> Result<Outlook, TooMany> {
        self.take_steps(
            STEPS_A_LINE + said(line) * (1 + self.rules.restrictions.len()) / COMPARISONS_A_STEP,
        )?;
        if self.rights.cover(line) {
            return Ok(Outlook::Open);
        }
        if let Some(codes) = named(line) {
            return Ok(self.outlook_of_one(codes, line));
        }
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
    pub(crate) fn forbidden(&mut self, codes: Codes) -> Rc<Forbidden> {
        if let Some(known) = self.forbidden.get(&codes) {
            return Rc::clone(known);
        }
        let forbidden = Rc::new(self.rules.forbidden(&codes, self.rights));
        self.forbidden.insert(codes, Rc::clone(&forbidden));
        forbidden
    }

    /// The networks that the line names, or that are listed or granted and match.
    pub(crate) fn networks(&mut self, line: &Line) -> Result<BTreeSet<String>, TooMany> {
        let mut codes = named_in(&line.networks);
        let granted = self.rights.granted().iter().map(|granted| granted.network.to_ascii_uppercase());
        codes.extend(granted.filter(|code| line.networks.matches(code)));
        if let Some(inventory) = &self.rules.inventory {
            let listed = matching(inventory.networks(), &line.networks).map(|(code, _)| code.clone());
            codes.extend(listed);
        }
        self.take_steps(codes.len())?;
        Ok(codes)
    }

    /// The stations that the line names, or that are listed in its network and match.
    pub(crate) fn stations(&mut self, line: &Line) -> Result<BTreeSet<String>, TooMany> {
        let mut codes = named_in(&line.stations);
        let network =
            line.networks.single().and_then(|code| self.rules.inventory.as_ref()?.networks().get(code));
        if let Some(network) = network {
            codes.extend(matching(&network.stations, &line.stations).map(|(code, _)| code.clone()));
        }
        self.take_steps(codes.len())?;
        Ok(codes)
    }

    /// The locations that the line names, or that are listed at its station and match.
    pub(crate) fn locations(&mut self, line: &Line) -> Result<BTreeSet<String>, TooMany> {
        let channels = self.listed_at(line);
        let listed =
            channels.iter().map(|channel| &channel.location).filter(|code| line.locations.matches(code));
        let mut codes = named_in(&line.locations);
        codes.extend(listed.cloned());
        self.take_steps(codes.len() + channels.len())?;
        Ok(codes)
    }

    /// The channels that the line names, or that are listed at its location and match.
    pub(crate) fn channels(&mut self, line: &Line) -> Result<BTreeSet<String>, TooMany> {
        let channels = self.listed_at(line);
        let here = channels.iter().filter(|channel| line.locations.matches(&channel.location));
        let listed = here.map(|channel| &channel.code).filter(|code| line.channels.matches(code));
        let mut codes = named_in(&line.channels);
        codes.extend(listed.cloned());
        self.take_steps(codes.len() + channels.len())?;
        Ok(codes)
    }

    fn listed_at(&self, line: &Line) -> &'a [Channel] {
        let station = || {
            let inventory = self.rules.inventory.as_ref()?;
            inventory.station(line.networks.single()?, line.stations.single()?)
        };
        station().map_or(&[], |station| station.near(&line.locations))
    }

    fn outlook_of_one(&mut self, codes: Codes, line: &Line) -> Outlook {
        let forbidden = self.forbidden(codes);
        let asked = Spans::from(line.span);
        let Some(reason) = forbidden.reasons(&asked).next() else {
            return Outlook::Open;
        };
        if asked.without(&forbidden.all()).is_empty() {
            Outlook::Shut(reason)
        } else {
            Outlook::Mixed(reason)
        }
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
        let networks = matching(inventory.networks(), &line.networks);
        for (code, network) in networks.filter(|(_, network)| network.has_restricted) {
            let asked = Spans::from(line.span).without(&self.rights.of(code));
            for (_, station) in matching(&network.stations, &line.stations) {
                self.take_steps(1)?;
                if !station.has_restricted {
                    continue;
                }
                self.take_steps(steps_at(station, line))?;
                let mut channels =
                    station.near(&line.locations).iter().filter(|channel| is_asked(line, channel));
                if channels.any(|channel| !channel.restricted.and(&asked).is_empty()) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether the inventory lists anything in the line.
    fn lists_any(&mut self, inventory: &Inventory, line: &Line) -> Result<bool, TooMany> {
        for (_, network) in matching(inventory.networks(), &line.networks) {
            for (_, station) in matching(&network.stations, &line.stations) {
                self.take_steps(steps_at(station, line))?;
                let mut channels =
                    station.near(&line.locations).iter().filter(|channel| is_asked(line, channel));
                if channels.any(|channel| channel.listed.overlaps(line.span)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn take_steps(&mut self, steps: usize) -> Result<(), TooMany> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS { Err(TooMany) } else { Ok(()) }
    }
}

/// What it takes to make one more line, in look-ups.
const STEPS_A_LINE: usize = 4;

/// Patterns that can be compared in the time of one look-up.
const COMPARISONS_A_STEP: usize = 16;

/// How many patterns the line has.
fn said(line: &Line) -> usize {
    line.networks.count() + line.stations.count() + line.locations.count() + line.channels.count()
}

/// The work of comparing the line with each channel of a station.
fn steps_at(station: &Station, line: &Line) -> usize {
    let patterns = line.locations.count() + line.channels.count();
    station.near(&line.locations).len() * (1 + patterns / COMPARISONS_A_STEP)
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

/// Everything under a code that one of the patterns means; what two of them mean comes twice.
fn matching<'m, T>(
    map: &'m BTreeMap<String, T>,
    patterns: &'m Patterns,
) -> impl Iterator<Item = (&'m String, &'m T)> {
    let all = (!patterns.is_said()).then(|| map.iter()).into_iter().flatten();
    all.chain(patterns.iter().flat_map(|pattern| {
        let prefix = pattern.as_str().split(['*', '?']).next().unwrap_or_default();
        let from = map.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let near = from.take_while(move |(code, _)| code.starts_with(prefix));
        near.filter(|(code, _)| pattern.matches(code))
    }))
}
