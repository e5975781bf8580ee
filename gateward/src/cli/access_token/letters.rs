//! `gateward access-token letters`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use crate::cli::files::{Readable, create};
use crate::cli::{Context, YES};
use crate::flows::access_token::letter;

/// Write the letters that come along into a folder, to be edited.
///
/// `letters` in [access_token] names the folder then.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Letters {
    /// The folder; nothing that is there is overwritten.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

impl Letters {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        std::fs::create_dir_all(&self.to).with_context(|| self.to.display().to_string())?;
        for (name, text) in letter::BUILT_IN {
            let path = self.to.join(name);
            create(&path, text, Readable::ByAll)?;
            let path = path.display().to_string();
            context.print(out, &path, &json!({ "file": path }))?;
        }
        Ok(YES)
    }
}
