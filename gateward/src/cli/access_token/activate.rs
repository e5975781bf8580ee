//! `gateward access-token activate`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use crate::base::id::AccessTokenId;
use crate::cli::access::block_on;
use crate::cli::{Context, YES, no};
use crate::flows::access_token::{Error, activate};

/// Let the keys of access tokens that were made with --opaque live.
///
/// Do so when you have spoken with their user, and told them the passphrase: until then the file opens
/// nothing, whoever has it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Activate {
    /// The ids of the access tokens.
    #[arg(required = true)]
    ids: Vec<AccessTokenId>,
}

impl Activate {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access_to_change()?;
        let mut all = true;
        for &id in &self.ids {
            let now = access.door.store.clock.now()?;
            let (text, json) = match block_on(activate(&access.door, id, &access.by, now))? {
                Ok(()) => {
                    (format!("{id}  is activated"), json!({ "access_token": id, "result": "activated" }))
                }
                Err(error @ (Error::Store(_) | Error::Commit(_))) => return Err(error.into()),
                Err(error) => {
                    all = false;
                    let why = error.to_string();
                    (why.clone(), json!({ "access_token": id, "result": "refused", "why": why }))
                }
            };
            context.print(out, &text, &json)?;
        }
        Ok(if all { YES } else { no() })
    }
}
