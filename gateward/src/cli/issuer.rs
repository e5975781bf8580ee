//! `gateward issuer`

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::access::block_on;
use super::{Context, YES, no};
use crate::flows::issuers::{self, Error, IssuerName};

/// Look at issuers of signed tokens and JWTs and take one out.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Issuer {
    /// List the issuers of the configuration file.
    List,
    /// Believe an issuer no more, whatever the file says; its logins open nothing from now on.
    Revoke {
        /// The full fingerprint of its OpenPGP key, or the URL of an OIDC issuer.
        issuer: IssuerName,
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
                for issuer in policy.oidc.iter() {
                    let issuer = issuer.issuer();
                    let status = if policy.is_issuer_revoked(issuer) { "taken out" } else { "usable" };
                    let json = json!({ "issuer": issuer, "algorithm": "OIDC", "status": status });
                    context.print(out, &format!("{issuer}  OIDC  {status}"), &json)?;
                }
                Ok(YES)
            }
            Self::Revoke { issuer } => {
                match block_on(issuers::revoke(&access.door, issuer.clone(), &access.by, access.now))? {
                    Ok(()) => {
                        let text =
                            format!("{issuer} is believed no more; take it out of the configuration, too");
                        context.print(out, &text, &json!({ "issuer": issuer.to_string() }))?;
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
