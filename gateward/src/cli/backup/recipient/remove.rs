//! `gateward backup recipient remove`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::{folder, jobs};
use crate::cli::backup::recorded::catch_up_or_say;
use crate::cli::backup::workshop::Workshop;
use crate::cli::terminal::say;
use crate::cli::{Context, YES, no};
use crate::flows::record::BackupWhat;

/// Let no more backups be sealed to a key; what was sealed to it before it still opens.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Remove {
    /// The fingerprint, or the 16 digits of the key id.
    key: String,
}

impl Remove {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let workshop = Workshop::open(context)?;
        let folder = folder(&workshop.config);
        let fingerprint = match folder.read()?.by_key_id(&self.key) {
            Ok(fingerprint) => fingerprint,
            Err(error) => {
                say(&error.to_string());
                return Ok(no());
            }
        };
        let named = jobs(&workshop.config).into_iter().filter(|(_, keys)| keys.contains(&fingerprint));
        let named: Vec<String> = named.map(|(job, _)| job.to_string()).collect();
        if !named.is_empty() {
            say(&format!(
                "{fingerprint} is named by {}: take it out of `recipients` in {} first, or there is no backup",
                named.join(", "),
                context.config.display()
            ));
            return Ok(no());
        }
        let gone = BackupWhat::BackupRecipientRemoved { fingerprint: fingerprint.to_string() };
        workshop.job.note(gone)?;
        folder.remove(&fingerprint)?;
        catch_up_or_say(context, &workshop.job.spool);
        let json = json!({ "fingerprint": fingerprint.to_string() });
        context.print(out, &format!("removed {fingerprint}; older backups still open with it"), &json)?;
        Ok(YES)
    }
}
