//! Our events in the words that others know: FHIR AuditEvents, and what DICOM makes of them.
//!
//! Pure. Whatever stands in the log can be told: what was erased or has expired becomes an event that says no more
//! than when something was recorded.

mod names;
mod request;
mod table;

use audit_event::kinds::{self, Actor, Told};
use audit_event::{
    Action, Agent, Coded, Detail, Entity, Event, Id, Identifier, Octets, Outcome, Period, Reference, Source,
    Text, Uri, codes,
};
use jiff::Timestamp;
use serde_json::Value;

pub use self::names::{EVENT, Observer};
use self::table::{Pattern, pattern};
use crate::store::event::Recorded;

/// Tells `recorded` as `observer` saw it: one event, or one for each patient or resource that it names.
///
/// The first has the event's id, the others the same with `-2`, `-3`, ... behind it.
pub fn translate(recorded: &Recorded, observer: &Observer) -> Vec<Event> {
    let mut events = Telling::read(recorded, observer).events();
    for (at, event) in events.iter_mut().enumerate() {
        event.id = Id::exactly(&part_id(&recorded.id, at));
    }
    events
}

/// The id of the event at `part`, from 0, of those that one event of ours is told as.
pub fn part_id(id: &str, part: usize) -> String {
    if part == 0 { id.to_owned() } else { format!("{id}-{}", part + 1) }
}

/// An event of ours, read for telling.
struct Telling<'a> {
    recorded: &'a Recorded,
    observer: &'a Observer,
    /// [`Value::Null`] where it is gone.
    body: Value,
    /// The same.
    personal: Value,
}

/// Fields that are told as something else than a detail.
const COMMON: [&str; 16] = [
    "kind",
    "outcome",
    "service",
    "who",
    "transaction",
    "subject",
    "node",
    "detail",
    "method",
    "path",
    "reference",
    "interaction",
    "resource",
    "openhim_client",
    "how",
    "sealed_to",
];

/// How long a detail may be, in characters; what is longer is cut. The log has all of it.
const DETAIL: usize = 1024;

impl<'a> Telling<'a> {
    fn read(recorded: &'a Recorded, observer: &'a Observer) -> Self {
        let parsed = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        let personal = recorded.personal.as_deref().map_or(Value::Null, parsed);
        Self { recorded, observer, body: parsed(recorded.body()), personal }
    }

    fn events(&self) -> Vec<Event> {
        let known = self.text("kind").and_then(|kind| Some((kind, pattern(kind)?)));
        let Some((kind, pattern)) = known else { return vec![self.gone()] };
        let mut events = match pattern {
            Pattern::Request => self.request(),
            Pattern::Disclosed => self.disclosed(),
            Pattern::Created => self.created(),
            Pattern::Refused => self.refused(),
            Pattern::Message => self.message(),
            other => vec![self.single(other)],
        };
        for event in &mut events {
            event.subtypes.push(Coded::new(Uri::some(EVENT), kind, None));
        }
        events
    }

    /// What is left of an event that was erased, or that a later program wrote.
    fn gone(&self) -> Event {
        let here = Agent { kind: Some(codes::APPLICATION.into()), who: self.here().who, ..Agent::default() };
        let mut event = Event::new(codes::APPLICATION_ACTIVITY, self.recorded_at(), here, self.source());
        event.subtypes.push(Coded::new(Uri::some(EVENT), self.text("kind").unwrap_or("gone"), None));
        event
    }

