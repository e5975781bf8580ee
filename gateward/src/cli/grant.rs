//! `gateward grant`

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::access::block_on;
use super::{Context, YES, no};
use crate::base::fhir::{Action, ResourceType};
use crate::base::identity::{NodeName, UserName};
use crate::base::name::ServiceName;
use crate::base::network::Network;
use crate::config::Config;
use crate::flows::grants::{self, Error};
use crate::flows::policy::{self, Extent, Rule, Subject};
use crate::store::grant::{self, GrantRow};
use crate::store::{self, Reader, node, user};

/// Look at grants and change them.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Grant {
    /// List all grants, those of the configuration file and those of commands.
    List,
    /// Make a grant; it acts at once.
    Create(Box<Create>),
    /// Take a grant away; answers that run by it are cut within a second.
    Revoke {
        /// The grant's id.
        id: String,
    },
}

#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false, id = "whom")]
pub(super) struct Whom {
    /// Everybody whose token lists this group, as in /epos/alparray.
    #[arg(long)]
    group: Option<signed_token::Group>,
    /// One mail address.
    #[arg(long)]
    mail: Option<signed_token::Mail>,
    /// Every address of a domain, as in example.org.
    #[arg(long)]
    mail_domain: Option<String>,
    /// One person with an account here.
    #[arg(long)]
    user: Option<UserName>,
    /// One machine.
    #[arg(long)]
    node: Option<NodeName>,
    /// One person of an OIDC issuer, as the issuer calls them.
    #[arg(long, num_args = 2, value_names = ["ISSUER", "SUB"])]
    oidc: Option<Vec<String>>,
}

impl Whom {
    /// Says who of them is not known here, if somebody is not.
    async fn unknown(&self, reader: &Reader) -> Result<Option<String>, store::Error> {
        if let Some(name) = &self.user
            && user::find(reader, name.as_str()).await?.is_none()
        {
            return Ok(Some(format!("there is no user {name}")));
        }
        let Some(name) = &self.node else { return Ok(None) };
        let nodes = node::all(reader).await?;
        let is_known = nodes.iter().any(|node| node.name == *name && node.revoked_at.is_none());
        Ok((!is_known).then(|| format!("there is no node {name}")))
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    #[command(flatten)]
    whom: Whom,
    /// The service that they may reach.
    #[arg(long)]
    service: ServiceName,
    /// Only this network, with years if its code is used again: Z3:2015-2020. Repeatable.
    #[arg(long = "network")]
    networks: Vec<Network>,
    /// Only this action, of a service with resources: read, search, create, ... Repeatable.
    #[arg(long = "action")]
    actions: Vec<Action>,
    /// Only this type of resources, as in Patient. Repeatable.
    #[arg(long = "resource")]
    resources: Vec<ResourceType>,
    /// Only what the same node created.
    #[arg(long)]
    own: bool,
}

impl Grant {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = match self {
            Self::List => context.access()?,
            Self::Create(_) | Self::Revoke { .. } => context.access_to_change()?,
        };
        let done = match self {
            Self::List => {
                for row in block_on(grant::all(&access.door.store.reader))?? {
                    let extent = extent(&row);
                    let text = format!(
                        "{}  {:<7}  {} {} -> {} ({extent})",
                        row.id,
                        row.origin.as_str(),
                        row.subject_kind,
                        row.subject,
                        row.service
                    );
                    let json = json!({
                        "grant": row.id, "origin": row.origin.as_str(), row.subject_kind: row.subject,
                        "service": row.service, "networks": serde_json::from_str::<serde_json::Value>(&row.networks)?,
                        "actions": serde_json::from_str::<serde_json::Value>(&row.actions)?,
                        "resources": serde_json::from_str::<serde_json::Value>(&row.resources)?, "own": row.own,
                    });
                    context.print(out, &text, &json)?;
                }
                return Ok(YES);
            }
            Self::Create(create) => {
                let rule = create.rule(&access.config)?;
                // It may be meant: who is granted something can be made known afterwards.
                if let Some(unknown) = block_on(create.whom.unknown(&access.door.store.reader))?? {
                    eprintln!("gateward: {unknown} yet: the grant opens nothing until there is");
                }
                block_on(grants::create(&access.door, &rule, &access.by, access.now))?
                    .map(|id| (format!("{id} made"), json!({ "grant": id })))
            }
            Self::Revoke { id } => block_on(grants::revoke(&access.door, id, &access.by, access.now))?
                .map(|()| (format!("{id} revoked"), json!({ "grant": id }))),
        };
        match done {
            Ok((text, json)) => {
                context.print(out, &text, &json)?;
                Ok(YES)
            }
            Err(error @ (Error::Store(_) | Error::Commit(_))) => Err(error.into()),
            Err(error @ (Error::NoSuchGrant(_) | Error::OfTheFile(_) | Error::AlreadyThere(_))) => {
                eprintln!("gateward: {error}");
                Ok(no())
            }
        }
    }
}

/// Says how much of a service a grant opens.
fn extent(row: &GrantRow) -> String {
    let said = |text: &String| (text != "[]").then(|| text.clone());
    let own = row.own.then(|| "what it created itself".to_owned());
    let said: Vec<String> =
        [said(&row.networks), said(&row.actions), said(&row.resources), own].into_iter().flatten().collect();
    if said.is_empty() { "all of it".to_owned() } else { said.join(" ") }
}

impl Create {
    fn rule(&self, config: &Config) -> anyhow::Result<Rule> {
        let kind = config.kind_of(&self.service);
        let kind =
            kind.with_context(|| format!("there is no service {} in the configuration", self.service))?;
        let Whom { group, mail, mail_domain, user, node, oidc } = self.whom.clone();
        let oidc = oidc.and_then(|oidc| <[String; 2]>::try_from(oidc).ok()).map(Into::into);
        let subject = Subject::one_of(policy::Whom { group, mail, mail_domain, user, node, oidc })?;
        let extent = Extent {
            networks: self.networks.clone(),
            actions: self.actions.clone(),
            resources: self.resources.clone(),
            own: self.own,
        };
        Ok(Rule::new(subject, self.service.clone(), kind, extent)?)
    }
}
