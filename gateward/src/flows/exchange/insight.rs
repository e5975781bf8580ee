//! What a signed token is worth here, told without making anything of it.
//!
//! Two may ask: the operator by a command, about any token, unrecorded; and whoever holds a token at
//! the door, under the limits and in the record of the exchange.

use std::fmt;

use jiff::Timestamp;
use signed_token::Group;

use super::{
    Brought, Error, From, Holds, LIFETIME, Refusal, admissible, meant, password, refuse, refuse_for_limit,
    refuse_without_group, unrecorded,
};
use crate::base::address::ClientAddress;
use crate::base::id::LoginName;
use crate::base::name::ServiceName;
use crate::base::network::Network;
use crate::base::time::{later, stored};
use crate::flows::door::Door;
use crate::flows::oidc::NotBelieved;
use crate::flows::policy::{Granted, Policy};
use crate::flows::record::{self, Happened, Personal, What};
use crate::store::resif::Meant;

/// What a signed token says, and what that opens here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worth {
    /// The token's own end.
    pub valid_until: Timestamp,
    /// Groups in the token.
    pub groups: Vec<Group>,
    /// Those that a grant here names.
    pub known_groups: Vec<Group>,
    /// What its holder is granted; what is open to everybody needs no grant.
    pub services: Vec<Reach>,
    /// What its groups mean in the databases that logins are written to, where there are any.
    pub meant: Option<Meant>,
}

/// What grants open of one service, together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The service.
    pub service: ServiceName,
    /// Which networks of it.
    pub networks: Networks,
}

/// Which networks of a service grants open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Networks {
    /// The whole service.
    All,
    /// These, each once, in the order of the alphabet.
    Only(Vec<Network>),
}

impl Networks {
    fn of(grants: &[&Granted]) -> Self {
        if grants.iter().any(|grant| grant.extent.networks.is_empty()) {
            return Self::All;
        }
        let mut networks: Vec<Network> =
            grants.iter().flat_map(|grant| &grant.extent.networks).cloned().collect();
        networks.sort_by_key(ToString::to_string);
        networks.dedup();
        Self::Only(networks)
    }
}

/// For programs: `"all"`, or a list.
impl serde::Serialize for Networks {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Only(networks) => serializer.collect_seq(networks),
        }
    }
}

/// For people: `files (all)`, `dataselect (XR:2015-2017 ZR)`.
impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.networks {
            Networks::All => write!(f, "{} (all)", self.service),
            Networks::Only(networks) => {
                let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
                write!(f, "{} ({})", self.service, networks.join(" "))
            }
        }
    }
}

impl Worth {
    /// Holds `token` against the grants of `policy`; its groups mean `meant` elsewhere.
    pub fn of(token: &Brought, policy: &Policy, meant: Option<Meant>) -> Self {
        let groups: Vec<Group> = token.groups().into_iter().collect();
        let subjects = token.subjects();
        let services = policy.granted_services(&subjects).into_iter().map(|service| {
            let networks = Networks::of(&policy.grants(service, &subjects));
            Reach { service: service.clone(), networks }
        });
        let granted = policy.known_groups(&groups);
        let is_known_there = |group: &Group| {
            meant.as_ref().is_some_and(|meant| meant.groups.iter().any(|known| *known == group.to_string()))
        };
        let known = groups.iter().filter(|group| granted.contains(group) || is_known_there(group));
        Self {
            valid_until: token.valid_until(),
            known_groups: known.cloned().collect(),
            services: services.collect(),
            meant,
            groups,
        }
    }

    /// The networks that other databases are told of; `None` where there are none.
    pub fn networks(&self) -> Option<Vec<String>> {
        let meant = self.meant.as_ref()?;
        Some(meant.networks.iter().map(|numbered| numbered.network.to_string()).collect())
    }

    /// The networks that the groups mean there and that are not there.
    pub fn networks_unknown(&self) -> Vec<String> {
        self.meant.iter().flat_map(|meant| &meant.unknown).map(ToString::to_string).collect()
    }
}

/// Everything that is known of a token that a believed issuer signed, whether or not it still holds.
#[derive(Debug)]
pub struct Insight {
    /// What was signed.
    pub token: Brought,
    /// What it is worth here.
    pub worth: Worth,
    /// When a login made now would end.
    pub login_ends: Timestamp,
    /// The living login that the token has.
    pub login: Option<LoginName>,
    /// Why the exchange would refuse it; `None` when it would not.
    pub refusal: Option<Refusal>,
}

