//! What was asked of a FHIR server, in the patterns of IHE BALP: who stands where, and what it was about.
//!
//! An event that is told here meets its profile if it ended well; one that did not follows the same pattern and
//! claims nothing ([`profile::met`](crate::profile::met)).

use jiff::Timestamp;

use crate::coded::Concept;
use crate::codes::{self, Code};
use crate::model::{Action, Agent, Called, Entity, Event, Network, Outcome, Source};
use crate::reference::{Identifier, Reference};
use crate::text::{Octets, Text, Uri};

/// A program at one end of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Which: a node by its name in the registry that knows it.
    pub who: Reference,
    /// Where, as far as the connection itself shows.
    pub network: Network,
}

/// The person for whom the client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Which, by the registry or issuer that knows them.
    pub who: Reference,
    /// What people call them.
    pub name: Option<Text>,
    /// In which capacities.
    pub roles: Vec<Concept>,
    /// By whose leave: `urn:ietf:params:oauth:jti:...` for a JWT.
    pub policies: Vec<Uri>,
    /// For what, as they said it.
    pub purposes: Vec<Concept>,
}

/// One request to a FHIR server, or one entry of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// When it was recorded.
    pub recorded: Timestamp,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The same for people.
    pub outcome_description: Option<Text>,
    /// Who asked.
    pub client: Party,
    /// Who was asked.
    pub server: Party,
    /// For whom.
    pub user: Option<Person>,
    /// Who saw it.
    pub source: Source,
    /// The one patient whom it is about. Where an answer names several, each has an event.
    pub patient: Option<Reference>,
    /// The id of the whole request: `X-Request-Id`.
    pub request_id: Option<Text>,
    /// What was asked.
    pub interaction: Interaction,
}

/// What was asked (FHIR R4 section 3.1.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// Make a resource, which was found here afterwards.
    Create(Reference),
    /// Show a resource.
    Read(Reference),
    /// Show one version of a resource.
    VersionRead(Reference),
    /// Replace a resource; by its version, where there is one.
    Update(Reference),
    /// Change parts of a resource.
    Patch(Reference),
    /// Take a resource away. It may not be there any more, so it is meant by an identifier.
    Delete(Identifier),
    /// Look for resources.
    Search {
        /// Target and body, as they came.
        asked: Octets,
        /// What was understood of it.
        understood: Option<Text>,
    },
    /// What BALP has no pattern for: history, operations, capabilities. Told as a query of this sort.
    Other {
        /// Of [`codes::INTERACTION`].
        subtype: Code,
        /// What was done.
        action: Action,
        /// Target and body, as they came.
        asked: Octets,
        /// What was understood of it.
        understood: Option<Text>,
    },
}

/// Who is who: client, server, user.
struct Roles(Code, Code, Code);

impl Rest {
    /// The event that says it.
    pub fn event(self) -> Event {
        let (action, subtype) = self.interaction.what();
        let Roles(client, server, user) = self.interaction.roles();
        let client = party(self.client, client, self.user.is_none());
        let mut event = Event::new(codes::REST, self.recorded, client, self.source);
        event.subtypes = vec![subtype.into()];
        event.action = Some(action);
        event.outcome = self.outcome;
        event.outcome_description = self.outcome_description;
        event.add_agent(party(self.server, server, false));
        if let Some(person) = self.user {
            event.add_agent(asker(person, user));
        }
        event.entities.push(self.interaction.entity());
        event.entities.extend(self.patient.map(patient));
        event.entities.extend(self.request_id.map(transaction));
        event
    }
}

impl Interaction {
    fn what(&self) -> (Action, Code) {
        match self {
            Self::Create(_) => (Action::Create, codes::CREATE),
            Self::Read(_) => (Action::Read, codes::READ),
            Self::VersionRead(_) => (Action::Read, codes::VREAD),
            Self::Update(_) => (Action::Update, codes::UPDATE),
            Self::Patch(_) => (Action::Update, codes::PATCH),
            Self::Delete(_) => (Action::Delete, codes::DELETE),
            Self::Search { .. } => (Action::Execute, codes::SEARCH),
            Self::Other { subtype, action, .. } => (*action, *subtype),
        }
    }

    /// Data flow from source to destination. What is searched for is told as flowing the way of the question.
    fn roles(&self) -> Roles {
        match self {
            Self::Create(_) | Self::Update(_) | Self::Patch(_) => {
                Roles(codes::SOURCE, codes::DESTINATION, codes::AUTHOR)
            }
            Self::Read(_) | Self::VersionRead(_) => {
                Roles(codes::DESTINATION, codes::SOURCE, codes::RECIPIENT)
            }
            Self::Delete(_) => Roles(codes::APPLICATION, codes::CUSTODIAN, codes::AUTHOR),
            Self::Search { .. } | Self::Other { .. } => {
                Roles(codes::SOURCE, codes::DESTINATION, codes::RECIPIENT)
            }
        }
    }

    fn entity(self) -> Entity {
        let data = |what| Entity {
            what: Some(what),
            kind: Some(codes::SYSTEM_OBJECT.into()),
            role: Some(codes::ROLE_RESOURCE.into()),
            ..Entity::default()
        };
        match self {
            Self::Create(what)
            | Self::Read(what)
            | Self::VersionRead(what)
            | Self::Update(what)
            | Self::Patch(what) => data(what),
            Self::Delete(identifier) => data(Reference::known_as(identifier)),
            Self::Search { asked, understood } | Self::Other { asked, understood, .. } => Entity {
                kind: Some(codes::SYSTEM_OBJECT.into()),
                role: Some(codes::ROLE_QUERY.into()),
                called: Some(Called::Query(asked)),
                description: understood,
                ..Entity::default()
            },
        }
    }
}

fn party(party: Party, kind: Code, requestor: bool) -> Agent {
    Agent {
        kind: Some(kind.into()),
        who: Some(party.who),
        requestor,
        network: Some(party.network),
        ..Agent::default()
    }
}

fn asker(person: Person, kind: Code) -> Agent {
    Agent {
        kind: Some(kind.into()),
        who: Some(person.who),
        name: person.name,
        roles: person.roles,
        policies: person.policies,
        purposes: person.purposes,
        requestor: true,
        ..Agent::default()
    }
}

/// The patient whom an event is about.
pub fn patient(who: Reference) -> Entity {
    Entity {
        what: Some(who),
        kind: Some(codes::PERSON.into()),
        role: Some(codes::ROLE_PATIENT.into()),
        ..Entity::default()
    }
}

/// The id of the whole request, under which the events of its other parts are found.
pub fn transaction(request_id: Text) -> Entity {
    Entity {
        what: Some(Reference::known_as(Identifier::plain(request_id))),
        kind: Some(codes::X_REQUEST_ID.into()),
        ..Entity::default()
    }
}

impl From<Text> for Identifier {
    fn from(value: Text) -> Self {
        Self { system: None, value, kind: None }
    }
}
