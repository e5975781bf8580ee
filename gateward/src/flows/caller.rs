//! Whoever sent a request, as far as it was verified: a machine, a person, or both.

use jiff::Timestamp;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::authenticate::{ExistingKey, Holder, IdTokenHolder, Login, key};
use super::door::Door;
use super::kind::Effect;
use super::nodes::KnownNode;
use super::openhim::PassedOn;
use super::policy::{Policy, Subject};
use super::users::KnownUser;
use crate::base::identity::NodeName;
use crate::base::name::ServiceName;
use crate::store;

/// Whoever sent a request; what is in it was proven, but for the name that they only claimed.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    node: Option<KnownNode>,
    person: Option<Person>,
    claimed: Option<String>,
    passed_on: Option<PassedOn>,
    existing_key: Option<ExistingKey>,
}

/// A person that was proven for this very request; each variant is made where it is proven, alone.
#[derive(Debug, Clone)]
pub enum Person {
    /// Somebody with a temporary login.
    Login(Box<Login>),
    /// Somebody with a JWT of an OIDC issuer.
    IdToken(Box<IdTokenHolder>),
    /// Somebody with an account here.
    User(Box<KnownUser>),
    /// Somebody with a key of ours in their access token.
    AccessToken(Box<Holder>),
}

impl Person {
    /// What they are called in the record.
    pub fn name(&self) -> String {
        match self {
            Self::Login(login) => login.login().to_string(),
            Self::User(user) => user.name().to_string(),
            Self::IdToken(holder) => holder.name(),
            Self::AccessToken(holder) => key::who(holder.access_token()),
        }
    }

    /// What they are called elsewhere: for the part of the record that can be erased.
    pub fn called(&self) -> Option<String> {
        match self {
            Self::Login(_) | Self::IdToken(_) | Self::User(_) => None,
            Self::AccessToken(holder) => Some(holder.user().to_string()),
        }
    }

    /// What an upstream is told that asks who comes: the same name each time, whatever proved them.
    pub fn told(&self) -> String {
        match self {
            Self::Login(_) | Self::User(_) | Self::AccessToken(_) => self.name(),
            // No user here has such a name, so that nobody can be taken for another.
            Self::IdToken(holder) => of_issuer(holder.token().issuer(), holder.token().subject()),
        }
    }

    /// The pseudonym of a person whose name we do not keep.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::Login(login) => Some(login.subject()),
            Self::IdToken(holder) => Some(holder.subject()),
            Self::User(user) => Some(user.subject()),
            Self::AccessToken(holder) => Some(holder.subject()),
        }
    }

    /// What proved them, in a word.
    pub fn by(&self) -> &'static str {
        match self {
            Self::Login(_) => "digest",
            Self::IdToken(_) => "jwt",
            Self::User(user) => user.by(),
            Self::AccessToken(_) => "access-token",
        }
    }

    /// As whom grants may name them.
    pub fn subjects(&self) -> Vec<Subject> {
        match self {
            Self::Login(login) => login.subjects(),
            Self::IdToken(holder) => holder.subjects(),
            Self::User(user) => vec![Subject::User(user.name().clone())],
            // CKAN decides what its users reach.
            Self::AccessToken(_) => Vec::new(),
        }
    }

    /// Whether what proved them is for this at all, whatever they may do otherwise.
    fn is_for(&self, service: &ServiceName, effect: Effect) -> bool {
        match self {
            Self::Login(_) | Self::IdToken(_) | Self::AccessToken(_) => true,
            Self::User(user) => user.is_for(service, effect),
        }
    }

    /// When what proved them ends, and an answer that runs with it.
    pub fn ends_at(&self) -> Option<Timestamp> {
        match self {
            Self::Login(login) => Some(login.valid_until()),
            Self::IdToken(holder) => Some(holder.token().expires()),
            Self::User(user) => user.ends_at(),
            Self::AccessToken(holder) => Some(holder.ends_at()),
        }
    }

    /// Tells why nothing grants them anything, for whoever is asked.
    fn shows(&self) -> String {
        let groups = match self {
            Self::Login(login) => login.groups(),
            Self::IdToken(holder) => holder.groups(),
            Self::User(user) => return user.shows(),
            Self::AccessToken(_) => return "the key is of an access token".to_owned(),
        };
        if groups.is_empty() {
            return "the token lists no group".to_owned();
        }
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        format!("the token lists {}", groups.join(" "))
    }

    /// Looks again whether they are still who they were, for answers that run.
    async fn look_again(
        &self,
        door: &Door,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<Self>, store::Error> {
        match self {
            Self::Login(login) => {
                let again = login.look_again(door, policy, now).await?;
                Ok(again.map(|login| Self::Login(Box::new(login))))
            }
            Self::IdToken(holder) => {
                let again = holder.look_again(door, policy, now).await?;
                Ok(again.map(|holder| Self::IdToken(Box::new(holder))))
            }
            Self::User(user) => Ok(user.look_again(door, now).await?.map(|user| Self::User(Box::new(user)))),
            Self::AccessToken(holder) => {
                let again = holder.look_again(door, now).await?;
                Ok(again.map(|holder| Self::AccessToken(Box::new(holder))))
            }
        }
    }
}