    fn single(&self, pattern: Pattern) -> Event {
        let (told, who) = (self.told(), self.actor());
        let log = self.observer.name();
        match pattern {
            Pattern::Started => kinds::started(told, self.here()),
            Pattern::Stopped => kinds::stopped(told, self.here()),
            Pattern::Exchange => {
                let token = self.text("token_id").map(|id| self.named("token_id", id));
                kinds::exchange(told, who, token, self.details())
            }
            Pattern::Login => self.with_details(kinds::login(told, who)),
            Pattern::Logout => kinds::logout(told, who),
            Pattern::Ended => kinds::data_sent(told, who, self.service().into_iter().collect()),
            Pattern::NotANode => {
                let certificate = self.personal_text("certificate");
                let who = Actor {
                    who: certificate.map(Reference::called).or(who.who),
                    alternative_id: self.text("fingerprint").and_then(Text::some),
                    ..who
                };
                let address = self.personal_text("address").unwrap_or("-").to_owned();
                self.with_details(kinds::node_authentication_failed(told, who, &address))
            }
            Pattern::Changed(change, action) => {
                kinds::security_changed(told, change, action, who, self.things())
            }
            Pattern::Activity => kinds::checked(told, who, self.things()),
            Pattern::NotRecorded => self.with_details(kinds::recording(told, false, self.here(), log)),
            Pattern::LogRead => {
                let asked = self.target().and_then(Octets::some);
                let mut event = kinds::log_used(told, who, log, asked);
                if self.text("how") == Some("export") {
                    event.subtypes.push(codes::EXPORT.into());
                }
                if let (Some(entity), Some(events)) =
                    (event.entities.first_mut(), self.body["events"].as_u64())
                {
                    entity.details.push(Detail::text("events", &events.to_string()));
                }
                event
            }
            Pattern::LogExpired => kinds::log_expired(told, who, log, self.own_fields()),
            Pattern::Received => {
                let sent =
                    self.personal_text("resource").map(|text| audit_event::fhir::read(text.as_bytes()));
                match sent {
                    Some(Ok(read)) => read.event,
                    _ => kinds::data_received(told, Action::Create, who, self.things()),
                }
            }
            Pattern::BackedUp => kinds::backed_up(told, who, self.things()),
            Pattern::Restored => kinds::restored(told, who, self.things()),
            // These are told elsewhere: they can be several.
            Pattern::Request
            | Pattern::Disclosed
            | Pattern::Created
            | Pattern::Refused
            | Pattern::Message => self.gone(),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }

    fn personal_text(&self, name: &str) -> Option<&str> {
        self.personal[name].as_str()
    }

    /// What was asked, unless an auditor alone can read it.
    fn target(&self) -> Option<&str> {
        self.personal_text("target").filter(|_| self.text("sealed_to").is_none())
    }

    fn recorded_at(&self) -> Timestamp {
        self.recorded.recorded_at.parse().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn told(&self) -> Told {
        let at = |name: &str| self.text(name).and_then(|text| text.parse().ok());
        Told {
            recorded: self.recorded_at(),
            period: Period::between(at("since"), at("until")),
            outcome: self.outcome(),
            why: self.why(),
            source: self.source(),
            here: self.here(),
            transaction: self.text("transaction").and_then(Text::some),
        }
    }

    /// Refused is a minor failure, and so is what an upstream refused; what should work and did not, a serious one.
    fn outcome(&self) -> Outcome {
        let status = self.body["status"].as_u64().unwrap_or(0);
        match self.text("outcome") {
            Some("refused") => Outcome::MinorFailure,
            Some("failed") => Outcome::SeriousFailure,
            _ if (400..500).contains(&status) => Outcome::MinorFailure,
            _ if status >= 500 => Outcome::SeriousFailure,
            _ => Outcome::Success,
        }
    }

    fn why(&self) -> Option<Text> {
        let detail = self.text("detail").or(self.personal_text("detail"));
        let sealed =
            self.text("sealed_to").map(|key| format!("the parameters are sealed to the OpenPGP key {key}"));
        let said = [self.text("reason"), detail, self.text("reference"), sealed.as_deref()];
        let said: Vec<_> = said.into_iter().flatten().collect();
        if said.is_empty() {
            return None;
        }
        Text::some(&said.join(": "))
    }

    fn source(&self) -> Source {
        let observer = Reference::known_as(Identifier::plain(self.observer.name()));
        Source { site: None, observer, types: vec![codes::SECURITY_SERVER.into()] }
    }

    fn with_details(&self, mut event: Event) -> Event {
        event.entities.extend(self.details());
        event
    }

    /// All fields of its own, as details of one thing.
    fn details(&self) -> Option<Entity> {
        let details = self.own_fields();
        let what = Reference::called(self.text("service").unwrap_or(self.observer.name()));
        (!details.is_empty()).then(|| Entity { details, ..kinds::thing(what, codes::ROLE_SECURITY_RESOURCE) })
    }

    /// Its own fields: text and numbers as they are, lists and the like as JSON.
    fn own_fields(&self) -> Vec<Detail> {
        let fields = self.body.as_object().into_iter().flatten();
        let own = fields.filter(|(name, _)| !COMMON.contains(&name.as_str()));
        own.filter_map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let text: String = text.chars().take(DETAIL).collect();
            (!text.is_empty()).then(|| Detail::text(name, &text))
        })
        .collect()
    }
}
