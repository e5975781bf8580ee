//! `gateward api-token`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use jiff::SignedDuration;
use serde_json::json;

use super::access::block_on;
use super::{Context, YES, files, no};
use crate::base::api_token::Label;
use crate::base::identity::UserName;
use crate::base::name::ServiceName;
use crate::flows::api_tokens::{self, Error, Wish};
use crate::store::api_token::{self, ApiTokenRow};

/// Keys of users for programs: make them, list them, end them.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ApiToken {
    /// Make a token for a user and show it, once.
    Create(Create),
    /// List the tokens, ended ones until they are cleaned up; never what they open.
    List {
        /// Only those of this user.
        #[arg(long)]
        user: Option<UserName>,
    },
    /// End a token within a second.
    Revoke {
        /// The token's id, as `list` shows it.
        id: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// The user it is for.
    #[arg(long)]
    user: UserName,
    /// What it is for, in a few words.
    #[arg(long)]
    label: Label,
    /// Only for this service. Repeatable.
    #[arg(long = "service")]
    services: Vec<ServiceName>,
    /// Not for changes.
    #[arg(long)]
    read_only: bool,
    /// How long it lives, at most a year: 90d, 12h.
    #[arg(long, default_value = "90d", value_parser = days)]
    lifetime: SignedDuration,
    /// Write the token into this new file, which its owner alone may read, instead of showing it.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Reads a duration, in which a day has 24 hours.
fn days(text: &str) -> Result<SignedDuration, String> {
    let whole_days = text.strip_suffix('d').and_then(|days| days.trim().parse::<i64>().ok());
    match whole_days {
        Some(days) if (0..=100_000).contains(&days) => Ok(SignedDuration::from_hours(days * 24)),
        _ => text.parse().map_err(|_| format!("{text:?} is no duration: 90d, 12h, 30m")),
    }
}

impl ApiToken {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(create) => create.run(context, out),
            Self::List { user } => {
                let access = context.access()?;
                let reader = &access.door.store.reader;
                let rows = match user {
                    Some(user) => block_on(api_token::of_user(reader, user))??,
                    None => block_on(api_token::all(reader))??,
                };
                for row in rows {
                    let ended = if row.expires_at <= access.now { " (has ended)" } else { "" };
                    let used = row.last_used_at.map_or("never".to_owned(), |used| format!("{used:.0}"));
                    let text = format!(
                        "{}  {}  {:?}  {}  ends {:.0}{ended}  last used {used}",
                        row.id,
                        row.user,
                        row.label,
                        scope(&row),
                        row.expires_at
                    );
                    let json = json!({
                        "api_token": row.id, "user": row.user, "label": row.label, "services": row.services,
                        "read_only": row.read_only, "created_at": row.created_at.to_string(),
                        "created_by": row.created_by, "expires_at": row.expires_at.to_string(),
                        "living": row.expires_at > access.now,
                        "last_used_at": row.last_used_at.map(|used| used.to_string()),
                    });
                    context.print(out, &text, &json)?;
                }
                Ok(YES)
            }
            Self::Revoke { id } => {
                let access = context.access_to_change()?;
                match block_on(api_tokens::revoke(&access.door, id, &access.by, access.now))? {
                    Ok(()) => {
                        context.print(out, &format!("{id} has ended"), &json!({ "api_token": id }))?;
                        Ok(YES)
                    }
                    Err(error) => said_no(error),
                }
            }
        }
    }
}

/// Says what a token is for.
fn scope(row: &ApiTokenRow) -> String {
    let services: Vec<_> = row.services.iter().map(ToString::to_string).collect();
    let services = if services.is_empty() { "all services".to_owned() } else { services.join(" ") };
    if row.read_only { format!("{services}, reading alone") } else { services }
}

fn said_no(error: Error) -> anyhow::Result<ExitCode> {
    match error {
        Error::Store(_) | Error::Commit(_) => Err(error.into()),
        Error::NoSuchUser(_) | Error::Disabled(_) | Error::Lifetime | Error::NoSuchToken(_) => {
            eprintln!("gateward: {error}");
            Ok(no())
        }
    }
}

impl Create {
    fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let Self { user, label, services, read_only, lifetime, out: file } = self;
        let access = context.access_to_change_as_we_are()?;
        for service in services {
            if access.config.service.iter().all(|one| one.name() != *service) {
                bail!("there is no service {service} in the configuration");
            }
        }
        if let Some(file) = file.as_ref().filter(|file| file.exists()) {
            bail!("{} is there already: nothing was made", file.display());
        }
        let wish = Wish {
            user: user.clone(),
            label: label.clone(),
            services: services.clone(),
            read_only: *read_only,
            lifetime: *lifetime,
        };
        let made = match block_on(api_tokens::create(&access.door, &wish, &access.by, access.now))? {
            Ok(made) => made,
            Err(error) => return said_no(error),
        };
        let ends = format!("{:.0}", made.expires_at);
        if let Some(file) = file {
            let text = format!("{}\n", made.token.expose());
            files::create(file, &text, files::Readable::ByOwner).with_context(|| {
                format!(
                    "{}: the token {} opens something and nobody has it: revoke it",
                    file.display(),
                    made.id
                )
            })?;
            let json = json!({ "api_token": made.id, "expires_at": made.expires_at.to_string() });
            context.print(out, &format!("{} made, in {}; ends {ends}", made.id, file.display()), &json)?;
        } else {
            let json = json!({
                "api_token": made.id, "token": made.token.expose(), "expires_at": made.expires_at.to_string(),
            });
            eprintln!("gateward: {} made; ends {ends}. It is shown this once.", made.id);
            context.print(out, made.token.expose(), &json)?;
        }
        Ok(YES)
    }
}
