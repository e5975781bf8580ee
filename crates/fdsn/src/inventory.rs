//! What a station inventory says of its channels: that they exist, and since when nobody may have them.

use crate::code::Codes;
use crate::pattern::Patterns;
use crate::span::Span;
use crate::spans::Spans;
use crate::time::Time;
use std::collections::BTreeMap;

/// One channel epoch of a station inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// The channel.
    pub codes: Codes,
    /// When it was in operation; an epoch without an end still runs.
    pub span: Span,
    /// Whether its `restrictedStatus` says anything else than open.
    pub restricted: bool,
}

/// The channels that a data centre lists, by network, station and channel.
///
/// An instant of a channel is *listed* if an epoch covers it, and *restricted* if one of these
/// epochs is. An epoch that ends at most a second before the next one of the same channel begins
/// lasts until then, so that 23:59:59 and 00:00:00 leave no hole.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    networks: BTreeMap<String, Network>,
    channels: usize,
}

/// The stations of one network code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    pub(crate) stations: BTreeMap<String, Station>,
    /// Whether any of its channels is ever restricted.
    pub(crate) has_restricted: bool,
}

/// The channels of one station code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Station {
    /// In the order of location and channel.
    pub(crate) channels: Vec<Channel>,
    /// Whether any of its channels is ever restricted.
    pub(crate) has_restricted: bool,
}

/// What the inventory knows about one channel.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) location: String,
    pub(crate) code: String,
    pub(crate) listed: Spans,
    pub(crate) restricted: Spans,
}

impl Inventory {
    /// Orders `epochs`, which may come in any order and more than once.
    pub fn new(epochs: impl IntoIterator<Item = Epoch>) -> Self {
        let mut by_channel: BTreeMap<Codes, Vec<(Span, bool)>> = BTreeMap::new();
        for epoch in epochs {
            let epochs = by_channel.entry(epoch.codes.borrowed().normalised()).or_default();
            epochs.push((epoch.span, epoch.restricted));
        }
        let mut inventory = Self::default();
        for (codes, mut epochs) in by_channel {
            without_holes(&mut epochs);
            inventory.add(codes, &epochs);
        }
        inventory
    }

    /// How many channels it lists.
    pub fn len(&self) -> usize {
        self.channels
    }

    /// Whether it lists nothing at all.
    pub fn is_empty(&self) -> bool {
        self.channels == 0
    }

    pub(crate) fn networks(&self) -> &BTreeMap<String, Network> {
        &self.networks
    }

    pub(crate) fn station(&self, network: &str, station: &str) -> Option<&Station> {
        self.networks.get(network)?.stations.get(station)
    }

    pub(crate) fn channel(&self, codes: &Codes) -> Option<&Channel> {
        let channels = &self.station(&codes.network, &codes.station)?.channels;
        let place = |known: &Channel| {
            (known.location.as_str(), known.code.as_str()).cmp(&(&codes.location, &codes.channel))
        };
        channels.binary_search_by(place).ok().map(|at| &channels[at])
    }

    /// Channels come in order, so that those of a station are in order.
    fn add(&mut self, codes: Codes, epochs: &[(Span, bool)]) {
        let listed = Spans::union(epochs.iter().map(|(span, _)| *span));
        let restricted =
            Spans::union(epochs.iter().filter(|(_, restricted)| *restricted).map(|(span, _)| *span));
        let network = self.networks.entry(codes.network).or_default();
        network.has_restricted |= !restricted.is_empty();
        let station = network.stations.entry(codes.station).or_default();
        station.has_restricted |= !restricted.is_empty();
        station.channels.push(Channel { location: codes.location, code: codes.channel, listed, restricted });
        self.channels += 1;
    }
}

impl Station {
    /// The channels that may be at one of `locations`: those of the one location that is named,
    /// or else all.
    pub(crate) fn near(&self, locations: &Patterns) -> &[Channel] {
        let Some(location) = locations.single() else {
            return &self.channels;
        };
        let from = self.channels.partition_point(|channel| channel.location.as_str() < location);
        let rest = &self.channels[from..];
        &rest[..rest.partition_point(|channel| channel.location == location)]
    }
}

/// Lets each epoch that ends at most [`HOLE`] before the next one begins last until then.
fn without_holes(epochs: &mut Vec<(Span, bool)>) {
    epochs.retain(|(span, _)| !span.is_empty());
    let mut starts: Vec<Time> = epochs.iter().map(|(span, _)| span.first()).collect();
    starts.sort_unstable();
    for (span, _) in epochs {
        let next = starts[starts.partition_point(|start| *start <= span.last())..].first();
        if let Some(next) = next
            && next.as_micros() - span.last().as_micros() <= HOLE
        {
            span.end = next.previous();
        }
    }
}

/// Microseconds that are no gap between two epochs: inventories end the day at 23:59:59.
const HOLE: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(location: &str) -> Codes {
        Codes {
            network: "XX".into(),
            station: "AAA".into(),
            location: location.into(),
            channel: "HHZ".into(),
        }
    }

    fn epoch(start: &str, end: &str, restricted: bool) -> Epoch {
        let span = Span::new(start.parse().unwrap(), end.parse().unwrap());
        Epoch { codes: codes(""), span, restricted }
    }

    fn at(text: &str) -> Span {
        Span::new(text.parse().unwrap(), text.parse().unwrap())
    }

    #[test]
    fn an_epoch_that_ends_a_second_before_the_next_leaves_no_hole() {
        let inventory = Inventory::new([
            epoch("2012-01-01", "2012-12-31", false),
            epoch("2010-01-01", "2010-12-31T23:59:59", true),
            epoch("2011-01-01", "2011-12-31T23:59:58", false),
        ]);
        let channel = inventory.channel(&codes("")).unwrap();
        assert!(channel.listed.overlaps(at("2010-12-31T23:59:59.5")));
        assert!(channel.restricted.overlaps(at("2010-12-31T23:59:59.999999")));
        assert!(!channel.restricted.overlaps(at("2011-01-01")));
        assert!(!channel.listed.overlaps(at("2011-12-31T23:59:59")), "two seconds are a hole");
    }

    #[test]
    fn where_epochs_overlap_the_restricted_one_counts() {
        let inventory = Inventory::new([
            epoch("2010-01-01", "2012-01-01", false),
            epoch("2011-01-01", "2011-06-01", true),
        ]);
        let channel = inventory.channel(&codes("")).unwrap();
        assert!(channel.restricted.overlaps(at("2011-06-01")));
        assert!(!channel.restricted.overlaps(at("2011-06-01T00:00:00.000001")));
        assert!(inventory.networks()["XX"].has_restricted);
    }

    #[test]
    fn channels_are_found_by_all_four_codes() {
        let other = Epoch { codes: codes("10"), ..epoch("2010-01-01", "2011-01-01", false) };
        let dashes = Epoch { codes: codes("--"), ..other.clone() };
        let inventory = Inventory::new([other, dashes]);
        assert_eq!(inventory.len(), 2);
        assert!(inventory.channel(&codes("")).is_some());
        assert!(inventory.channel(&codes("10")).is_some());
        assert!(inventory.channel(&codes("00")).is_none());
    }
}
