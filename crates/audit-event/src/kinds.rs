//! One constructor for each kind of transaction that is not a request to a FHIR server (those are in [`crate::rest`]).
//!
//! | what happened | kind | subtypes | action |
//! |---|---|---|---|
//! | [`login`], [`exchange`] | 110114 User Authentication | 110122 Login | E |
//! | [`logout`] | 110114 | 110123 Logout | E |
//! | [`node_authentication_failed`] | 110113 Security Alert | 110126 Node Authentication | E |
//! | [`data_sent`] | 110106 Export | | R |
//! | [`data_received`] | 110107 Import | | C, U or D |
//! | [`query`] | 110112 Query | | E |
//! | [`refused`] | 110113 | 110132 Use of Restricted Function | E |
//! | [`started`], [`stopped`] | 110100 Application Activity | 110120 Start, 110121 Stop | E |
//! | [`security_changed`] | 110113 | that of the [`Change`] | C, U or D |
//! | [`log_used`] | 110101 Audit Log Used | | R |
//! | [`log_expired`] | 110101 | | D |
//! | [`recording`] | 110113 | 110134 Audit Recording Started, 110133 Stopped | E |
//! | [`backed_up`], [`restored`] | 110106, 110107 | | R, C |
//! | [`checked`] | 110100 | | E |
//!
//! How it ended is an argument: a failed login is a [`login`] that did not end well.

use jiff::Timestamp;

use crate::coded::Concept;
use crate::codes::{self, Code};
use crate::model::{Action, Agent, Called, Detail, Entity, Event, Network, Outcome, Period, Source};
use crate::reference::{Identifier, Reference};
use crate::rest;
use crate::text::{Octets, Text, Uri};

/// What is told of every transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it was recorded.
    pub recorded: Timestamp,
    /// When it happened, where that is more than a moment.
    pub period: Option<Period>,
    /// How it ended.
    pub outcome: Outcome,
    /// The same for people.
    pub why: Option<Text>,
    /// Who saw it.
    pub source: Source,
    /// This installation, as one that took part.
    pub here: Actor,
    /// The id of the whole transaction.
    pub transaction: Option<Text>,
}

/// Somebody or something that took part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub who: Option<Reference>,
    /// What people call it.
    pub name: Option<Text>,
    /// The same in another registry: the operating system's, a certificate's subject.
    pub alternative_id: Option<Text>,
    /// Where it was.
    pub network: Option<Network>,
    /// In which capacities, its first one aside.
    pub roles: Vec<Concept>,
    /// By whose leave.
    pub policies: Vec<Uri>,
}

/// What was changed of who may do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Users: their accounts, passwords, keys for their programs, access tokens.
    Users,
    /// Grants and roles.
    Roles,
    /// Nodes, issuers, keys of this installation: what is believed.
    Trust,
    /// The configuration, as far as it says who may do what.
    Configuration,
    /// The program itself, or its store.
    Software,
}

/// Somebody proved who they are, or tried to.
pub fn login(told: Told, user: Actor) -> Event {
    event(told, codes::USER_AUTHENTICATION, &[codes::LOGIN], Action::Execute, asker(user))
}

/// Somebody is not to be taken for whom they proved to be any more.
pub fn logout(told: Told, user: Actor) -> Event {
    event(told, codes::USER_AUTHENTICATION, &[codes::LOGOUT], Action::Execute, asker(user))
}

/// A signed token became a login, or did not. `token` is what it is known by; `login` what became of it.
pub fn exchange(told: Told, user: Actor, token: Option<Entity>, made: Option<Entity>) -> Event {
    with(login(told, user), token.into_iter().chain(made))
}

