//! `gateward login`

use std::io::Write;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::json;

use super::access::block_on;
use super::{Context, YES, no};
use crate::base::id::LoginName;
use crate::flows::logins::{self, Afterwards, Error};
use crate::store::temporary_login::{self, TemporaryLogin};
use crate::store::token_block;

/// Look at temporary logins and end them.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Login {
    /// List the logins there are, expired ones until they are cleaned up.
    List {
        /// List the blocked tokens instead.
        #[arg(long)]
        blocked: bool,
    },
    /// Show everything about one login but its password.
    Show {
        /// The login's name.
        login: LoginName,
    },
    /// End a login within a second, and block its token.
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false, id = "which")]
pub(super) struct Which {
    /// The login's name.
    login: Option<LoginName>,
    /// The token's id (the first 18 bytes of the SHA-256 of its text, in base64url); the token
    /// need not have been seen here.
    #[arg(long, allow_hyphen_values = true)]
    token_id: Option<signed_token::TokenId>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    which: Which,
    /// Let the token be exchanged again.
    #[arg(long)]
    allow_again: bool,
}

impl Login {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match self {
            Self::List { blocked: true } => {
                let access = context.access()?;
                for row in block_on(token_block::all(&access.door.store.reader))?? {
                    let text = format!("{}  since {:.0}  by {}", row.token, row.blocked_at, row.blocked_by);
                    let json = json!({
                        "token": row.token, "blocked_at": row.blocked_at.to_string(), "blocked_by": row.blocked_by,
                    });
                    context.print(out, &text, &json)?;
                }
                Ok(YES)
            }
            Self::List { blocked: false } => {
                let access = context.access()?;
                for login in block_on(temporary_login::all(&access.door.store.reader))?? {
                    let text = format!(
                        "{}  ends {:.0}{}  groups {}",
                        login.login,
                        login.expires_at,
                        if login.expires_at <= access.now { " (has ended)" } else { "" },
                        login.groups.join(" ")
                    );
                    context.print(out, &text, &describe(&login, access.now))?;
                }
                Ok(YES)
            }
            Self::Show { login } => {
                let access = context.access()?;
                let Some(found) = block_on(temporary_login::find(&access.door.store.reader, login))?? else {
                    eprintln!("gateward: {}", Error::NoSuchLogin(login.clone()));
                    return Ok(no());
                };
                let json = describe(&found, access.now);
                let rows = json.as_object().into_iter().flatten();
                let text: Vec<String> =
                    rows.map(|(name, value)| format!("{name:<12} {}", plain(value))).collect();
                context.print(out, &text.join("\n"), &json)?;
                Ok(YES)
            }
            Self::Revoke(revoke) => revoke.run(context, out),
        }
    }
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn describe(login: &TemporaryLogin, now: Timestamp) -> serde_json::Value {
    json!({
        "login": login.login.as_str(),
        "living": login.expires_at > now,
        "created_at": login.created_at.to_string(),
        "expires_at": login.expires_at.to_string(),
        "valid_until": login.valid_until.to_string(),
        "issuer": login.issuer,
        "groups": login.groups,
        "subject": login.subject,
        "token_ids": login.token_ids,
        "key": login.key_id,
    })
}

impl Revoke {
    fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access_to_change()?;
        let afterwards = if self.allow_again { Afterwards::AllowedAgain } else { Afterwards::Blocked };
        let token =
            if self.allow_again { "its token may be exchanged again" } else { "its token is blocked" };
        let (door, by, now) = (&access.door, &access.by, access.now);
        let done = match (&self.which.login, &self.which.token_id) {
            (Some(login), _) => block_on(logins::revoke(door, login, afterwards, by, now))?.map(|left| {
                (
                    left,
                    format!("{login} has ended; {token}"),
                    json!({ "logins_ended": 1, "token_blocked": !self.allow_again }),
                )
            }),
            (None, Some(id)) => {
                block_on(logins::revoke_token(door, id, afterwards, by, now))?.map(|(ended, left)| {
                    let blocked = if self.allow_again { "may be exchanged again" } else { "is blocked" };
                    (
                        left,
                        format!("token {id} {blocked}; logins ended: {ended}"),
                        json!({ "logins_ended": ended, "token_blocked": !self.allow_again }),
                    )
                })
            }
            (None, None) => anyhow::bail!("name a login or --token-id"),
        };
        match done {
            Ok((left, text, json)) => {
                if let Some(error) = left {
                    eprintln!("gateward: it still stands elsewhere: {error}; the sweep goes on trying");
                }
                context.print(out, &text, &json)?;
                Ok(YES)
            }
            Err(error @ Error::NoSuchLogin(_)) => {
                eprintln!("gateward: {error}");
                Ok(no())
            }
            Err(error @ (Error::Store(_) | Error::Commit(_))) => Err(error.into()),
        }
    }
}
