//! The services, and which parameters each of them has.
//!
//! Parameters are those of the FDSN web service specifications (common 1.2, dataselect and station
//! 1.1, availability 1.0) and the few that the servers of data centres add. The first name is
//! the one that we write; names count in any case.

use crate::value::Value::{self, Boolean, Decimal, Instant, Integer, ListOf, OneOf};

/// What answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// fdsnws-dataselect `query`: waveforms.
    Dataselect,
    /// fdsnws-availability `query`: continuous pieces of waveforms.
    AvailabilityQuery,
    /// fdsnws-availability `extent`: first and last waveforms.
    AvailabilityExtent,
    /// fdsnws-station `query`: metadata.
    Station,
}

/// What a parameter is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meaning {
    Network,
    Station,
    Location,
    Channel,
    Start,
    End,
    /// Not what is selected, but how the answer looks, or which of it.
    Option(Value),
}

/// One parameter of a service.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    also: &'static str,
    pub(crate) meaning: Meaning,
}

impl Service {
    /// The parameter of that name, in any case.
    pub(crate) fn parameter(self, name: &str) -> Option<&'static Parameter> {
        let is = |known: &str| !known.is_empty() && known.eq_ignore_ascii_case(name);
        SELECTION.iter().chain(self.options()).find(|parameter| is(parameter.name) || is(parameter.also))
    }

    /// Whether a line of a bulk request may leave its times out.
    pub(crate) fn has_open_lines(self) -> bool {
        !matches!(self, Self::Dataselect)
    }

    fn options(self) -> &'static [Parameter] {
        match self {
            Self::Dataselect => DATASELECT,
            Self::AvailabilityQuery => AVAILABILITY_QUERY,
            Self::AvailabilityExtent => AVAILABILITY_EXTENT,
            Self::Station => STATION,
        }
    }
}

const fn selects(name: &'static str, also: &'static str, meaning: Meaning) -> Parameter {
    Parameter { name, also, meaning }
}

const fn option(name: &'static str, also: &'static str, value: Value) -> Parameter {
    Parameter { name, also, meaning: Meaning::Option(value) }
}

const SELECTION: &[Parameter] = &[
    selects("network", "net", Meaning::Network),
    selects("station", "sta", Meaning::Station),
    selects("location", "loc", Meaning::Location),
    selects("channel", "cha", Meaning::Channel),
    selects("starttime", "start", Meaning::Start),
    selects("endtime", "end", Meaning::End),
];

const NODATA: Parameter = option("nodata", "", OneOf(&["204", "404"]));
const INCLUDE_RESTRICTED: Parameter = option("includerestricted", "", Boolean);

const DATASELECT: &[Parameter] = &[
    option("quality", "", OneOf(&["D", "R", "Q", "M", "B"])),
    option("minimumlength", "", Decimal(0, MANY)),
    option("longestonly", "", Boolean),
    // Nothing but miniSEED: the headers of its records say what they are.
    option("format", "", OneOf(&["miniseed", "mseed", "miniseed2", "mseed2", "miniseed3", "mseed3"])),
    NODATA,
];

const AVAILABILITY_FORMAT: Parameter = option("format", "", OneOf(&["text", "geocsv", "json", "request"]));
const AVAILABILITY_QUALITY: Parameter = option("quality", "", ListOf(&["D", "R", "Q", "M", "*"]));
const SHOW: Parameter = option("show", "", OneOf(&["latestupdate"]));
const LIMIT: Parameter = option("limit", "", Integer(1, MANY));

const AVAILABILITY_QUERY: &[Parameter] = &[
    AVAILABILITY_QUALITY,
    option("merge", "", ListOf(&["quality", "samplerate", "overlap"])),
    option("mergegaps", "", Decimal(0, MANY)),
    option("orderby", "", OneOf(&["nslc_time_quality_samplerate", "latestupdate", "latestupdate_desc"])),
    SHOW,
    LIMIT,
    INCLUDE_RESTRICTED,
    AVAILABILITY_FORMAT,
    NODATA,
];

const AVAILABILITY_EXTENT: &[Parameter] = &[
    AVAILABILITY_QUALITY,
    option("merge", "", ListOf(&["quality", "samplerate"])),
    option(
        "orderby",
        "",
        OneOf(&[
            "nslc_time_quality_samplerate",
            "latestupdate",
            "latestupdate_desc",
            "timespancount",
            "timespancount_desc",
        ]),
    ),
    SHOW,
    LIMIT,
    INCLUDE_RESTRICTED,
    AVAILABILITY_FORMAT,
    NODATA,
];

const STATION: &[Parameter] = &[
    option("startbefore", "", Instant),
    option("startafter", "", Instant),
    option("endbefore", "", Instant),
    option("endafter", "", Instant),
    option("minlatitude", "minlat", Decimal(-90, 90)),
    option("maxlatitude", "maxlat", Decimal(-90, 90)),
    option("minlongitude", "minlon", Decimal(-180, 180)),
    option("maxlongitude", "maxlon", Decimal(-180, 180)),
    option("latitude", "lat", Decimal(-90, 90)),
    option("longitude", "lon", Decimal(-180, 180)),
    option("minradius", "", Decimal(0, 180)),
    option("maxradius", "", Decimal(0, 180)),
    option("level", "", OneOf(&["network", "station", "channel", "response"])),
    INCLUDE_RESTRICTED,
    option("includeavailability", "", Boolean),
    option("includecomments", "", Boolean),
    option("updatedafter", "", Instant),
    option("matchtimeseries", "", Boolean),
    option("format", "", OneOf(&["xml", "text"])),
    // SeisComP: line breaks and indentation in the answer.
    option("formatted", "", Boolean),
    NODATA,
];

/// The largest number that a limit, a length or a tolerance may be.
const MANY: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_has_the_names_of_the_specification_in_any_case() {
        for (name, canonical) in
            [("net", "network"), ("CHA", "channel"), ("MinLat", "minlatitude"), ("end", "endtime")]
        {
            assert_eq!(Service::Station.parameter(name).unwrap().name, canonical);
        }
    }

    #[test]
    fn a_service_has_no_parameters_of_another_one() {
        assert!(Service::Dataselect.parameter("level").is_none());
        assert!(Service::Station.parameter("quality").is_none());
        assert!(Service::AvailabilityExtent.parameter("mergegaps").is_none());
        assert!(Service::AvailabilityQuery.parameter("mergegaps").is_some());
        assert!(Service::Dataselect.parameter("").is_none());
        assert!(Service::Dataselect.parameter("repository").is_none());
    }
}
