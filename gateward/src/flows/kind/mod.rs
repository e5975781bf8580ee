//! What a request to a service means, in the words of grants.
//!
//! A kind is one file or folder: it turns a request into a [`Meaning`], holds that against what the
//! caller was granted, writes what the upstream is asked, and looks into what the upstream answers.
//! Admission sees only meanings, and no other file asks which kind a service has.

mod ckan;
mod fdsn;
mod fhir;
mod inspect;
mod plain;
mod settings;

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;

pub use self::fdsn::known::{Known, Read};
pub use self::fdsn::years;
pub use self::inspect::{Alarm, Inspector, Named, Piece};
pub use self::settings::{FdsnSettings, Restriction, Settings, ToldUpstream, Unfit};
use super::policy::Granted;
pub use super::record::Inspected;
use super::record::{About, Asked, PartAdmitted};
pub use crate::base::kind::{DigestCheckedBy, ExistingKeys, Kind, QueryauthTo, Unlisted};

/// A service's kind with what was decided about it.
#[derive(Debug, Clone)]
pub enum Interpreter {
    /// See there.
    Plain(plain::Plain),
    /// See there.
    Fdsn(Box<fdsn::Fdsn>),
    /// See there.
    Fhir(fhir::Fhir),
    /// See there.
    Ckan(ckan::Ckan),
}

/// A request, before it is known who sent it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// How.
    pub method: &'a Method,
    /// What follows the service's path, not decoded.
    pub rest: &'a str,
    /// What follows the question mark, not decoded.
    pub query: Option<&'a str>,
    /// Its header fields.
    pub fields: &'a HeaderMap,
    /// The body, as far as [`Interpreter::body`] wanted it.
    pub body: &'a Bytes,
    /// It asks to go on as a websocket (RFC 6455 section 4.1).
    pub websocket: bool,
}

/// How much of a request's body must be there before the request can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyWanted {
    /// None: what comes is dropped.
    Nothing,
    /// All of it, at most so many bytes.
    Whole(usize),
    /// None: it goes on to the upstream as it comes.
    Streamed,
}

/// The form in which a service's clients expect errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorForm {
    /// A problem document (RFC 9457).
    Problem,
    /// FDSN's text.
    Fdsn,
    /// An OperationOutcome (FHIR R4).
    Fhir,
    /// CKAN's JSON.
    Ckan,
}

/// What a request means.
#[derive(Debug, Clone)]
pub struct Meaning {
    /// What it concerns, below the service's path; where a kind knows of persons, nobody is named in it.
    pub what: String,
    /// Whom it names.
    pub about: About,
    /// Who may come at all.
    pub entry: Entry,
    /// What it does.
    pub effect: Effect,
    concerns: Concerns,
}

/// Who may come at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Everybody.
    Open,
    /// Whoever the service's `require` wants: a machine, a person, both, or either.
    Required,
    /// A person, whatever else the service requires.
    Person,
    /// Whomever the upstream lets in: it asks, and the answer passes through us.
    Upstream,
    /// Everybody; whoever shows a key of ours is somebody, and CKAN's own keys pass or not.
    Keyed(ExistingKeys),
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It reads: the upstream may be asked before anything is recorded.
    Read,
    /// It may change something: it is recorded before the upstream sees it.
    Change,
}

#[derive(Debug, Clone)]
enum Concerns {
    /// Nothing that anybody would restrict.
    Nothing(Forward, Inspection),
    /// The service as a whole.
    Service(Forward),
    /// Data, each of which may be open or restricted.
    Data(Box<fdsn::Selection>),
    /// Resources, each of whose types and instances has to be granted.
    Resources(Box<fhir::Selection>),
}

/// What the upstream is asked: only what we wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// How.
    pub method: Method,
    /// Below the service's path, with the query.
    pub target: String,
    /// The body; a streamed one is not here.
    pub body: Bytes,
    /// What is said of the body.
    pub content_type: Option<&'static str>,
    /// The client's own fields that say what it takes and what it has (RFC 9110 sections 12 to 14)
    /// go along.
    pub with_conditions: bool,
    /// What else is said.
    pub fields: HeaderMap,
    /// It asks to go on as a websocket.
    pub websocket: bool,
}