/// What an issuer's person is called in a header field, which holds graphic ASCII: any other letter of `sub` is
/// percent-encoded, and so is the percent sign, so that no two people get one name.
fn of_issuer(issuer: &str, sub: &str) -> String {
    const TOLD_APART: &AsciiSet = &CONTROLS.add(b' ').add(b'%');
    format!("{issuer}#{}", utf8_percent_encode(sub, TOLD_APART))
}

fn told_of_node(name: &NodeName, nodes_alone: bool) -> String {
    if nodes_alone { name.to_string() } else { format!("node:{name}") }
}

impl Caller {
    /// Nobody in particular.
    pub(super) fn nobody() -> Self {
        Self::default()
    }

    /// The same, and this machine.
    pub(super) fn with_node(self, node: Option<KnownNode>) -> Self {
        Self { node, ..self }
    }

    /// The same, whose request an OpenHIM passed on, if one did.
    pub(super) fn with_openhim(self, passed_on: Option<PassedOn>) -> Self {
        Self { passed_on, ..self }
    }

    /// The same, and this person.
    pub(super) fn with_person(self, person: Person) -> Self {
        Self { person: Some(person), ..self }
    }

    /// The same, who goes by a name that nobody here has verified.
    pub(super) fn with_claim(self, name: String) -> Self {
        Self { claimed: Some(name), ..self }
    }

    /// The same, who shows a key that is CKAN's to judge.
    pub(super) fn with_existing_key(self, key: Option<ExistingKey>) -> Self {
        let claimed = key.as_ref().map(|key| format!("existing key {}", key.pseudonym));
        Self { existing_key: key, claimed, ..self }
    }

    /// The machine.
    pub fn node(&self) -> Option<&KnownNode> {
        self.node.as_ref()
    }

    /// The person.
    pub fn person(&self) -> Option<&Person> {
        self.person.as_ref()
    }

    /// The name that somebody gave to the upstream, which nobody here has verified.
    pub fn claimed(&self) -> Option<&str> {
        self.claimed.as_deref()
    }

    /// What the OpenHIM said that passed the request on, if one did.
    pub fn passed_on(&self) -> Option<&PassedOn> {
        self.passed_on.as_ref()
    }

    /// The key that is CKAN's to judge.
    pub fn existing_key(&self) -> Option<&ExistingKey> {
        self.existing_key.as_ref()
    }

    /// Whether what proved them may end without moving the revocation counter, as a session does whose browser logs out:
    /// an answer that runs by it is looked at again and again.
    pub fn ends_unannounced(&self) -> bool {
        matches!(&self.person, Some(Person::User(user)) if user.ends_unannounced())
    }

