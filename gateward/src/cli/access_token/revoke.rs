//! `gateward access-token revoke`

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;

use crate::base::access_token::State;
use crate::base::ckan::CkanUser;
use crate::base::id::AccessTokenId;
use crate::cli::access::block_on;
use crate::cli::{Context, YES, no};
use crate::flows::access_token::{Error, other_keys, revoke};
use crate::flows::door::Door;
use crate::flows::record::KeyEnd;
use crate::server::boot;
use crate::server::ckan::Known;
use crate::store::{access_token, opaque_key};

/// End access tokens at once: with their keys in CKAN, every copy of a file is worth nothing.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Revoke {
    /// The ids of the access tokens.
    #[arg(required_unless_present = "user")]
    ids: Vec<AccessTokenId>,
    /// All of one CKAN user.
    #[arg(long, conflicts_with = "ids")]
    user: Option<CkanUser>,
    /// Ask CKAN by its own command on this machine; its configuration is this file.
    #[arg(long, value_name = "INI")]
    ckan_ini: Option<PathBuf>,
}

impl Revoke {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access_to_change()?;
        let door = &access.door;
        let ckan = boot::ckan(&access.config, self.ckan_ini.as_deref(), &door.random)?;
        let ids = match &self.user {
            None => self.ids.clone(),
            Some(user) => {
                let rows = block_on(access_token::of_user(&door.store.reader, user))??;
                let living = rows.iter().filter(|row| matches!(row.state, State::Issued | State::Ending));
                living.map(|row| row.id).collect()
            }
        };
        if ids.is_empty() {
            bail!("there is nothing to revoke: `gateward access-token list --all` shows those there are");
        }
        let mut all = true;
        for &id in &ids {
            let now = door.store.clock.now()?;
            let revoked = block_on(revoke(door, id, ckan.as_ref(), &access.by, now))?;
            match revoked {
                Ok(key) => {
                    let json = json!({ "access_token": id, "result": "ended", "key": key });
                    context.print(out, &format!("{id}  {}", in_words(key)), &json)?;
                }
                Err(error @ (Error::Store(_) | Error::Commit(_))) => return Err(error.into()),
                Err(error) => {
                    all = false;
                    let left = !matches!(error, Error::NoSuch(_) | Error::Unfit { .. });
                    let result = if left { "ending" } else { "refused" };
                    let is_ours = block_on(opaque_key::of(&door.store.reader, id))??.is_some();
                    let more = match (left, is_ours) {
                        (false, _) => "",
                        (true, false) => "; its key may still be good: `gateward cleanup` goes on trying",
                        (true, true) => {
                            "; its file opens nothing any more, and CKAN's own key, which was never in it, is \
                             still to be revoked: `gateward cleanup` goes on trying"
                        }
                    };
                    let json = json!({ "access_token": id, "result": result, "why": error.to_string() });
                    context.print(out, &format!("{id}  {error}{more}"), &json)?;
                }
            }
        }
        if let Some(ckan) = &ckan {
            warn_of_other_keys(door, ckan, &ids)?;
        }
        Ok(if all { YES } else { no() })
    }
}

/// Names the keys that these people have in CKAN besides: whoever had an access token could make them.
fn warn_of_other_keys(door: &Door, ckan: &Known, ids: &[AccessTokenId]) -> anyhow::Result<()> {
    let mut asked = BTreeSet::new();
    for &id in ids {
        let Some(row) = block_on(access_token::find(&door.store.reader, id))?? else { continue };
        if !asked.insert(row.user.clone()) {
            continue;
        }
        match block_on(other_keys(door, &row.user, ckan))? {
            Ok(keys) if keys.is_empty() => {}
            Ok(keys) => {
                let names: Vec<String> =
                    keys.iter().map(|key| format!("{:?} ({})", key.name, key.jti)).collect();
                eprintln!(
                    "gateward: {} has other API tokens in CKAN, which go on working: {}. Whoever had the access \
                     token could make them: if it was stolen, revoke them in CKAN, too",
                    row.user,
                    names.join(", ")
                );
            }
            Err(error) => {
                eprintln!(
                    "gateward: whether {} has other API tokens in CKAN is not known: {error}",
                    row.user
                );
            }
        }
    }
    Ok(())
}

fn in_words(key: KeyEnd) -> &'static str {
    match key {
        KeyEnd::Revoked => "ended, its key is revoked in CKAN",
        KeyEnd::WasGone => "ended, CKAN had its key no more",
        KeyEnd::NotOurs => {
            "ended here; nothing here can revoke its key, which was given: revoke it where it was made"
        }
    }
}
