//! Which profile of IHE BALP (Basic Audit Log Patterns) an event meets.

use crate::codes::{self, Code};
use crate::model::{Action, Agent, Called, Entity, Event, Outcome};

/// A profile of BALP for what was asked of a FHIR server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Profile {
    Create,
    Read,
    Update,
    Delete,
    Query,
    PatientCreate,
    PatientRead,
    PatientUpdate,
    PatientDelete,
    PatientQuery,
}

impl Profile {
    /// Its canonical URL.
    pub fn url(self) -> &'static str {
        match self {
            Self::Create => "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.Create",
            Self::Read => "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.Read",
            Self::Update => "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.Update",
            Self::Delete => "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.Delete",
            Self::Query => "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.Query",
            Self::PatientCreate => {
                "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientCreate"
            }
            Self::PatientRead => {
                "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"
            }
            Self::PatientUpdate => {
                "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientUpdate"
            }
            Self::PatientDelete => {
                "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientDelete"
            }
            Self::PatientQuery => {
                "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientQuery"
            }
        }
    }
}

/// What one profile asks for, and its sibling for one patient.
struct Pattern {
    plain: Profile,
    with_patient: Profile,
    action: Action,
    subtypes: &'static [Code],
    client: Code,
    server: Code,
    users: &'static [Code],
}

const DATA_SOURCES: &[Code] = &[codes::AUTHOR, codes::INFORMANT, codes::CUSTODIAN_OF_DATA];

const PATTERNS: [Pattern; 5] = [
    Pattern {
        plain: Profile::Create,
        with_patient: Profile::PatientCreate,
        action: Action::Create,
        subtypes: &[codes::CREATE],
        client: codes::SOURCE,
        server: codes::DESTINATION,
        users: DATA_SOURCES,
    },
    Pattern {
        plain: Profile::Read,
        with_patient: Profile::PatientRead,
        action: Action::Read,
        subtypes: &[codes::READ, codes::VREAD],
        client: codes::DESTINATION,
        server: codes::SOURCE,
        users: &[codes::RECIPIENT],
    },
    Pattern {
        plain: Profile::Update,
        with_patient: Profile::PatientUpdate,
        action: Action::Update,
        subtypes: &[codes::UPDATE, codes::PATCH],
        client: codes::SOURCE,
        server: codes::DESTINATION,
        users: DATA_SOURCES,
    },
    Pattern {
        plain: Profile::Delete,
        with_patient: Profile::PatientDelete,
        action: Action::Delete,
        subtypes: &[codes::DELETE],
        client: codes::APPLICATION,
        server: codes::CUSTODIAN,
        users: DATA_SOURCES,
    },
    Pattern {
        plain: Profile::Query,
        with_patient: Profile::PatientQuery,
        action: Action::Execute,
        subtypes: &[codes::SEARCH, codes::SEARCH_TYPE],
        client: codes::SOURCE,
        server: codes::DESTINATION,
        users: &[codes::RECIPIENT],
    },
];

/// The profile that `event` meets, every word of it.
///
/// Stricter than BALP 1.1 where BALP leaves room: there is nobody but client, server and user, and nothing but what
/// was asked for, the patient and the request's id. So a profile that is claimed is met in older versions, too.
pub fn met(event: &Event) -> Option<Profile> {
    if !event.kind.is(codes::REST) || event.outcome != Some(Outcome::Success) {
        return None;
    }
    PATTERNS.iter().find(|pattern| event.action == Some(pattern.action))?.met(event)
}

impl Pattern {
    fn met(&self, event: &Event) -> Option<Profile> {
        let of_the_pattern =
            event.subtypes.iter().filter(|coded| self.subtypes.iter().any(|code| coded.is(*code)));
        if of_the_pattern.count() != 1 || !self.agents_fit(event.agents()) {
            return None;
        }
        let is_query = self.plain == Profile::Query;
        let fits = |entity: &&Entity| if is_query { is_asked(entity) } else { is_data(entity) };
        let subjects = event.entities.iter().filter(fits).count();
        let patients = event.entities.iter().filter(|entity| is_patient(entity)).count();
        let transactions = event.entities.iter().filter(|entity| is_transaction(entity)).count();
        if subjects != 1 || transactions > 1 || subjects + patients + transactions != event.entities.len() {
            return None;
        }
        match patients {
            0 => Some(self.plain),
            1 => Some(self.with_patient),
            _ => None,
        }
    }

    fn agents_fit(&self, agents: &[Agent]) -> bool {
        let plays = |agent: &Agent, role| agent.kind.as_ref().is_some_and(|kind| kind.is(role));
        let count = |fits: &dyn Fn(&Agent) -> bool| agents.iter().filter(|agent| fits(agent)).count();
        let clients = count(&|agent| plays(agent, self.client) && is_party(agent));
        let servers = count(&|agent| plays(agent, self.server) && is_party(agent));
        let users = count(&|agent| self.users.iter().any(|role| plays(agent, *role)) && is_user(agent));
        clients == 1 && servers == 1 && users <= 1 && clients + servers + users == agents.len()
    }
}

fn is_party(agent: &Agent) -> bool {
    agent.who.is_some() && agent.network.is_some() && agent.media.is_none()
}

fn is_user(agent: &Agent) -> bool {
    agent.who.is_some() && agent.requestor && agent.network.is_none() && agent.media.is_none()
}

fn is_sort(entity: &Entity, kind: Code, roles: &[Code]) -> bool {
    entity.kind.as_ref().is_some_and(|coded| coded.is(kind))
        && entity.role.as_ref().is_some_and(|coded| roles.iter().any(|role| coded.is(*role)))
}

/// Says no more than what it is.
fn is_bare(entity: &Entity) -> bool {
    entity.lifecycle.is_none() && entity.called.is_none() && entity.details.is_empty()
}

fn is_data(entity: &Entity) -> bool {
    is_sort(entity, codes::SYSTEM_OBJECT, &[codes::ROLE_RESOURCE, codes::ROLE_REPORT, codes::ROLE_JOB])
        && entity.what.is_some()
        && is_bare(entity)
}

fn is_asked(entity: &Entity) -> bool {
    is_sort(entity, codes::SYSTEM_OBJECT, &[codes::ROLE_QUERY])
        && matches!(entity.called, Some(Called::Query(_)))
        && entity.what.is_none()
        && entity.lifecycle.is_none()
        && entity.details.is_empty()
}

fn is_patient(entity: &Entity) -> bool {
    is_sort(entity, codes::PERSON, &[codes::ROLE_PATIENT])
        && entity.what.as_ref().is_some_and(|what| what.is_a("Patient"))
        && is_bare(entity)
        && entity.labels.is_empty()
}

fn is_transaction(entity: &Entity) -> bool {
    entity.kind.as_ref().is_some_and(|coded| coded.is(codes::X_REQUEST_ID))
        && entity.what.as_ref().is_some_and(|what| what.identifier().is_some())
        && is_bare(entity)
        && entity.labels.is_empty()
}