    /// Who did it, for the record: the person, or else the machine.
    pub fn who(&self) -> Option<String> {
        let node = || self.node.as_ref().map(|node| format!("node:{}", node.name()));
        self.person.as_ref().map(Person::name).or_else(node)
    }

    /// What an upstream is told that asks who comes: the person's name, or else the machine's.
    ///
    /// A machine may have the name of a user. Where people come, too, it is told as `node:NAME`, which no user can be
    /// called; where it is `nodes_alone`, by its bare name.
    pub fn told(&self, nodes_alone: bool) -> Option<String> {
        let node = |name: &NodeName| told_of_node(name, nodes_alone);
        self.person.as_ref().map(Person::told).or_else(|| self.node.as_ref().map(|one| node(one.name())))
    }

    /// As whom grants may name them: what either of them may do, both together may.
    pub fn subjects(&self) -> Vec<Subject> {
        let node = self.node.as_ref().map(|node| Subject::Node(node.name().clone()));
        self.person.as_ref().map(Person::subjects).unwrap_or_default().into_iter().chain(node).collect()
    }

    /// Whether what proved the person is for this at all, whatever they and their machine may do.
    pub fn is_for(&self, service: &ServiceName, effect: Effect) -> bool {
        self.person.as_ref().is_none_or(|person| person.is_for(service, effect))
    }

    /// When what proved them ends; `None` where nothing does by itself.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let person = self.person.as_ref().and_then(Person::ends_at);
        let node = self.node.as_ref().map(KnownNode::ends_at);
        [person, node].into_iter().flatten().min()
    }

    /// Says for the operator who it was that nothing is granted to.
    pub fn shows(&self) -> String {
        match (&self.person, &self.node) {
            (Some(person), _) => person.shows(),
            (None, Some(node)) => match self.passed_on.as_ref().and_then(PassedOn::client) {
                Some(client) => {
                    format!("it is the node {}, for its client {:?}", node.name(), client.as_str())
                }
                None => format!("it is the node {}", node.name()),
            },
            (None, None) => "nobody logged in".to_owned(),
        }
    }

    /// Looks again whether they are still who they were; `None` once one of them is not.
    ///
    /// # Errors
    ///
    /// [`store::Error`]: not known now; ask again.
    pub async fn look_again(
        &self,
        door: &Door,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<Self>, store::Error> {
        if self.node.as_ref().is_some_and(|node| !policy.nodes.look_again(node, &door.trust.current(), now)) {
            return Ok(None);
        }
        let Some(person) = &self.person else { return Ok(Some(self.clone())) };
        let again = person.look_again(door, policy, now).await?;
        Ok(again.map(|person| Self { person: Some(person), ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_machine_is_told_as_a_user_could_be_where_people_come_too() {
        let ann: NodeName = "ann".parse().unwrap();
        assert!("ann".parse::<crate::base::identity::UserName>().is_ok());
        assert!(told_of_node(&ann, false).parse::<crate::base::identity::UserName>().is_err());
        assert_eq!(told_of_node(&ann, true), "ann");
    }

    #[test]
    fn whatever_an_issuer_calls_somebody_a_header_field_can_hold_it_and_tells_people_apart() {
        let names = ["jo", "J\u{f6}", "J%C3%B6", "a b", "a%20b", "\u{7f}", "\"<>"];
        let told: std::collections::BTreeSet<_> =
            names.iter().map(|sub| of_issuer("https://a/b", sub)).collect();
        assert_eq!(told.len(), names.len());
        for one in &told {
            assert!(http::HeaderValue::from_str(one).is_ok(), "{one}");
            assert!(one.parse::<crate::base::identity::UserName>().is_err(), "{one} could be a user's");
        }
        assert!(told.contains("https://a/b#jo"));
    }
}
