//! `gateward user end`, `gateward user delete`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use signed_token::Mail;

use super::{last_admin, refused};
use crate::base::access_token::State;
use crate::base::ckan::CkanUser;
use crate::base::id::AccessTokenId;
use crate::base::identity::UserName;
use crate::cli::access::{Access, block_on};
use crate::cli::{Context, YES, no};
use crate::flows::access_token::{self, Error as AccessTokenError};
use crate::flows::users::{self, Ended, Error, TokenNames};
use crate::server::boot;
use crate::store::access_token as table;

/// End everything of a person within a second.
///
/// Browsers are logged out; API tokens, temporary logins and access tokens end. Their account and its password stay:
/// `gateward user disable` shuts that, too. There need be no account of the name. Whoever comes with tokens alone is
/// named by what these call them.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct End {
    /// The user's name; access tokens are those of the CKAN user of that name.
    #[arg(required_unless_present_any = ["mails", "oidc"])]
    name: Option<UserName>,
    #[command(flatten)]
    held: Held,
}

/// Take an account away, with everything of its owner and the grants that name it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Delete {
    /// The user's name; access tokens are those of the CKAN user of that name.
    name: UserName,
    #[command(flatten)]
    held: Held,
    /// Even if nobody is left who could log in as administrator.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
struct Held {
    /// A mail address that their tokens name: its temporary logins end, and their tokens are blocked. A name
    /// that is a mail address counts anyway. Repeatable.
    #[arg(long = "mail", value_name = "ADDRESS")]
    mails: Vec<Mail>,
    /// What an OIDC issuer calls them: the temporary logins that their JWTs gave end, and these are blocked. Repeatable.
    #[arg(long, num_args = 2, value_names = ["ISSUER", "SUB"])]
    oidc: Vec<String>,
    /// Ask CKAN by its own command on this machine; its configuration is this file.
    #[arg(long, value_name = "INI")]
    ckan_ini: Option<PathBuf>,
}

impl End {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access_to_change()?;
        let name = self.name.as_ref();
        let oidc = self.held.oidc();
        let tokens = TokenNames { mails: &self.held.mails, oidc: &oidc };
        let ended = block_on(users::end(&access.door, name, tokens, &access.by, access.now))?;
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => return refused(error),
        };
        let nothing = ended.is_nothing();
        tell(context, out, name, &ended)?;
        let (count, whole) = match name {
            Some(name) => self.held.end_access_tokens(context, out, name, &access)?,
            None => (0, true),
        };
        if nothing && count == 0 {
            let whom = name.map_or("them", UserName::as_str);
            eprintln!("gateward: there was nothing of {whom} to end");
        }
        if !oidc.is_empty() {
            eprintln!(
                "gateward: a JWT that gave no login, or a new one, still proves them: end them at their issuer first; \
                 `gateward login revoke --token-id` blocks one"
            );
        }
        if let Some(name) = name
            && block_on(users::found(&access.door, name))?.is_ok_and(|row| row.disabled_at.is_none())
        {
            eprintln!("gateward: the account itself stays good: `gateward user disable {name}` shuts it");
        }
        Ok(if whole { YES } else { no() })
    }
}

impl Delete {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access_to_change()?;
        let (name, oidc) = (&self.name, self.held.oidc());
        let tokens = TokenNames { mails: &self.held.mails, oidc: &oidc };
        let (by, now) = (&access.by, access.now);
        let deleted = block_on(users::delete(&access.door, name, tokens, last_admin(self.force), by, now))?;
        let ended = match deleted {
            Ok(ended) => ended,
            Err(error @ (Error::Store(_) | Error::Commit(_))) => return Err(error.into()),
            Err(error) => return refused(error),
        };
        tell(context, out, Some(name), &ended)?;
        for grant in &ended.grants {
            let json = json!({ "user": name, "grant": grant, "result": "revoked" });
            context.print(out, &format!("{grant}  revoked"), &json)?;
        }
        for grant in &ended.grants_in_file {
            eprintln!(
                "gateward: the configuration file goes on granting to {name} ({grant}): take it out there"
            );
        }
        let (_, whole) = self.held.end_access_tokens(context, out, name, &access)?;
        context.print(out, &format!("{name} deleted"), &json!({ "user": name, "result": "deleted" }))?;
        Ok(if whole { YES } else { no() })
    }
}

/// Says what was ended, a line each.
fn tell(
    context: &Context,
    out: &mut impl Write,
    name: Option<&UserName>,
    ended: &Ended,
) -> anyhow::Result<()> {
    let Ended { holdings, logins, left_elsewhere, .. } = ended;
    if holdings.sessions > 0 {
        let json = json!({ "user": name, "sessions": holdings.sessions, "result": "ended" });
        context.print(out, &format!("browsers logged out: {}", holdings.sessions), &json)?;
    }
    for token in &holdings.api_tokens {
        let json = json!({ "user": name, "api_token": token, "result": "ended" });
        context.print(out, &format!("{token}  API token revoked"), &json)?;
    }
    for login in logins {
        let json = json!({ "user": name, "login": login, "result": "ended" });
        context.print(out, &format!("{login}  temporary login ended, its token is blocked"), &json)?;
    }
    if let Some(error) = left_elsewhere {
        eprintln!("gateward: a temporary login still stands elsewhere: {error}; the sweep goes on trying");
    }
    Ok(())
}

impl Held {
    /// What OIDC issuers call them.
    fn oidc(&self) -> Vec<(String, String)> {
        let (pairs, _) = self.oidc.as_chunks();
        pairs.iter().map(|[issuer, sub]| (issuer.clone(), sub.clone())).collect()
    }

    /// Ends the access tokens of the CKAN user of this name; tells how many there were, and whether nothing of them is left.
    fn end_access_tokens(
        &self,
        context: &Context,
        out: &mut impl Write,
        name: &UserName,
        access: &Access,
    ) -> anyhow::Result<(usize, bool)> {
        let Access { config, door, by, .. } = access;
        let Ok(user) = name.as_str().parse::<CkanUser>() else { return Ok((0, true)) };
        let rows = block_on(table::of_user(&door.store.reader, &user))??;
        let living =
            rows.iter().filter(|row| matches!(row.state, State::Issued | State::Ending | State::Making));
        let living: Vec<AccessTokenId> = living.map(|row| row.id).collect();
        if living.is_empty() {
            return Ok((0, true));
        }
        let ckan = boot::ckan(config, self.ckan_ini.as_deref(), &door.random)?;
        let mut whole = true;
        for &id in &living {
            let now = door.store.clock.now()?;
            let (text, json) = match block_on(access_token::revoke(door, id, ckan.as_ref(), by, now))? {
                Ok(key) => (
                    format!("{id}  access token ended"),
                    json!({ "user": name, "access_token": id, "result": "ended", "key": key }),
                ),
                Err(error @ (AccessTokenError::Store(_) | AccessTokenError::Commit(_))) => {
                    return Err(error.into());
                }
                Err(error) => {
                    whole = false;
                    let why = error.to_string();
                    (
                        format!("{id}  {why}; its key may still be good: `gateward cleanup` goes on trying"),
                        json!({ "user": name, "access_token": id, "result": "ending", "why": why }),
                    )
                }
            };
            context.print(out, &text, &json)?;
        }
        Ok((living.len(), whole))
    }
}
