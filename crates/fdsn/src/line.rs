//! One selection: channels by patterns, and an interval of time.

use crate::code::CodesRef;
use crate::pattern::Patterns;
use crate::span::Span;

/// What a GET request selects, or one line of a bulk request.
///
/// It asks for every channel that matches one pattern of each list, in every combination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Line {
    /// Network codes.
    pub networks: Patterns,
    /// Station codes.
    pub stations: Patterns,
    /// Location codes.
    pub locations: Patterns,
    /// Channel codes.
    pub channels: Patterns,
    /// When; without limit where the request says nothing.
    pub span: Span,
}

impl Line {
    /// Whether it asks for the channel, at whatever time. The codes are upper case.
    pub fn matches(&self, codes: CodesRef<'_>) -> bool {
        self.networks.matches(codes.network)
            && self.stations.matches(codes.station)
            && self.locations.matches(codes.location)
            && self.channels.matches(codes.channel)
    }

    /// How many lines a bulk request needs at most to say the same, with one pattern in each place.
    pub fn combinations(&self) -> usize {
        [&self.networks, &self.stations, &self.locations, &self.channels]
            .iter()
            .fold(1, |product: usize, patterns| product.saturating_mul(patterns.count()))
    }
}