impl Forward {
    fn get(target: String) -> Self {
        Self {
            method: Method::GET,
            target,
            body: Bytes::new(),
            content_type: None,
            with_conditions: false,
            fields: HeaderMap::new(),
            websocket: false,
        }
    }
}

/// What a caller may have of what was asked.
#[derive(Debug, Clone)]
pub struct Allowed {
    /// What the upstream is asked for it.
    pub forward: Forward,
    /// The grants that it is by; none for what is open to everybody.
    pub by: Vec<String>,
    /// What is recorded of data that were asked for.
    pub asked: Option<Asked>,
    /// The parts that are recorded one by one, where there are several.
    pub parts: Vec<PartAdmitted>,
    /// How the answer is looked into.
    pub inspection: Inspection,
    /// The status that says that there are no data.
    pub no_data: StatusCode,
}

/// How an answer is looked into before it leaves.
#[derive(Debug, Clone)]
pub enum Inspection {
    /// Not at all.
    Nothing,
    /// It is a WADL (W3C member submission of 31 August 2009), which must offer the exchange.
    Wadl {
        /// The path of the service here.
        base: String,
    },
    /// It is miniSEED, record by record compared with what was permitted.
    Records(Arc<fdsn::Sought>),
    /// It is FHIR, of which it must be known whom it names.
    Resources(Arc<::fhir::Request>),
}

impl Inspection {
    /// Begins to look into one answer; `None` where it is not looked into on its way.
    pub fn inspector(&self) -> Option<Inspector> {
        match self {
            Self::Nothing | Self::Wadl { .. } => None,
            Self::Records(sought) => {
                Some(Inspector::Records(Box::new(fdsn::inspect::Inspector::new(sought.judge()))))
            }
            Self::Resources(request) => {
                Some(Inspector::Resources(Box::new(fhir::inspect::Inspector::new(Arc::clone(request)))))
            }
        }
    }

    /// Says whom the head of an answer names, where that is known.
    pub fn named_by_head(&self, status: StatusCode, fields: &HeaderMap) -> Named {
        match self {
            Self::Nothing | Self::Wadl { .. } | Self::Records(_) => Named::default(),
            Self::Resources(request) => fhir::inspect::named_by_head(request, status, fields),
        }
    }
}

/// Which of the instances that a request is of the caller's own node created.
#[derive(Debug, Default)]
pub struct Owned(HashSet<String>);

impl Owned {
    /// Takes what the store knows.
    pub fn new(instances: HashSet<String>) -> Self {
        Self(instances)
    }

    fn has(&self, instance: &str) -> bool {
        self.0.contains(instance)
    }
}

/// Why a request means nothing to a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// The caller's: another method.
    #[error("{method} is not served here, only {allowed}")]
    Method {
        /// The one that was used.
        method: String,
        /// The value of `Allow` (RFC 9110 section 10.2.1).
        allowed: &'static str,
    },
    /// The caller's: a path that two parsers could read differently.
    #[error("the path cannot be read in one way only: {0}")]
    Path(&'static str),
    /// The caller's: there is nothing at this path.
    #[error("there is nothing here; this service has {0}")]
    NotHere(String),
    /// The caller's: nothing is at this path, of whatever service of this kind.
    #[error("{0}")]
    Nowhere(String),
    /// The caller's: an answer in another form.
    #[error("{0}")]
    NotAcceptable(String),
    /// The caller's: a body in another form.
    #[error("{0}")]
    MediaType(String),
    /// The caller's: a request that cannot be read, or in two ways.
    #[error("{0}")]
    Request(String),
    /// The caller's: more than is taken at once.
    #[error("{0}")]
    TooMuch(String),
}

