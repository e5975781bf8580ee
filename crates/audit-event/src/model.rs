//! What happened: one event, in the words that FHIR R4 and DICOM share.

use jiff::Timestamp;

use crate::coded::{Coded, Concept};
use crate::reference::Reference;
use crate::text::{Id, Octets, Text, Uri};

/// One event: what happened, when and how it ended, who took part, who saw it, and what it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What its resource is found by in FHIR.
    pub id: Option<Id>,
    /// What sort of thing happened: FHIR's `type`, DICOM's EventID.
    pub kind: Coded,
    /// More exactly so: FHIR's `subtype`, DICOM's EventTypeCode.
    pub subtypes: Vec<Coded>,
    /// What was done to what it was about.
    pub action: Option<Action>,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// When it happened, where that is more than a moment.
    pub period: Option<Period>,
    /// How it ended. `None` where nobody knows; in DICOM that is spelled as success.
    pub outcome: Option<Outcome>,
    /// The same for people.
    pub outcome_description: Option<Text>,
    /// What it was for.
    pub purposes: Vec<Concept>,
    agents: Vec<Agent>,
    /// Who saw it and says so.
    pub source: Source,
    /// What it was about.
    pub entities: Vec<Entity>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Something was made.
    Create,
    /// Something was looked at, or counted.
    Read,
    /// Something was changed.
    Update,
    /// Something was taken away.
    Delete,
    /// Anything else: logging in, searching, starting.
    Execute,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// As it should.
    Success,
    /// Not, and that is nobody's fault but the asker's: refused, not found, asked wrongly.
    MinorFailure,
    /// Not, and something that should work did not.
    SeriousFailure,
    /// Not, and now nothing works.
    MajorFailure,
}

/// A time with a beginning, an end, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

/// Somebody or something that took part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// How it took part. In DICOM this is the first of its roles.
    pub kind: Option<Concept>,
    /// In which capacities.
    pub roles: Vec<Concept>,
    /// Who.
    pub who: Option<Reference>,
    /// The same in another registry, say the operating system's.
    pub alternative_id: Option<Text>,
    /// What people call it.
    pub name: Option<Text>,
    /// Whether it began it all.
    pub requestor: bool,
    /// By whose leave: policies, access tokens.
    pub policies: Vec<Uri>,
    /// Which sort of medium was exported to, or imported from.
    pub media: Option<Coded>,
    /// Where it was.
    pub network: Option<Network>,
    /// What it said it is for.
    pub purposes: Vec<Concept>,
}

/// Where in a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The address itself.
    pub address: Text,
    /// Which sort of address it is.
    pub kind: Option<NetworkKind>,
}

/// A sort of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkKind {
    /// A machine's name, or one of the DNS.
    Name,
    /// An IP address.
    Ip,
    /// A telephone number.
    Telephone,
    /// An address of electronic mail.
    Mail,
    /// A URI.
    Uri,
}

/// Who saw what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where in the institution.
    pub site: Option<Text>,
    /// Who: the name of this installation.
    pub observer: Reference,
    /// What it is.
    pub types: Vec<Coded>,
}

/// What an event was about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entity {
    /// What it is.
    pub what: Option<Reference>,
    /// Which sort of thing.
    pub kind: Option<Coded>,
    /// What it was there for.
    pub role: Option<Coded>,
    /// Where in its life.
    pub lifecycle: Option<Coded>,
    /// How sensitive it is.
    pub labels: Vec<Coded>,
    /// Its name, or the query that it is.
    pub called: Option<Called>,
    /// In words.
    pub description: Option<Text>,
    /// More of it, under names of their own.
    pub details: Vec<Detail>,
}

/// A name or a query: nothing has both (FHIR R4, invariant sev-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    /// What people call it.
    Name(Text),
    /// What was asked, as it was asked.
    Query(Octets),
}

/// One thing more about an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Its name.
    pub kind: Text,
    /// What it is.
    pub value: Value,
}

/// A text, or bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// For people.
    Text(Text),
    /// For programs, or as it came.
    Binary(Octets),
}

impl Event {
    /// An event with what every event has. All else is nothing yet.
    pub fn new(kind: impl Into<Coded>, recorded: Timestamp, agent: Agent, source: Source) -> Self {
        Self {
            id: None,
            kind: kind.into(),
            subtypes: Vec::new(),
            action: None,
            recorded,
            period: None,
            outcome: None,
            outcome_description: None,
            purposes: Vec::new(),
            agents: vec![agent],
            source,
            entities: Vec::new(),
        }
    }

    /// Who took part: one at least.
    pub fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// Those who took part, to be changed.
    pub fn agents_mut(&mut self) -> &mut [Agent] {
        &mut self.agents
    }

    /// Adds somebody who took part.
    pub fn add_agent(&mut self, agent: Agent) {
        self.agents.push(agent);
    }
}

impl Period {
    /// From `start` to `end`; `None` where neither is known, or the end comes first.
    pub fn between(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<Self> {
        match (start, end) {
            (None, None) => None,
            (Some(start), Some(end)) if end < start => None,
            _ => Some(Self { start, end }),
        }
    }

    /// Its beginning.
    pub fn start(self) -> Option<Timestamp> {
        self.start
    }

    /// Its end.
    pub fn end(self) -> Option<Timestamp> {
        self.end
    }
}

impl Network {
    /// An IP address.
    pub fn ip(address: impl Into<Text>) -> Self {
        Self { address: address.into(), kind: Some(NetworkKind::Ip) }
    }

    /// A machine's name.
    pub fn name(name: impl Into<Text>) -> Self {
        Self { address: name.into(), kind: Some(NetworkKind::Name) }
    }

    /// A URI.
    pub fn uri(uri: impl Into<Text>) -> Self {
        Self { address: uri.into(), kind: Some(NetworkKind::Uri) }
    }
}

impl Detail {
    /// A text under a name.
    pub fn text(kind: &str, value: &str) -> Self {
        Self { kind: kind.into(), value: Value::Text(value.into()) }
    }
}

/// Values that FHIR and DICOM spell alike.
macro_rules! spelled {
    ($type:ident { $($variant:ident = $code:literal),+ }) => {
        impl $type {
            /// As FHIR and DICOM both spell it.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// What is spelled `code`.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

spelled!(Action { Create = "C", Read = "R", Update = "U", Delete = "D", Execute = "E" });
spelled!(Outcome { Success = "0", MinorFailure = "4", SeriousFailure = "8", MajorFailure = "12" });
spelled!(NetworkKind { Name = "1", Ip = "2", Telephone = "3", Mail = "4", Uri = "5" });
