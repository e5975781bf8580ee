//! Kind `fdsn`: the web services dataselect, availability and station (FDSN web services 1.2).
//!
//! A request is parsed completely into lines of network, station, location, channel and time. Each
//! is held against restrictions, inventory and grants; the upstream is asked only what is left, in
//! words that were written here. Where the upstream itself asks who comes (`digest = "upstream"`),
//! the request passes as it came, because the client's answer covers every byte of its target.

pub mod inspect;
pub mod known;
mod selection;

use std::sync::Arc;

use ::fdsn::{NotUnderstood as NotRead, Request as Asked, Service, Span};
use http::Method;

use self::selection::{Endpoint, Rules};
pub use self::selection::{Selection, Sought};
use super::{
    BodyWanted, Concerns, DigestCheckedBy, Effect, Entry, Forward, Inspection, Meaning, NotUnderstood,
    QueryauthTo, Request, Settings, Unfit,
};
use crate::base::network::Network;
use crate::flows::record::About;

/// An FDSN web service with what was decided about it.
#[derive(Debug, Clone)]
pub struct Fdsn {
    service: DataService,
    base: String,
    digest: DigestCheckedBy,
    queryauth_to: QueryauthTo,
    pass: Vec<String>,
    /// `None` where everything passes: metadata that nobody restricts, or an upstream that decides.
    rules: Option<Arc<Rules>>,
}

/// Which of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DataService {
    Dataselect,
    Availability,
    Station,
}

impl DataService {
    /// Reads it from the path: `/fdsnws/dataselect/1`.
    fn at(path: &str) -> Option<Self> {
        let mut segments = path.rsplit('/');
        let version = segments.next()?;
        let major = version.bytes().all(|byte| byte.is_ascii_digit()) && !version.is_empty();
        match segments.next()? {
            "dataselect" if major => Some(Self::Dataselect),
            "availability" if major => Some(Self::Availability),
            "station" if major => Some(Self::Station),
            _ => None,
        }
    }
}

/// The exchange stands beside the data: clients look for it there.
pub(super) fn is_exchange(rest: &str) -> bool {
    rest == "/auth"
}

pub(super) fn body(method: &Method, rest: &str) -> BodyWanted {
    let asks_data = matches!(rest, "/query" | "/queryauth" | "/extent" | "/extentauth");
    if method == Method::POST && asks_data {
        BodyWanted::Whole(::fdsn::MAX_BODY)
    } else {
        BodyWanted::Nothing
    }
}

/// The years of a network in a grant or restriction, as a span of time.
pub fn years(network: &Network) -> Span {
    let (first, last) = network.years();
    first.map_or(Span::ALWAYS, |first| Span::years(first, last))
}

impl Fdsn {
    /// Takes what was decided.
    pub(super) fn new(settings: &Settings) -> Result<Self, Unfit> {
        let service = DataService::at(settings.path.as_str()).ok_or(Unfit(
            "the path of an fdsn service ends with dataselect, availability or station and a version, as in \
             /fdsnws/dataselect/1",
        ))?;
        let fdsn = &settings.fdsn;
        let digest = fdsn.digest.ok_or(Unfit(
            "say who checks HTTP Digest: digest = \"gateward\", or \"upstream\" where the data service behind \
             does",
        ))?;
        check(service, digest, settings)?;
        let shown = settings.upstream_is_told;
        let queryauth_to = fdsn.queryauth_to.unwrap_or(if shown.credential {
            QueryauthTo::Queryauth
        } else {
            QueryauthTo::Query
        });
        let restricts = service != DataService::Station || fdsn.restrict_metadata;
        let rules = (digest == DigestCheckedBy::Gateward && restricts)
            .then(|| Rules::new(fdsn, service == DataService::Dataselect).map(Arc::new))
            .transpose()?;
        Ok(Self {
            service,
            base: settings.path.to_string(),
            digest,
            queryauth_to,
            pass: fdsn.pass.iter().map(ToString::to_string).collect(),
            rules,
        })
    }

    pub(super) fn known(&self) -> Option<&known::Known> {
        self.rules.as_ref().map(|rules| &rules.known)
    }

    pub(super) fn challenges_first(&self, rest: &str) -> bool {
        let authenticated = matches!(rest, "/queryauth")
            || (rest == "/extentauth" && self.service == DataService::Availability);
        authenticated && self.digest == DigestCheckedBy::Gateward
    }

    /// What lies below the service's path. A spelling that is not one of these is nothing: `//query`,
    /// `/query/` and `/%71uery` are what somebody else may read as `/query`.
    pub(super) fn meaning(&self, request: Request<'_>) -> Result<Meaning, NotUnderstood> {
        let Request { method, rest, query, .. } = request;
        let asks_data = match (rest, self.service) {
            ("/query" | "/queryauth", _) | ("/extent" | "/extentauth", DataService::Availability) => true,
            ("/version" | "/application.wadl", _) => false,
            (rest, _) if self.pass.iter().any(|path| path == rest) => false,
            _ => return Err(NotUnderstood::NotHere(self.offers())),
        };
        if asks_data {
            return self.data(request);
        }
        if method != Method::GET {
            return Err(NotUnderstood::Method { method: method.to_string(), allowed: "GET" });
        }
        if query.is_some() {
            return Err(NotUnderstood::Request("nothing may follow a question mark here".into()));
        }
        let inspection = if rest == "/application.wadl" {
            Inspection::Wadl { base: format!("{}/", self.base) }
        } else {
            Inspection::Nothing
        };
        let concerns = Concerns::Nothing(Forward::get(rest.to_owned()), inspection);
        Ok(Meaning {
            what: rest.to_owned(),
            about: About::default(),
            entry: Entry::Open,
            effect: Effect::Read,
            concerns,
        })
    }