impl NotUnderstood {
    /// The reason in one word, as events and floods count it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Method { .. } => "method",
            Self::Path(_) => "path",
            Self::NotHere(_) | Self::Nowhere(_) => "not-here",
            Self::NotAcceptable(_) => "not-acceptable",
            Self::MediaType(_) => "media-type",
            Self::Request(_) => "request",
            Self::TooMuch(_) => "too-much",
        }
    }
}

/// Why a caller may have nothing of what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// The operator's, who grants: nothing opens this service to the caller.
    #[error("nothing grants it this service")]
    NotGranted,
    /// The caller's, who takes another token: theirs is for other services, or for reading alone.
    #[error("the token is not for this")]
    TokenNotForThis,
    /// The operator's, who grants, or the caller's, who logs in: all of it is restricted.
    #[error("{0}")]
    Restricted(String),
    /// The caller's: it would take too many lines to say what may be had.
    #[error("{0}")]
    TooMuch(String),
}

impl Kind {
    /// Tells whether grants of such a service can be restricted to seismological networks.
    pub fn has_networks(self) -> bool {
        match self {
            Self::Plain | Self::Fhir | Self::Ckan => false,
            Self::Fdsn => true,
        }
    }

    /// Tells whether grants of such a service can be restricted to actions on types of resources.
    pub fn has_resources(self) -> bool {
        match self {
            Self::Plain | Self::Fdsn | Self::Ckan => false,
            Self::Fhir => true,
        }
    }
}

impl Interpreter {
    /// Takes what was decided about a service of this kind.
    ///
    /// # Errors
    ///
    /// [`Unfit`].
    pub fn new(kind: Kind, settings: &Settings) -> Result<Self, Unfit> {
        match kind {
            Kind::Plain => plain::Plain::new(settings).map(Self::Plain),
            Kind::Fdsn => fdsn::Fdsn::new(settings).map(Box::new).map(Self::Fdsn),
            Kind::Fhir => fhir::Fhir::new(settings).map(Self::Fhir),
            Kind::Ckan => ckan::Ckan::new(settings).map(Self::Ckan),
        }
    }

    /// Tells whether the exchange answers at `rest`, too.
    pub fn is_exchange(&self, rest: &str) -> bool {
        match self {
            Self::Plain(_) | Self::Fhir(_) | Self::Ckan(_) => false,
            Self::Fdsn(_) => fdsn::is_exchange(rest),
        }
    }

    /// Tells how much of the body of a request to `rest` is wanted.
    pub fn body(&self, method: &Method, rest: &str) -> BodyWanted {
        match self {
            Self::Plain(plain) => plain.body(method),
            Self::Fdsn(_) => fdsn::body(method, rest),
            Self::Fhir(_) => fhir::body(method),
            Self::Ckan(ckan) => ckan.body(method, rest),
        }
    }

    /// Tells whether whoever asks at `rest` is asked for a login before anything else is looked at:
    /// clients that know that they will be keep the body back until then.
    pub fn challenges_first(&self, rest: &str) -> bool {
        match self {
            Self::Plain(_) | Self::Ckan(_) => false,
            Self::Fdsn(fdsn) => fdsn.challenges_first(rest),
            Self::Fhir(fhir) => fhir.challenges_first(),
        }
    }

    /// Says why a proxy cannot ask on behalf of its clients whether they may: what it carries is not what
    /// would have been permitted.
    ///
    /// # Errors
    ///
    /// [`Unfit`].
    pub fn suits_a_proxy_that_asks(&self) -> Result<(), Unfit> {
        match self {
            Self::Plain(_) | Self::Ckan(_) => Ok(()),
            Self::Fdsn(_) => Err(Unfit(
                "kind fdsn reads the bodies of requests, writes them anew and looks into the answers, so it has \
                 to carry them itself: name an upstream, and have the proxy pass everything to gateward",
            )),
            Self::Fhir(_) => Err(Unfit(
                "kind fhir reads the bodies of requests and records whom the answers name, so it has to carry them \
                 itself: name an upstream, and have the proxy pass everything to gateward",
            )),
        }
    }

