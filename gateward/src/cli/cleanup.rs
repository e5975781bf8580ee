//! `gateward cleanup`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::access::block_on;
use super::{Context, YES};
use crate::flows::clean_up::clean_up;

/// Delete expired logins now; the server does so every minute anyway.
#[derive(Debug, clap::Args)]
pub(super) struct Cleanup {}

impl Cleanup {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = context.access_to_change()?;
        let deleted = block_on(clean_up(&access.door, Some(&access.by), access.now))??;
        context.print(out, &format!("expired logins deleted: {deleted}"), &json!({ "deleted": deleted }))?;
        Ok(YES)
    }
}