    fn offers(&self) -> String {
        let data = match self.service {
            DataService::Dataselect | DataService::Station => "query, queryauth",
            DataService::Availability => "query, queryauth, extent, extentauth",
        };
        format!("{data}, auth, version and application.wadl")
    }

    fn data(&self, request: Request<'_>) -> Result<Meaning, NotUnderstood> {
        let Request { method, rest, query, body, fields: _, websocket: _ } = request;
        let service = match (self.service, rest) {
            (DataService::Dataselect, _) => Service::Dataselect,
            (DataService::Station, _) => Service::Station,
            (DataService::Availability, "/extent" | "/extentauth") => Service::AvailabilityExtent,
            (DataService::Availability, _) => Service::AvailabilityQuery,
        };
        let read = if method == Method::GET {
            Asked::from_query(service, query.unwrap_or_default())
        } else if method == Method::POST && query.is_none() {
            Asked::from_post(service, body)
        } else if method == Method::POST {
            return Err(NotUnderstood::Request(
                "a POST has its parameters in the body, none after a question mark".into(),
            ));
        } else {
            return Err(NotUnderstood::Method { method: method.to_string(), allowed: "GET, POST" });
        };
        let asked = read.map_err(|error| not_understood(&error))?;
        let (open, authenticated) = (rest.trim_end_matches("auth"), rest.ends_with("auth"));
        let entry = match self.digest {
            DigestCheckedBy::Upstream => Entry::Upstream,
            DigestCheckedBy::Gateward if authenticated => Entry::Person,
            DigestCheckedBy::Gateward => Entry::Open,
        };
        let keeps_name = authenticated
            && (self.queryauth_to == QueryauthTo::Queryauth || self.digest == DigestCheckedBy::Upstream);
        let endpoint = Endpoint {
            path: if keeps_name { rest } else { open }.to_owned(),
            login_at: (entry == Entry::Open).then(|| format!("{}{open}auth", self.base)),
        };
        let verbatim = (self.digest == DigestCheckedBy::Upstream).then(|| as_it_came(request));
        let selection = Selection { asked, endpoint, rules: self.rules.clone(), verbatim };
        let concerns = Concerns::Data(Box::new(selection));
        Ok(Meaning { what: rest.to_owned(), about: About::default(), entry, effect: Effect::Read, concerns })
    }
}

/// The request byte for byte: where the upstream checks Digest, the answer covers the target.
fn as_it_came(request: Request<'_>) -> Forward {
    let query = request.query.map(|query| format!("?{query}")).unwrap_or_default();
    Forward {
        method: request.method.clone(),
        body: request.body.clone(),
        content_type: (request.method == Method::POST).then_some("text/plain"),
        ..Forward::get(format!("{}{query}", request.rest))
    }
}

fn not_understood(error: &NotRead) -> NotUnderstood {
    if error.is_too_large() {
        NotUnderstood::TooMuch(error.to_string())
    } else {
        NotUnderstood::Request(error.to_string())
    }
}

/// Looks whether what was decided about a service goes together.
fn check(service: DataService, digest: DigestCheckedBy, settings: &Settings) -> Result<(), Unfit> {
    let fdsn = &settings.fdsn;
    let restricting = fdsn.inventory.is_some()
        || fdsn.unlisted.is_some()
        || !fdsn.restrictions.is_empty()
        || fdsn.restrict_metadata;
    let decides = service != DataService::Station || fdsn.restrict_metadata;
    let shown = settings.upstream_is_told;
    let wrong = match digest {
        _ if settings.stands_elsewhere_too => Some("an fdsn service stands at one path"),
        _ if settings.existing_keys.is_some() => Some(Unfit::OF_CKAN.0),
        _ if settings.reads_folder => Some("behind an fdsn service is an HTTP server, no folder"),
        _ if settings.require.person => Some(
            "an fdsn service requires nobody but a node: query is open to everybody, queryauth asks for a login",
        ),
        _ if service != DataService::Dataselect && fdsn.verify_stream.is_some() => {
            Some("verify_stream is for dataselect: other services send no miniSEED")
        }
        _ if service != DataService::Station && fdsn.restrict_metadata => {
            Some("restrict_metadata is for station")
        }
        DigestCheckedBy::Upstream if restricting || fdsn.verify_stream == Some(true) => Some(
            "digest = \"upstream\" leaves decisions to the upstream: inventory, unlisted, restriction, \
             restrict_metadata and verify_stream go with digest = \"gateward\"",
        ),
        DigestCheckedBy::Upstream if settings.upstream_has_path => Some(
            "with digest = \"upstream\" the path of upstream is the service's own: answers to Digest cover it",
        ),
        DigestCheckedBy::Upstream if shown.credential || shown.identity || fdsn.queryauth_to.is_some() => {
            Some(
                "with digest = \"upstream\" callers answer the upstream themselves: no credential, \
                  identify_as or queryauth_to",
            )
        }
        DigestCheckedBy::Gateward if decides && fdsn.inventory.is_none() => Some(
            "with digest = \"gateward\" an inventory must tell which data are restricted: a StationXML file or \
             the URL of a station service",
        ),
        DigestCheckedBy::Gateward if decides && fdsn.unlisted.is_none() => Some(
            "say what happens to data that the inventory does not know: unlisted = \"refuse\" or \"open\"",
        ),
        DigestCheckedBy::Gateward if !decides && restricting => Some(
            "station metadata pass as they are; restrict_metadata = true makes them follow inventory, unlisted \
             and restriction",
        ),
        DigestCheckedBy::Gateward | DigestCheckedBy::Upstream => None,
    };
    wrong.map_or(Ok(()), |why| Err(Unfit(why)))
}