    /// Says why its clients cannot be shown the login page.
    ///
    /// # Errors
    ///
    /// [`Unfit`].
    pub fn suits_a_page(&self) -> Result<(), Unfit> {
        match self {
            Self::Plain(_) | Self::Fhir(_) | Self::Ckan(_) => Ok(()),
            Self::Fdsn(_) => Err(Unfit(
                "login = \"page\" is for what browsers show: clients of fdsn services show no page",
            )),
        }
    }

    /// Tells whether clients that are asked for a password can answer otherwise than by HTTP Digest.
    pub fn clients_know_basic(&self) -> bool {
        match self {
            Self::Plain(_) | Self::Fhir(_) | Self::Ckan(_) => true,
            Self::Fdsn(_) => false,
        }
    }

    /// Tells in which form clients expect errors.
    pub fn error_form(&self) -> ErrorForm {
        match self {
            Self::Plain(_) => ErrorForm::Problem,
            Self::Fdsn(_) => ErrorForm::Fdsn,
            Self::Fhir(_) => ErrorForm::Fhir,
            Self::Ckan(_) => ErrorForm::Ckan,
        }
    }

    /// Returns where the inventory is kept that this service goes by, if it has one.
    pub fn known(&self) -> Option<&Known> {
        match self {
            Self::Plain(_) | Self::Fhir(_) | Self::Ckan(_) => None,
            Self::Fdsn(fdsn) => fdsn.known(),
        }
    }

    /// Turns a request into its meaning.
    ///
    /// # Errors
    ///
    /// [`NotUnderstood`], whoever asks.
    pub fn meaning(&self, request: Request<'_>) -> Result<Meaning, NotUnderstood> {
        match self {
            Self::Plain(plain) => plain.meaning(request),
            Self::Fdsn(fdsn) => fdsn.meaning(request),
            Self::Fhir(_) => fhir::Fhir::meaning(request),
            Self::Ckan(ckan) => ckan.meaning(request),
        }
    }

    /// What of a path is recorded that means nothing: it may name somebody all the same, or hold a key.
    pub fn recordable(&self, rest: &str) -> String {
        match self {
            Self::Plain(_) | Self::Fdsn(_) => rest.to_owned(),
            Self::Fhir(_) => ::fhir::pattern(rest),
            Self::Ckan(_) => ckan::without_keys(rest).into_owned(),
        }
    }
}

impl Meaning {
    /// Whom it names, with all its parts.
    pub fn about_all(&self) -> About {
        match &self.concerns {
            Concerns::Resources(selection) if selection.is_bundle() => selection.about(),
            _ => self.about.clone(),
        }
    }

    /// Returns the instances, as `Type/id`, of which it decides who created them where a grant is for one's own.
    pub fn instances(&self) -> Vec<String> {
        match &self.concerns {
            Concerns::Nothing(..) | Concerns::Service(_) | Concerns::Data(_) => Vec::new(),
            Concerns::Resources(selection) => selection.instances(),
        }
    }

    /// Says what of it a caller with `grants` may have at `now`, whose node created what is in `owned`.
    ///
    /// # Errors
    ///
    /// [`NotAllowed`].
    pub fn allow(&self, grants: &[&Granted], owned: &Owned, now: Timestamp) -> Result<Allowed, NotAllowed> {
        match &self.concerns {
            Concerns::Nothing(forward, inspection) => Ok(Allowed {
                forward: forward.clone(),
                by: Vec::new(),
                asked: None,
                parts: Vec::new(),
                inspection: inspection.clone(),
                no_data: StatusCode::NO_CONTENT,
            }),
            Concerns::Service(forward) => {
                let first = grants.first().ok_or(NotAllowed::NotGranted)?;
                Ok(Allowed {
                    forward: forward.clone(),
                    by: vec![first.id.clone()],
                    asked: None,
                    parts: Vec::new(),
                    inspection: Inspection::Nothing,
                    no_data: StatusCode::NO_CONTENT,
                })
            }
            Concerns::Data(selection) => selection.allow(grants, now),
            Concerns::Resources(selection) => selection.allow(grants, owned),
        }
    }
}