/// A machine did not prove who it is. `node` says what it showed, `address` where it knocked from.
pub fn node_authentication_failed(told: Told, node: Actor, address: &str) -> Event {
    let failed =
        event(told, codes::SECURITY_ALERT, &[codes::NODE_AUTHENTICATION], Action::Execute, asker(node));
    let kind = Some(codes::NODE_ID.into());
    let knocked = Identifier { kind, ..Identifier::plain(address) };
    with(failed, [thing(Reference::known_as(knocked), codes::ROLE_SECURITY_RESOURCE)])
}

/// Somebody was given data of a service that is not FHIR.
pub fn data_sent(told: Told, who: Actor, data: Vec<Entity>) -> Event {
    carried(told, codes::EXPORT, Action::Read, who, codes::DESTINATION, codes::SOURCE, data)
}

/// Somebody changed something behind a service that is not FHIR.
pub fn data_received(told: Told, action: Action, who: Actor, data: Vec<Entity>) -> Event {
    carried(told, codes::IMPORT, action, who, codes::SOURCE, codes::DESTINATION, data)
}

/// Somebody asked a question of a service that is not FHIR. What was answered is not told.
pub fn query(told: Told, who: Actor, asked: Octets, understood: Option<Text>) -> Event {
    let question = Entity {
        kind: Some(codes::SYSTEM_OBJECT.into()),
        role: Some(codes::ROLE_QUERY.into()),
        called: Some(Called::Query(asked)),
        description: understood,
        ..Entity::default()
    };
    carried(told, codes::QUERY, Action::Execute, who, codes::SOURCE, codes::DESTINATION, vec![question])
}

/// Somebody asked for what they may not have, or in a way that means nothing.
pub fn refused(told: Told, who: Actor, asked_for: Vec<Entity>) -> Event {
    let refused =
        event(told, codes::SECURITY_ALERT, &[codes::RESTRICTED_FUNCTION], Action::Execute, asker(who));
    with(refused, asked_for)
}

/// A program began. `launcher` is who started it.
pub fn started(told: Told, launcher: Actor) -> Event {
    activity(told, codes::APPLICATION_START, launcher)
}

/// A program ended.
pub fn stopped(told: Told, launcher: Actor) -> Event {
    activity(told, codes::APPLICATION_STOP, launcher)
}

/// Who may do what was changed, by `who`: each of `what` was.
pub fn security_changed(told: Told, change: Change, action: Action, who: Actor, what: Vec<Entity>) -> Event {
    with(event(told, codes::SECURITY_ALERT, &[change.code()], action, asker(who)), what)
}

/// Somebody looked at the log: `asked` is what they asked of it.
pub fn log_used(told: Told, who: Actor, log: &str, asked: Option<Octets>) -> Event {
    let used = event(told, codes::AUDIT_LOG_USED, &[], Action::Read, asker(who));
    let question = asked.map(|asked| Entity {
        kind: Some(codes::SYSTEM_OBJECT.into()),
        role: Some(codes::ROLE_QUERY.into()),
        called: Some(Called::Query(asked)),
        ..Entity::default()
    });
    with(used, [log_itself(log, codes::ACCESS)].into_iter().chain(question))
}

/// What the log said of a time, or of a person, is gone from it. `details` say what exactly.
pub fn log_expired(told: Told, who: Actor, log: &str, details: Vec<Detail>) -> Event {
    let expired = event(told, codes::AUDIT_LOG_USED, &[], Action::Delete, asker(who));
    with(expired, [Entity { details, ..log_itself(log, codes::ERASURE) }])
}

/// Recording began (`on`), or ended, or could not be done for a while.
pub fn recording(told: Told, on: bool, who: Actor, log: &str) -> Event {
    let subtype = if on { codes::AUDIT_STARTED } else { codes::AUDIT_STOPPED };
    let event = event(told, codes::SECURITY_ALERT, &[subtype], Action::Execute, asker(who));
    let log = Entity { lifecycle: None, ..log_itself(log, codes::ACCESS) };
    with(event, [log])
}

