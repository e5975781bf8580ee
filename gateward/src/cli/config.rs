//! `gateward config`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::access::unreadable;
use super::{Context, YES, no};
use crate::config::Config as File;
use crate::server::{boot, services, system, tls};

/// Look at the configuration.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Config {
    /// Check the file and everything that it names; prints each finding.
    Check,
}

impl Config {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let Self::Check = self;
        let findings = match context.read() {
            Ok(config) => check(&config),
            Err(error @ crate::config::Error::Unreadable { .. }) => return Err(unreadable(&error)),
            Err(error) => vec![error.to_string()],
        };
        for finding in &findings {
            context.print(out, finding, &json!({ "finding": finding }))?;
        }
        if findings.is_empty() {
            context.print(
                out,
                &format!("{}: good", context.config.display()),
                &json!({ "finding": null }),
            )?;
            return Ok(YES);
        }
        Ok(no())
    }
}

/// Looks at everything that the file names, and says what is wrong with each.
fn check(config: &File) -> Vec<String> {
    let strictness = tls::strictness(config.mode);
    let mut findings = Vec::new();
    for tls in config.tls.iter().chain([&config.admin.tls]) {
        findings
            .extend(tls::load(&tls.certificate, &tls.key, strictness).err().map(|error| error.to_string()));
    }
    findings.extend(boot::keyring(&config.keyring).err().map(|error| error.to_string()));
    findings.extend(boot::rules(config).err().map(|error| error.to_string()));
    findings.extend(services::open(config, &system::random()).err().map(|error| error.to_string()));
    match boot::issuers(config) {
        Err(error) => findings.push(error.to_string()),
        Ok(issuers) => {
            let now = system::wall_clock();
            for key in issuers.iter() {
                match key.status(now) {
                    openpgp::KeyStatus::Usable { .. } => {}
                    status => {
                        findings.push(format!("issuer {} makes no login: {status}", key.fingerprint()));
                    }
                }
            }
        }
    }
    findings
}
