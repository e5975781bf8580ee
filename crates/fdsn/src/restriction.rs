//! What the configuration restricts.

use crate::code::CodesRef;
use crate::line::Line;
use crate::pattern::Pattern;
use crate::span::Span;

/// Channels that nobody may have without a grant, for some time or always.
///
/// An instant of a channel is concerned if all four codes match and both intervals contain it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restriction {
    /// Network codes.
    pub network: Pattern,
    /// The years in which the network has this code: temporary codes are used again for others.
    pub years: Span,
    /// Station codes.
    pub station: Pattern,
    /// Location codes.
    pub location: Pattern,
    /// Channel codes.
    pub channel: Pattern,
    /// When; usually always.
    pub span: Span,
}

impl Restriction {
    /// Concerns all of a network, always.
    pub fn of(network: Pattern) -> Self {
        Self {
            network,
            years: Span::ALWAYS,
            station: Pattern::any(),
            location: Pattern::any(),
            channel: Pattern::any(),
            span: Span::ALWAYS,
        }
    }

    /// When it concerns a channel.
    pub(crate) fn concerns(&self, codes: CodesRef<'_>) -> Option<Span> {
        let named = self.network.matches(codes.network)
            && self.station.matches(codes.station)
            && self.location.matches(codes.location)
            && self.channel.matches(codes.channel);
        self.when().filter(|_| named)
    }

    /// When it concerns a channel that the line asks for, listed or not.
    pub(crate) fn touches(&self, line: &Line) -> Option<Span> {
        let named = line.networks.intersects(&self.network)
            && line.stations.intersects(&self.station)
            && line.locations.intersects(&self.location)
            && line.channels.intersects(&self.channel);
        self.when().filter(|_| named)?.intersection(line.span)
    }

    /// Whether it concerns all that the line asks for; a no may be wrong.
    pub(crate) fn covers(&self, line: &Line) -> bool {
        line.networks.are_covered_by(&self.network)
            && line.stations.are_covered_by(&self.station)
            && line.locations.are_covered_by(&self.location)
            && line.channels.are_covered_by(&self.channel)
            && self.when().is_some_and(|when| when.covers(line.span))
    }

    fn when(&self) -> Option<Span> {
        self.years.intersection(self.span)
    }
}