/// A backup was made, or not. Each of `files` was written.
pub fn backed_up(told: Told, who: Actor, files: Vec<Entity>) -> Event {
    carried(told, codes::EXPORT, Action::Read, who, codes::APPLICATION_LAUNCHER, codes::SOURCE, files)
}

/// A backup was written out again, or only tried.
pub fn restored(told: Told, who: Actor, files: Vec<Entity>) -> Event {
    carried(told, codes::IMPORT, Action::Create, who, codes::APPLICATION_LAUNCHER, codes::DESTINATION, files)
}

/// This installation, or what stands beside it, was looked at: a hardening check, a verification.
pub fn checked(told: Told, who: Actor, what: Vec<Entity>) -> Event {
    with(event(told, codes::APPLICATION_ACTIVITY, &[], Action::Execute, asker(who)), what)
}

/// Something that is no person, and what it was there for.
pub fn thing(what: Reference, role: Code) -> Entity {
    Entity {
        what: Some(what),
        kind: Some(codes::SYSTEM_OBJECT.into()),
        role: Some(role.into()),
        ..Entity::default()
    }
}

/// A person, and what they were there for.
pub fn person(who: Reference, role: Code) -> Entity {
    Entity { kind: Some(codes::PERSON.into()), ..thing(who, role) }
}

impl Change {
    fn code(self) -> Code {
        match self {
            Self::Users => codes::USER_ATTRIBUTES_CHANGED,
            Self::Roles => codes::SECURITY_ROLES_CHANGED,
            Self::Trust | Self::Configuration => codes::SECURITY_CONFIGURATION,
            Self::Software => codes::SOFTWARE_CONFIGURATION,
        }
    }
}

fn activity(told: Told, subtype: Code, launcher: Actor) -> Event {
    let launcher = Agent { kind: Some(codes::APPLICATION_LAUNCHER.into()), ..asker(launcher) };
    event(told, codes::APPLICATION_ACTIVITY, &[subtype], Action::Execute, launcher)
}

fn carried(
    told: Told,
    kind: Code,
    action: Action,
    who: Actor,
    their_role: Code,
    our_role: Code,
    what: Vec<Entity>,
) -> Event {
    let who = Agent { kind: Some(their_role.into()), ..asker(who) };
    let mut event = event(told, kind, &[], action, who);
    event.agents_mut()[1].kind = Some(our_role.into());
    with(event, what)
}

/// Who began it stands first, this installation second, the transaction last.
fn event(told: Told, kind: Code, subtypes: &[Code], action: Action, asker: Agent) -> Event {
    let mut event = Event::new(kind, told.recorded, asker, told.source);
    event.subtypes = subtypes.iter().map(|code| (*code).into()).collect();
    event.action = Some(action);
    event.period = told.period;
    event.outcome = Some(told.outcome);
    event.outcome_description = told.why;
    event.add_agent(Agent {
        kind: Some(codes::APPLICATION.into()),
        requestor: false,
        ..took_part(told.here)
    });
    event.entities.extend(told.transaction.map(rest::transaction));
    event
}

fn with(mut event: Event, what: impl IntoIterator<Item = Entity>) -> Event {
    let transaction = std::mem::take(&mut event.entities);
    event.entities = what.into_iter().chain(transaction).collect();
    event
}

fn asker(actor: Actor) -> Agent {
    Agent { requestor: true, ..took_part(actor) }
}

fn took_part(actor: Actor) -> Agent {
    Agent {
        who: actor.who,
        name: actor.name,
        alternative_id: actor.alternative_id,
        network: actor.network,
        roles: actor.roles,
        policies: actor.policies,
        ..Agent::default()
    }
}

fn log_itself(log: &str, lifecycle: Code) -> Entity {
    Entity {
        lifecycle: Some(lifecycle.into()),
        called: Some(Called::Name("Security Audit Log".into())),
        ..thing(Reference::to(log), codes::ROLE_SECURITY_RESOURCE)
    }
}
