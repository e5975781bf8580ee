//! `gateward backup signer`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::{Context, YES};
use crate::flows::keyring::Keyring;
use crate::server::boot;

/// Print the keys that signatures beside backups are checked with, one a line.
///
/// They are public. Another machine needs them: `gateward backup verify FILE --signer KEY`. The last one signs
/// new backups, the others have signed older ones.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Signer {}

impl Signer {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let keyring = Keyring::parse(&boot::keyring_text(&context.config()?.keyring)?)?;
        let signs = keyring.manifest_signer().verifier_key();
        let known = keyring.manifest_verifiers();
        for key in known.iter().filter(|key| *key != signs).chain([signs]) {
            let json = json!({ "signer": key.to_string(), "signs": key == signs });
            context.print(out, &key.to_string(), &json)?;
        }
        Ok(YES)
    }
}
