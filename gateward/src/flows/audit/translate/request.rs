//! Requests: to a FHIR server in the patterns of IHE BALP, to anything else as data that left or came.

use audit_event::codes::{self, Code};
use audit_event::kinds::{self, thing};
use audit_event::rest::{self, Interaction, Party, Person, Rest};
use audit_event::{Action, Called, Entity, Event, Identifier, Network, Octets, Reference, Text};
use serde_json::Value;

use super::Telling;
use super::names::{account, patient};

impl Telling<'_> {
    /// A request that was permitted; where it names several patients, an event for each.
    pub(super) fn request(&self) -> Vec<Event> {
        if self.text("interaction").is_none() {
            return vec![self.data()];
        }
        self.for_each(&self.list("patients"), |telling, patient| telling.rest(telling.interaction(), patient))
    }

    /// The patients whom an answer names, each with the question that it answers.
    pub(super) fn disclosed(&self) -> Vec<Event> {
        let patients = self.list("patients");
        if self.text("interaction").is_some() {
            return self.for_each(&patients, |telling, patient| telling.rest(telling.interaction(), patient));
        }
        self.for_each(&patients, |telling, patient| {
            let mut event =
                kinds::data_sent(telling.told(), telling.actor(), telling.service().into_iter().collect());
            event.kind = codes::PATIENT_RECORD.into();
            event.entities.extend(patient.map(rest::patient));
            event
        })
    }

    /// What was made, each with its address.
    pub(super) fn created(&self) -> Vec<Event> {
        let created = self.list("created");
        if created.is_empty() {
            // They were erased; that something was made was not.
            let kind = self.body["resources"][0].as_str().unwrap_or("resource");
            return vec![self.rest(Interaction::Create(Reference::called(kind)), None)];
        }
        let is_patient = |resource: &&str| resource.starts_with("Patient/");
        let event = |resource: &str| {
            let patient = Some(resource).filter(is_patient).map(patient);
            self.rest(Interaction::Create(Reference::to(resource)), patient)
        };
        created.iter().map(|resource| event(resource)).collect()
    }

    /// A request refused: it can name several patients, too.
    pub(super) fn refused(&self) -> Vec<Event> {
        self.for_each(&self.list("patients"), |telling, patient| {
            let about = telling.asked_for().into_iter().chain(patient.map(rest::patient));
            kinds::refused(telling.told(), telling.actor(), about.collect())
        })
    }

    /// A message of somebody else, which can name several patients.
    pub(super) fn message(&self) -> Vec<Event> {
        self.for_each(&self.list("patients"), |telling, patient| {
            let about = telling.things().into_iter().chain(patient.map(rest::patient));
            let (told, who) = (telling.told(), telling.actor());
            kinds::data_received(told, Action::Create, who, about.collect())
        })
    }

    fn for_each(&self, patients: &[&str], event: impl Fn(&Self, Option<Reference>) -> Event) -> Vec<Event> {
        if patients.is_empty() {
            return vec![event(self, None)];
        }
        patients.iter().map(|named| event(self, Some(patient(named)))).collect()
    }

    fn list(&self, name: &str) -> Vec<&str> {
        self.personal[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// An event in the patterns of BALP.
    fn rest(&self, interaction: Interaction, patient: Option<Reference>) -> Event {
        let network = || self.network().unwrap_or_else(|| Network::name("unknown"));
        let service = self.text("service").unwrap_or_else(|| self.observer.name());
        let user = self.text("who").filter(|who| !who.starts_with("node:"));
        let client = self.node().or_else(|| self.text("who").filter(|_| user.is_none()).map(account));
        let unproven =
            || Reference::called(self.personal_text("claimed").unwrap_or("no machine that was proven"));
        let rest = Rest {
            recorded: self.recorded_at(),
            outcome: Some(self.outcome()),
            outcome_description: self.why(),
            client: Party { who: client.unwrap_or_else(unproven), network: network() },
            server: Party {
                who: Reference::known_as(Identifier::new("urn:x-gateward:service", service)),
                network: Network::name(self.observer.name()),
            },
            user: user.map(|user| Person {
                who: account(user),
                name: self.personal_text("mail").or(self.personal_text("user")).and_then(Text::some),
                roles: Vec::new(),
                policies: Vec::new(),
                purposes: Vec::new(),
            }),
            source: self.source(),
            patient,
            request_id: self.text("transaction").and_then(Text::some),
            interaction,
        };
        let mut event = rest.event();
        if let Some(first) = event.agents_mut().first_mut() {
            first.alternative_id = self.alternative_id();
        }
        event
    }

    fn interaction(&self) -> Interaction {
        let target = self.target();
        let path = self.text("path").unwrap_or("/");
        let instance = || self.instance(target);
        let asked = || Octets::some(target.unwrap_or(path)).or_else(|| Octets::some("/"));
        let understood = self.understood();
        let (subtype, action) = match self.text("interaction").unwrap_or_default() {
            "create" => return Interaction::Create(instance()),
            "read" => return Interaction::Read(instance()),
            "vread" => return Interaction::VersionRead(instance()),
            "update" => return Interaction::Update(instance()),
            "patch" => return Interaction::Patch(instance()),
            "delete" => return Interaction::Delete(self.deleted(target)),
            word => other(word),
        };
        match (asked(), subtype) {
            (Some(asked), None) => Interaction::Search { asked, understood },
            (Some(asked), Some(subtype)) => Interaction::Other { subtype, action, asked, understood },
            (None, _) => Interaction::Read(instance()),
        }
    }

    /// What was understood of a question, without ids.
    fn understood(&self) -> Option<Text> {
        let words = [self.text("method"), self.text("path"), self.text("operation")];
        Text::some(&words.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }

    /// The resource that was asked for, as far as the request names it; an entry of a Bundle may name none.
    fn instance(&self, target: Option<&str>) -> Reference {
        let kind = self.text("resource").unwrap_or("Resource");
        match target.and_then(|target| address(target, kind)) {
            Some(address) => Reference::to(address.as_str()),
            None => Reference::called(self.text("path").unwrap_or(kind)).of_type(kind),
        }
    }

    /// What was deleted: by an identifier, since its address leads nowhere any more.
    fn deleted(&self, target: Option<&str>) -> Identifier {
        let kind = self.text("resource").unwrap_or("Resource");
        let named = target.map(|target| address(target, kind).unwrap_or_else(|| target.to_owned()));
        Identifier::plain(named.as_deref().or(self.text("path")).unwrap_or(kind))
    }

    /// A request to a service that is not FHIR.
    fn data(&self) -> Event {
        let method = self.text("method").unwrap_or("GET");
        let mut about: Vec<Entity> = self.service().into_iter().collect();
        let target = self.target().or(self.text("path"));
        about.extend(target.map(|target| thing(Reference::called(target), codes::ROLE_RESOURCE)));
        let asked = self.body["asked"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let asked = asked.collect::<Vec<_>>().join("\n");
        about.extend(Octets::some(asked).map(|asked| Entity {
            kind: Some(codes::SYSTEM_OBJECT.into()),
            role: Some(codes::ROLE_QUERY.into()),
            called: Some(Called::Query(asked)),
            ..Entity::default()
        }));
        let action = match method {
            // A question that is too long for a line is posted.
            "POST" if self.body["asked"].is_array() => None,
            "POST" => Some(Action::Create),
            "PUT" | "PATCH" => Some(Action::Update),
            "DELETE" => Some(Action::Delete),
            _ => None,
        };
        match action {
            Some(action) => kinds::data_received(self.told(), action, self.actor(), about),
            None => kinds::data_sent(self.told(), self.actor(), about),
        }
    }
}

/// What BALP has no pattern for; no code for a search, which it has one for.
fn other(word: &str) -> (Option<Code>, Action) {
    let (code, action) = match word {
        "history-instance" => (codes::HISTORY_INSTANCE, Action::Read),
        "history-type" => (codes::HISTORY_TYPE, Action::Read),
        "history-system" => (codes::HISTORY_SYSTEM, Action::Read),
        "capabilities" => (codes::CAPABILITIES, Action::Read),
        "search-system" => (codes::SEARCH_SYSTEM, Action::Execute),
        "transaction" => (codes::TRANSACTION, Action::Execute),
        "batch" => (codes::BATCH, Action::Execute),
        "operation" => (codes::OPERATION, Action::Execute),
        _ => return (None, Action::Execute),
    };
    (Some(code), action)
}

/// The address of a resource of type `kind` in a target: `Patient/7`, `Patient/7/_history/2`.
fn address(target: &str, kind: &str) -> Option<String> {
    let path = target.split(['?', '#']).next()?;
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let at = parts.iter().position(|part| *part == kind)?;
    let id = parts.get(at + 1).filter(|id| !id.starts_with(['_', '$']))?;
    match (parts.get(at + 2), parts.get(at + 3)) {
        (Some(&"_history"), Some(version)) => Some(format!("{kind}/{id}/_history/{version}")),
        _ => Some(format!("{kind}/{id}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_that_is_asked_for_is_named_without_its_server() {
        for (target, kind, found) in [
            ("/fhir/Patient/7?_format=json", "Patient", Some("Patient/7")),
            ("Patient/7/_history/2", "Patient", Some("Patient/7/_history/2")),
            ("/Patient?name=x", "Patient", None),
            ("/Patient/_search", "Patient", None),
            ("/Patient/$match", "Patient", None),
        ] {
            assert_eq!(address(target, kind).as_deref(), found, "{target}");
        }
    }
}
