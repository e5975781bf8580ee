//! Whom and what an event means: by which registry each name is known.

use audit_event::kinds::{Actor, person, thing};
use audit_event::{Entity, Identifier, Network, Octets, Reference, Text, codes};

use super::Telling;
use crate::base::id::LoginName;

/// Who records: the name of this installation, for whoever gathers the events of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observer(String);

impl Observer {
    /// Names this installation.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// The system of our kinds of events: the last `subtype` of each.
pub const EVENT: &str = "urn:x-gateward:event";

/// The system of one sort of our names.
fn system(sort: &str) -> String {
    format!("urn:x-gateward:{sort}")
}

fn known_as(sort: &str, name: &str) -> Reference {
    Reference::known_as(Identifier::new(system(sort).as_str(), name))
}

/// Tells whose registry knows `who`, as events name callers.
pub(super) fn account(who: &str) -> Reference {
    for (prefix, sort) in [("node:", "node"), ("os:", "os-user"), ("unix:", "unix-user")] {
        if let Some(name) = who.strip_prefix(prefix) {
            return known_as(sort, name);
        }
    }
    known_as(if who.parse::<LoginName>().is_ok() { "login" } else { "user" }, who)
}

/// Tells who a patient is, as the log has them: `Patient/ID`, an address, or `SYSTEM|VALUE`.
pub(super) fn patient(named: &str) -> Reference {
    match named.split_once('|') {
        Some((system, value)) if !system.contains(char::is_whitespace) => {
            let identifier =
                if system.is_empty() { Identifier::plain(value) } else { Identifier::new(system, value) };
            Reference::known_as(identifier).of_type("Patient")
        }
        _ => Reference::to(named).of_type("Patient"),
    }
}

/// What a field names, where it is a thing with a name of its own; each is the first of its event that is there.
const THINGS: [(&str, &str); 15] = [
    ("node", "node"),
    ("user", "user"),
    ("login", "login"),
    ("grant", "grant"),
    ("access_token", "access-token"),
    ("api_token", "api-token"),
    ("token_id", "token"),
    ("key", "key"),
    ("issuer", "issuer"),
    ("file", "file"),
    ("job", "job"),
    ("fingerprint", "fingerprint"),
    ("sha256", "inventory"),
    ("hold", "hold"),
    ("to", "store"),
];

impl Telling<'_> {
    /// This installation.
    pub(super) fn here(&self) -> Actor {
        Actor { who: Some(Reference::known_as(Identifier::plain(self.observer.name()))), ..Actor::default() }
    }

    /// Whoever did it, as far as they were proven.
    pub(super) fn actor(&self) -> Actor {
        let who = self.text("who").map(account);
        let node = self.text("node").filter(|_| self.body["method"].is_string());
        let nobody = || Reference::called(self.personal_text("claimed").unwrap_or("nobody that was proven"));
        Actor {
            who: Some(who.or_else(|| node.map(|node| known_as("node", node))).unwrap_or_else(nobody)),
            name: self.personal_text("mail").or(self.personal_text("user")).and_then(Text::some),
            alternative_id: self.alternative_id(),
            network: self.network(),
            ..Actor::default()
        }
    }

    /// What else whoever asked is known by: an OpenHIM's client, or a pseudonym.
    pub(super) fn alternative_id(&self) -> Option<Text> {
        let openhim = self.text("openhim_client").map(|client| format!("openhim:{client}"));
        let subject = || self.text("subject").map(|subject| format!("subject:{subject}"));
        openhim.or_else(subject).and_then(|id| Text::some(&id))
    }

    /// From where; a network of many addresses has no address of its own.
    pub(super) fn network(&self) -> Option<Network> {
        self.personal_text("address").map(|address| {
            if address.parse::<std::net::IpAddr>().is_ok() {
                Network::ip(address)
            } else {
                Network::name(address)
            }
        })
    }

    /// The machine that asked.
    pub(super) fn node(&self) -> Option<Reference> {
        self.text("node").map(|node| known_as("node", node))
    }

    /// The service that it is about.
    pub(super) fn service(&self) -> Option<Entity> {
        let service = self.text("service")?;
        let mut entity = thing(known_as("service", service), codes::ROLE_RESOURCE);
        entity.details = self.own_fields();
        Some(entity)
    }

    /// Names the thing that a field is about.
    pub(super) fn named(&self, field: &str, name: &str) -> Entity {
        let sort = THINGS.iter().find(|(one, _)| *one == field).map_or(field, |(_, sort)| *sort);
        let what = known_as(sort, name);
        if sort == "user" {
            person(what, codes::ROLE_USER)
        } else {
            thing(what, codes::ROLE_SECURITY_RESOURCE)
        }
    }

    /// What was changed or looked at, with all that is said of it.
    pub(super) fn things(&self) -> Vec<Entity> {
        let first = THINGS.iter().find_map(|(field, _)| self.text(field).map(|name| self.named(field, name)));
        let unnamed = || {
            let what = self.text("path").or(self.text("service")).unwrap_or(self.observer.name());
            thing(Reference::called(what), codes::ROLE_SECURITY_RESOURCE)
        };
        vec![Entity { details: self.own_fields(), ..first.unwrap_or_else(unnamed) }]
    }

    /// What somebody asked for and did not get.
    pub(super) fn asked_for(&self) -> Vec<Entity> {
        let target = self.target().or(self.text("path")).and_then(Octets::some);
        let query = target.map(|target| Entity {
            kind: Some(codes::SYSTEM_OBJECT.into()),
            role: Some(codes::ROLE_QUERY.into()),
            called: Some(audit_event::Called::Query(target)),
            ..Entity::default()
        });
        self.service().into_iter().chain(query).collect()
    }
}
