//! A grant before it is stored, and what it opens afterwards: whom it names, and how much of a service.

use signed_token::{Group, Mail};

use crate::base::fhir::{Action, ResourceType};
use crate::base::identity::{NodeName, UserName};
use crate::base::kind::Kind;
use crate::base::name::ServiceName;
use crate::base::network::Network;
use crate::base::sha256::Sha256;
use crate::store::grant::{GrantRow, Origin};

/// Whom a grant names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Everybody whose signed token, or JWT where its issuer is asked for groups, lists this group.
    Group(Group),
    /// One mail address.
    Mail(Mail),
    /// Every mail address of one domain, in lower case.
    MailDomain(String),
    /// One person with an account here.
    User(UserName),
    /// One machine.
    Node(NodeName),
    /// One person of an OIDC issuer, by what that issuer calls them.
    Oidc {
        /// The issuer, as `iss` spells it.
        issuer: String,
        /// The person, as `sub` spells it.
        sub: String,
    },
}

/// Why a rule makes no sense: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum NotARule {
    /// Not a domain.
    #[error("{0:?} is no mail domain: example.org, without @")]
    Domain(String),
    /// Nobody, or several at once.
    #[error(
        "a grant names exactly one of a group, a mail address, a mail domain, a user, a node and a person of an \
         OIDC issuer"
    )]
    Subject,
    /// An issuer that could be read in two ways.
    #[error("{0:?} is no OIDC issuer: a URL without a blank")]
    Issuer(String),
    /// A restriction that nothing would look at: the grant would open more than it says.
    #[error("service {0} knows no networks: a grant of it cannot be restricted to some")]
    Networks(ServiceName),
    /// As above.
    #[error(
        "service {0} knows no resources: a grant of it cannot be restricted to actions, resources or own"
    )]
    Resources(ServiceName),
}

/// Whom a grant is to name, as it is given; exactly one of them.
#[derive(Debug, Clone, Default)]
pub struct Whom {
    /// A group.
    pub group: Option<Group>,
    /// A mail address.
    pub mail: Option<Mail>,
    /// A mail domain, in any case.
    pub mail_domain: Option<String>,
    /// A user.
    pub user: Option<UserName>,
    /// A node.
    pub node: Option<NodeName>,
    /// An OIDC issuer and what it calls the person.
    pub oidc: Option<(String, String)>,
}

impl Subject {
    /// Takes a mail domain, in any case.
    ///
    /// # Errors
    ///
    /// [`NotARule::Domain`].
    pub fn mail_domain(text: &str) -> Result<Self, NotARule> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        if text.contains('.') && text.len() <= 253 && text.bytes().all(good) {
            Ok(Self::MailDomain(text.to_ascii_lowercase()))
        } else {
            Err(NotARule::Domain(text.to_owned()))
        }
    }

    /// Takes the one that is given.
    ///
    /// # Errors
    ///
    /// [`NotARule::Subject`], [`NotARule::Domain`], [`NotARule::Issuer`].
    pub fn one_of(whom: Whom) -> Result<Self, NotARule> {
        let Whom { group, mail, mail_domain, user, node, oidc } = whom;
        let given = [
            group.map(|group| Ok(Self::Group(group))),
            mail.map(|mail| Ok(Self::Mail(mail))),
            mail_domain.map(|domain| Self::mail_domain(&domain)),
            user.map(|user| Ok(Self::User(user))),
            node.map(|node| Ok(Self::Node(node))),
            oidc.map(|(issuer, sub)| {
                if issuer.contains(char::is_whitespace) || issuer.is_empty() {
                    return Err(NotARule::Issuer(issuer));
                }
                Ok(Self::Oidc { issuer, sub })
            }),
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(one), None) => one,
            _ => Err(NotARule::Subject),
        }
    }

    /// As it is stored: its kind and its text.
    pub fn stored(&self) -> (&'static str, String) {
        match self {
            Self::Group(group) => ("group", group.to_string()),
            Self::Mail(mail) => ("mail", mail.as_str().to_owned()),
            Self::MailDomain(domain) => ("mail-domain", domain.clone()),
            Self::User(user) => ("user", user.to_string()),
            Self::Node(node) => ("node", node.to_string()),
            Self::Oidc { issuer, sub } => ("oidc", format!("{issuer} {sub}")),
        }
    }

    pub(super) fn from_stored(subject_kind: &str, text: &str) -> Option<Self> {
        match subject_kind {
            "group" => text.parse().ok().map(Self::Group),
            "mail" => text.parse().ok().map(Self::Mail),
            "mail-domain" => Self::mail_domain(text).ok(),
            "user" => text.parse().ok().map(Self::User),
            "node" => text.parse().ok().map(Self::Node),
            "oidc" => {
                let (issuer, sub) = text.split_once(' ')?;
                Some(Self::Oidc { issuer: issuer.to_owned(), sub: sub.to_owned() })
            }
            _ => None,
        }
    }

    /// Names whoever has these groups and this mail address, if any.
    pub fn of_person(groups: &[Group], mail: Option<&Mail>) -> Vec<Self> {
        let groups = groups.iter().cloned().map(Self::Group);
        let by_mail = |mail: &Mail| [Self::Mail(mail.clone()), Self::MailDomain(mail.domain().to_owned())];
        groups.chain(mail.map(by_mail).into_iter().flatten()).collect()
    }
}

