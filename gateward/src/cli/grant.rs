//! `gateward grant`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::access::block_on;
use super::{Context, YES, no};
use crate::base::name::ServiceName;
use crate::base::network::Network;
use crate::flows::grants::{self, Error};
use crate::flows::policy::{Rule, Subject};
use crate::store::grant;

/// Look at grants and change them.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Grant {
    /// List all grants, those of the configuration file and those of commands.
    List,
    /// Make a grant; it acts at once.
    Create(Create),
    /// Take a grant away; answers that run by it are cut within a second.
    Revoke {
        /// The grant's id.
        id: String,
    },
}

#[derive(Debug, clap::Args)]
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
}

impl Grant {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access()?;
        let done = match self {
            Self::List => {
                for row in grant::all(&access.door.store.reader)? {
                    let networks = if row.networks == "[]" { "all of it" } else { &row.networks };
                    let text = format!(
                        "{}  {:<7}  {} {} -> {} ({networks})",
                        row.id,
                        row.origin.as_str(),
                        row.subject_kind,
                        row.subject,
                        row.service
                    );
                    let json = json!({
                        "grant": row.id, "origin": row.origin.as_str(), row.subject_kind: row.subject,
                        "service": row.service, "networks": serde_json::from_str::<serde_json::Value>(&row.networks)?,
                    });
                    context.print(out, &text, &json)?;
                }
                return Ok(YES);
            }
            Self::Create(create) => {
                if access.config.service.iter().all(|service| service.name() != create.service) {
                    anyhow::bail!("there is no service {} in {}", create.service, context.config.display());
                }
                let rule = create.rule()?;
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

impl Create {
    fn rule(&self) -> anyhow::Result<Rule> {
        let subject = match (&self.whom.group, &self.whom.mail, &self.whom.mail_domain) {
            (Some(group), _, _) => Subject::Group(group.clone()),
            (_, Some(mail), _) => Subject::Mail(mail.clone()),
            (_, _, domain) => Subject::mail_domain(domain.as_deref().unwrap_or_default())?,
        };
        Ok(Rule { subject, service: self.service.clone(), networks: self.networks.clone() })
    }
}
