//! An OpenID Connect issuer in the configuration file.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::Deserialize;

use crate::base::issuer_url::{IssuerUrl, is_safe_to_ask};

/// An issuer whose JWTs are believed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// `iss`, as the issuer spells it; without `jwks`, where its keys are found.
    pub issuer: IssuerUrl,
    /// One of these has to be in `aud`; without a default: a token for another service is none for us.
    pub audience: Vec<String>,
    /// How its tokens may be signed. OpenID Connect's own default (Core section 3.1.3.7).
    #[serde(default = "rs256")]
    pub algorithms: Vec<Algorithm>,
    /// A file with its keys (RFC 7517), instead of asking it.
    pub jwks: Option<PathBuf>,
    /// Certificates that its own must lead to or be; otherwise those that this machine believes.
    pub ca: Option<PathBuf>,
    /// The claim with groups, as in `realm_access.roles`; without it nothing is believed of groups.
    pub groups_claim: Option<ClaimPath>,
    /// The claim with the mail address, as `email`; without it no mail address is believed, because every grant by
    /// mail would go by this issuer's word, too.
    pub mail_claim: Option<ClaimPath>,
    /// Believe the mail address also where `email_verified` is not true beside it.
    #[serde(default)]
    pub trust_mail: bool,
    /// For how long the last keys are believed when it does not answer.
    #[serde(default = "a_day")]
    pub stale_after: SignedDuration,
}

super::parsed!(
    /// A signature algorithm.
    Algorithm(id_token::Algorithm)
);
super::parsed!(
    /// Where a claim stands.
    ClaimPath(id_token::ClaimPath)
);

fn rs256() -> Vec<Algorithm> {
    vec![Algorithm(id_token::Algorithm::Rs256)]
}

fn a_day() -> SignedDuration {
    SignedDuration::from_hours(24)
}

impl Oidc {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.audience.is_empty() || self.audience.iter().any(String::is_empty) {
            return Err("audience names what stands in `aud` of tokens for here");
        }
        if self.algorithms.is_empty() {
            return Err("algorithms names at least one");
        }
        if self.jwks.is_some() && self.ca.is_some() {
            return Err("ca is for asking the issuer, jwks for not asking it: name one of them");
        }
        if self.jwks.is_none() && !is_safe_to_ask(self.issuer.as_str()) {
            return Err(
                "keys are fetched over https (http only on this machine): name a file with them as jwks",
            );
        }
        if self.trust_mail && self.mail_claim.is_none() {
            return Err("trust_mail is about the mail address in mail_claim: name that, too");
        }
        if self.stale_after < SignedDuration::from_hours(1) {
            return Err("stale_after is at least 1h: keys are fetched once an hour");
        }
        Ok(())
    }

    /// Takes relative paths from `folder`.
    pub(super) fn anchor(&mut self, folder: &Path) {
        for path in self.jwks.iter_mut().chain(&mut self.ca) {
            *path = folder.join(&*path);
        }
    }
}
