//! `gateward issuer`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::access::block_on;
use super::{Context, YES, no};
use crate::flows::issuers::{self, Error};

/// Look at issuers of signed tokens and take one out.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Issuer {
    /// List the issuers of the configuration file.
    List,
    /// Believe an issuer no more, whatever the file says; its logins open nothing from now on.
    Revoke {
        /// The full fingerprint.
        fingerprint: openpgp::Fingerprint,
    },
}

impl Issuer {
    pub(super) fn run(&self, context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let access = match self {
            Self::List => context.access()?,
            Self::Revoke { .. } => context.access_to_change()?,
        };
        match self {
            Self::List => {
                let policy = access.door.policy.current();
                for key in policy.issuers.iter() {
                    let fingerprint = key.fingerprint().to_string();
                    let status = if policy.is_issuer_revoked(&fingerprint) {
                        "taken out".to_owned()
                    } else {
                        key.status(access.now).to_string()
                    };
                    let certificate = key.certificate();
                    let sha1 = if key.allowances().sha1 { ", SHA-1 allowed" } else { "" };
                    let text = format!("{fingerprint}  {}{sha1}  {status}", certificate.algorithm());
                    let json = json!({
                        "issuer": fingerprint, "algorithm": certificate.algorithm().to_string(),
                        "user_ids": certificate.user_ids(), "allow_sha1": key.allowances().sha1, "status": status,
                    });
                    context.print(out, &text, &json)?;
                }
                Ok(YES)
            }
            Self::Revoke { fingerprint } => {
                match block_on(issuers::revoke(&access.door, *fingerprint, &access.by, access.now))? {
                    Ok(()) => {
                        let text = format!(
                            "{fingerprint} is believed no more; take it out of the configuration, too"
                        );
                        context.print(out, &text, &json!({ "issuer": fingerprint.to_string() }))?;
                        Ok(YES)
                    }
                    Err(error @ Error::NoSuchIssuer(_)) => {
                        eprintln!("gateward: {error}");
                        Ok(no())
                    }
                    Err(error @ Error::Commit(_)) => Err(error.into()),
                }
            }
        }
    }
}