/// Tells the operator what the exchange would do. Not recorded: nothing is made, and nobody else
/// learns anything.
///
/// # Errors
///
/// [`Error`] when no believed issuer signed it, or the store does not answer.
pub async fn dry_run(door: &Door, body: &[u8], now: Timestamp) -> Result<Insight, Error> {
    let token = Brought::inspect(body, &door.policy.current(), now).await?;
    let policy = door.policy.up_to_date().await?;
    let worth = Worth::of(&token, &policy, meant(door, &token.groups()).await?);
    let judged = match token.clone().check_dates(now) {
        Ok(token) => living(door, &policy, &token, now).await.and_then(|login| {
            refuse_without_group(door, &worth)?;
            Ok(login)
        }),
        Err(error) => Err(error),
    };
    let (login, refusal) = match judged {
        Ok(login) => (login, None),
        Err(error) if error.is_ours() => return Err(error),
        Err(error) => (None, Some(Refusal { error, reference: None })),
    };
    Ok(Insight { worth, login_ends: later(now, LIFETIME).min(token.valid_until()), login, refusal, token })
}

/// Returns the living login of `token`, if it has one, or why the exchange would refuse the token.
async fn living(
    door: &Door,
    policy: &Policy,
    token: &Holds,
    now: Timestamp,
) -> Result<Option<LoginName>, Error> {
    let Some(login) = admissible(door, policy, token).await?.filter(|login| login.expires_at > now) else {
        return Ok(None);
    };
    password(door, &login)?;
    Ok(Some(login.login))
}

/// Tells whoever holds the token in `body` what the exchange would do, and makes nothing.
///
/// Limited and recorded as the exchange is. Who holds a token that a believed issuer signed may know
/// what is wrong with it; anybody else learns what the exchange says.
///
/// # Errors
///
/// [`Refusal`], recorded unless nothing can be recorded.
pub async fn check(
    door: &Door,
    body: &[u8],
    address: ClientAddress,
    now: Timestamp,
) -> Result<Insight, Refusal> {
    let from = From::Address(address);
    refuse_for_limit(door, &from, now).await?;
    let mut insight = match dry_run(door, body, now).await {
        Ok(insight) => insight,
        Err(error) => return Err(refuse(door, body, error, &from, now).await),
    };
    if let Some(Refusal { error, .. }) = insight.refusal.take() {
        let refusal = refuse(door, body, error, &from, now).await;
        if !is_the_holders(&refusal.error) {
            return Err(refusal);
        }
        insight.refusal = Some(refusal);
    } else {
        let happened = [checked_event(door, &insight, address)];
        door.recorder.commit(None, Vec::new(), &happened, now).await.map_err(unrecorded)?;
    }
    Ok(insight)
}

/// Whether the token itself is what stands against it, so that its holder may see all of it. A key
/// that was taken out may be in anybody's hands.
fn is_the_holders(error: &Error) -> bool {
    match error {
        Error::Token(_) | Error::Jwt(NotBelieved::Token(_)) | Error::TokenRevoked | Error::NoGroupHere(_) => {
            true
        }
        Error::IssuerRevoked(_)
        | Error::Jwt(NotBelieved::KeysMissing)
        | Error::TooMany { .. }
        | Error::KeyMissing(_)
        | Error::NotPlaced(_)
        | Error::Store(_)
        | Error::Commit(_) => false,
    }
}

fn checked_event(door: &Door, insight: &Insight, address: ClientAddress) -> Happened {
    let Insight { token, worth, login_ends, login, .. } = insight;
    let issuer = token.issuer();
    let what = What::TokenChecked(Box::new(record::Exchanged {
        repeated: login.is_some(),
        token_id: token.id(),
        hash: token.hash(),
        valid_until: stored(worth.valid_until),
        expires_at: stored(*login_ends),
        groups: worth.groups.iter().map(ToString::to_string).collect(),
        groups_known: worth.known_groups.iter().map(ToString::to_string).collect(),
        subject: door.keyring.pseudonym(&issuer, &token.person()),
        issuer,
        networks: worth.networks(),
        networks_unknown: worth.networks_unknown(),
    }));
    Happened {
        who: login.as_ref().map(ToString::to_string),
        personal: Personal {
            mail: token.mail().map(|mail| mail.as_str().to_owned()),
            user: token.sub().map(str::to_owned),
            ..Personal::at(address)
        },
        ..Happened::done(what)
    }
}