/// How much of a service a grant opens; nothing said means all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extent {
    /// Only these networks.
    pub networks: Vec<Network>,
    /// Only these actions.
    pub actions: Vec<Action>,
    /// Only on these types of resources.
    pub resources: Vec<ResourceType>,
    /// Only what the same node created.
    pub own: bool,
}

/// A rule before it has an id: somebody may reach a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    subject: Subject,
    service: ServiceName,
    extent: Extent,
}

impl Rule {
    /// Makes a rule for `service`, which is of `kind`.
    ///
    /// # Errors
    ///
    /// [`NotARule::Networks`], [`NotARule::Resources`].
    pub fn new(subject: Subject, service: ServiceName, kind: Kind, extent: Extent) -> Result<Self, NotARule> {
        let of_resources = !extent.actions.is_empty() || !extent.resources.is_empty() || extent.own;
        if !extent.networks.is_empty() && !kind.has_networks() {
            Err(NotARule::Networks(service))
        } else if of_resources && !kind.has_resources() {
            Err(NotARule::Resources(service))
        } else {
            Ok(Self { subject, service, extent })
        }
    }

    /// Makes the stored form. A rule of the file has an id made from its content, so that the same
    /// file gives the same ids on every replica; a command's is random.
    pub fn row(&self, origin: Origin, random_id: Option<[u8; 5]>) -> GrantRow {
        let (kind, subject) = self.subject.stored();
        let networks = serde_json::to_string(&self.extent.networks).expect("networks are text");
        let actions = serde_json::to_string(&self.extent.actions).expect("actions are text");
        let resources = serde_json::to_string(&self.extent.resources).expect("types are text");
        let own = self.extent.own;
        let id = random_id.unwrap_or_else(|| {
            let mut content = format!("{kind}\0{subject}\0{}\0{networks}", self.service);
            // What was there before there were resources keeps its id.
            if actions != "[]" || resources != "[]" || own {
                content = format!("{content}\0{actions}\0{resources}\0{own}");
            }
            *Sha256::of(content.as_bytes()).0.first_chunk().expect("SHA-256 has 32 bytes")
        });
        let prefix = match origin {
            Origin::File => "f",
            Origin::Command => "g",
        };
        GrantRow {
            id: format!("{prefix}-{}", data_encoding::HEXLOWER.encode(&id)),
            origin,
            subject_kind: kind.to_owned(),
            subject,
            service: self.service.to_string(),
            networks,
            actions,
            resources,
            own,
        }
    }
}

/// What one grant opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The grant's id.
    pub id: String,
    /// How much.
    pub extent: Extent,
}

impl Granted {
    /// Reads what is stored; `None` where it cannot be read.
    pub(super) fn read(row: &GrantRow) -> Option<Self> {
        let extent = Extent {
            networks: serde_json::from_str(&row.networks).ok()?,
            actions: serde_json::from_str(&row.actions).ok()?,
            resources: serde_json::from_str(&row.resources).ok()?,
            own: row.own,
        };
        Some(Self { id: row.id.clone(), extent })
    }
}
