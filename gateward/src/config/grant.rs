//! A grant in the configuration file.

use serde::Deserialize;

use super::{Group, Mail};
use crate::base::fhir::{Action, ResourceType};
use crate::base::identity::{NodeName, UserName};
use crate::base::name::ServiceName;
use crate::base::network::Network;

/// Who may reach what; names exactly one of `group`, `mail`, `mail_domain`, `user`, `node` and `oidc`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// A group in the signed token.
    pub group: Option<Group>,
    /// One mail address.
    pub mail: Option<Mail>,
    /// Every address of a domain.
    pub mail_domain: Option<String>,
    /// One person with an account here.
    pub user: Option<UserName>,
    /// One machine.
    pub node: Option<NodeName>,
    /// One person of an OIDC issuer.
    pub oidc: Option<OidcPerson>,
    /// The service.
    pub service: ServiceName,
    /// Only these networks, where the service's kind has networks.
    #[serde(default)]
    pub networks: Vec<Network>,
    /// Only these actions, where the service's kind has resources.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// Only on these types of resources, where the service's kind has them.
    #[serde(default)]
    pub resources: Vec<ResourceType>,
    /// Only what the same node created.
    #[serde(default)]
    pub own: bool,
}

/// A person of an OIDC issuer, by what that issuer calls them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcPerson {
    /// `iss`, as the issuer spells it.
    pub issuer: String,
    /// `sub`.
    pub sub: String,
}

impl Grant {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let Self { group, mail, mail_domain, user, node, oidc, .. } = self;
        let named = [
            group.is_some(),
            mail.is_some(),
            mail_domain.is_some(),
            user.is_some(),
            node.is_some(),
            oidc.is_some(),
        ];
        if named.into_iter().filter(|named| *named).count() == 1 {
            Ok(())
        } else {
            Err("a grant names exactly one of group, mail, mail_domain, user, node and oidc")
        }
    }
}
