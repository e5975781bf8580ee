//! The four codes that name a channel.

use std::fmt;

/// The channel that a record or an inventory names: literal codes in upper case.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Codes {
    /// Network, such as `GE`.
    pub network: String,
    /// Station, such as `APE`.
    pub station: String,
    /// Location, such as `00`; empty is blank, never `--`.
    pub location: String,
    /// Channel, such as `BHZ`.
    pub channel: String,
}

/// [`Codes`] that belong to somebody else, such as a record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodesRef<'a> {
    /// Network, such as `GE`.
    pub network: &'a str,
    /// Station, such as `APE`.
    pub station: &'a str,
    /// Location, such as `00`; empty is blank.
    pub location: &'a str,
    /// Channel, such as `BHZ`.
    pub channel: &'a str,
}

impl Codes {
    /// The same codes, borrowed.
    pub fn borrowed(&self) -> CodesRef<'_> {
        CodesRef {
            network: &self.network,
            station: &self.station,
            location: &self.location,
            channel: &self.channel,
        }
    }
}

impl CodesRef<'_> {
    /// The codes as they are compared: upper case, without blanks around them, a blank location
    /// empty. Inventories and record headers are not always so.
    pub fn normalised(self) -> Codes {
        let plain = |code: &str| code.trim_matches(is_padding).to_ascii_uppercase();
        let location = plain(self.location);
        Codes {
            network: plain(self.network),
            station: plain(self.station),
            location: if location == "--" { String::new() } else { location },
            channel: plain(self.channel),
        }
    }
}

/// What stands around a code in a fixed-width field.
fn is_padding(letter: char) -> bool {
    letter == ' ' || letter == '\0'
}

impl fmt::Display for CodesRef<'_> {
    /// `GE.APE..BHZ`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.network, self.station, self.location, self.channel)
    }
}

impl fmt::Display for Codes {
    /// `GE.APE..BHZ`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.borrowed().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_a_fixed_width_header_are_compared_without_their_padding() {
        let header = CodesRef { network: "ge", station: "APE  ", location: "  ", channel: "BHZ" };
        assert_eq!(header.normalised().to_string(), "GE.APE..BHZ");
        let dashes = CodesRef { location: "--", ..header };
        assert_eq!(dashes.normalised(), header.normalised());
    }
}
